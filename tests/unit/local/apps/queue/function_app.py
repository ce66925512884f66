"""An app with a trigger that the local host doesn't run."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.queue_trigger(arg_name="message", queue_name="q", connection="c")
def takes_message(message: func.QueueMessage) -> None:
    pass
