"""Two apps at top level, which the worker refuses."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
other = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
