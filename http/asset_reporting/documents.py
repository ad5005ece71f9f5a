"""`/openapi.json`, `/asyncapi.json` and `/docs`, a page that needs nothing from the internet.

They are open without an API key, like the probes: they say what docs/ of this project says, hold nothing of this
installation but topic names, and whoever gets a key must be able to read first how to use it.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from asset_reporting.openapi import MEDIA_TYPES, PAGE_FILES, openapi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

_HEADERS: Final = {
    # Everything from here and nothing inline, but for the small images that Swagger UI's style sheet has in itself.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_START: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""

# Addresses are relative, so that the page works below any prefix of an ingress.
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>asset-bridge: HTTP API</title>
{head}</head>
<body>
<nav aria-label="Documents"><a href="openapi.json">OpenAPI</a>{asyncapi}</nav>
<main id="swagger-ui">{main}</main>
{scripts}</body>
</html>
"""
_HEAD: Final = """<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
"""
_SCRIPTS: Final = """<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
"""
_NO_SCRIPT: Final = "<noscript>This page needs JavaScript; the documents above do not.</noscript>"
_NOT_INSTALLED: Final = (
    "<p>The interactive page needs an extra: <code>pip install 'dagster-asset-bridge[docs]'</code></p>"
)


def document_routes(*, secured: bool, probes: bool, asyncapi: Mapping[str, Any] | None) -> list[BaseRoute]:
    """Route the documents of an application that asks for API keys or not, and answers probes or not."""
    http = openapi(secured=secured, probes=probes, asyncapi=asyncapi is not None)
    page = HTMLResponse(_page(kafka=asyncapi is not None), headers=_HEADERS)
    kafka = [] if asyncapi is None else [_route("/asyncapi.json", JSONResponse(asyncapi, headers=_HEADERS))]
    files = [_route("/docs", page), Route("/docs/{file}", _serve_file)]
    return [_route("/openapi.json", JSONResponse(http, headers=_HEADERS)), *kafka, *files]


def _route(path: str, answer: Response) -> Route:
    """Route to an answer that is always the same: written once, as that takes milliseconds of everybody's time."""

    async def serve(_: Request) -> Response:
        return answer

    return Route(path, serve)


async def _serve_file(request: Request) -> Response:
    name: str = request.path_params["file"]
    folder = _swagger_ui()
    if name not in PAGE_FILES or folder is None:
        raise HTTPException(404)
    if name == "start.js":
        return Response(_START, media_type="text/javascript", headers=_HEADERS)
    # By name, as what Python guesses depends on the machine.
    return FileResponse(folder / name, media_type=MEDIA_TYPES[PurePath(name).suffix], headers=_HEADERS)


def _page(*, kafka: bool) -> str:
    interactive = _swagger_ui() is not None
    return _PAGE.format(
        head=_HEAD if interactive else "",
        asyncapi=' <a href="asyncapi.json">AsyncAPI</a>' if kafka else "",
        main=_NO_SCRIPT if interactive else _NOT_INSTALLED,
        scripts=_SCRIPTS if interactive else "",
    )


@cache
def _swagger_ui() -> Path | None:
    """Where the package has Swagger UI's files; found without importing it, which would import Flask."""
    spec: ModuleSpec | None = importlib.util.find_spec("flask_swagger_ui")
    return Path(spec.origin).parent / "dist" if spec is not None and spec.origin is not None else None
