"""An app whose function wants a key, which the local host doesn't check."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="keyed")
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("")
