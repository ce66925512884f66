"""Starts the app from the unzipped package, with nothing else on the path, and calls one of its handlers.

A program of its own for a bare Python 3.13: `python -I -S package_alone.py <folder> < call.json > report.json`. The
report says what was loaded besides, so that a dependency that is found elsewhere can't hide a missing one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SITE_PACKAGES = ".python_packages/lib/site-packages"


def find_foreign_modules(folder: str) -> list[str]:
    """Modules that came neither from the package nor from Python itself."""
    own, standard = (folder, __file__), sys.base_prefix
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return sorted(
        f"{name}: {file}"
        for name, file in files.items()
        if file and not file.startswith(own) and (not file.startswith(standard) or "site-packages" in file)
    )


def find_mapped(name: str) -> list[str]:
    """The files of this name that the process has mapped."""
    paths = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if name in line}
    return sorted(paths)


async def call_handler(app: Any, call: dict[str, Any]) -> dict[str, Any]:
    import azure.functions as func

    handlers = {function.get_function_name(): function.get_user_function() for function in app.get_functions()}
    query = dict(parse_qsl(urlsplit(call["url"]).query))
    request = func.HttpRequest(
        call["method"], call["url"], headers=call["headers"], params=query, body=call["body"].encode()
    )
    response = await handlers[call["function"]](request)
    return {"status": response.status_code, "body": json.loads(response.get_body()), "functions": sorted(handlers)}


def main() -> None:
    folder, call = sys.argv[1], json.load(sys.stdin)
    sys.path[:0] = [folder, str(Path(folder, SITE_PACKAGES))]
    from function_app import app

    answer = asyncio.run(call_handler(app, call))
    libraries = find_mapped("libgomp") + find_mapped("lib_lightgbm")
    json.dump({**answer, "foreign_modules": find_foreign_modules(folder), "libraries": libraries}, sys.stdout)


if __name__ == "__main__":
    main()
