"""Timers that write down when they ran, and an HTTP function that tells."""

import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
runs: dict[str, int] = {"every_second": 0, "at_start": 0, "failing": 0}


@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
async def every_second(timer: func.TimerRequest) -> None:
    runs["every_second"] += 1


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    runs["at_start"] += 1


@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
async def failing(timer: func.TimerRequest) -> None:
    runs["failing"] += 1
    raise RuntimeError("this occurrence failed")


@app.route(route="runs", methods=["GET"])
async def tell_runs(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(runs))
