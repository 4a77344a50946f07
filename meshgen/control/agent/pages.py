"""The pages of a mesh: `/openapi.json` for all of its graphs, and `/docs` to read and try it. Needs no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from meshgen.emit.envoy import DOCS_PATH, OPENAPI_PATH

_HOST = "127.0.0.1"
_ASSETS = f"{DOCS_PATH}/assets"
# Descriptions come from docstrings: should one hold a script, it finds nothing to load and nobody to tell.
_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Pages:
    """An HTTP server on the loopback, behind Envoy."""

    def __init__(self, document: Mapping[str, Any], *, port: int) -> None:
        """Args: the OpenAPI document of the mesh; a free port."""
        self._openapi = json.dumps(document, ensure_ascii=False).encode()
        self._docs = _page(document["info"]["title"])
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on the loopback."""
        app = web.Application()
        app.router.add_get(OPENAPI_PATH, self._give_openapi)
        app.router.add_get(DOCS_PATH, self._give_docs)
        app.router.add_static(_ASSETS, _assets())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port).start()

    async def stop(self) -> None:
        """End at once."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _give_openapi(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type="application/json")

    async def _give_docs(self, _request: web.Request) -> web.Response:
        headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff"}
        return web.Response(body=self._docs, content_type="text/html", charset="utf-8", headers=headers)


def _page(title: str) -> bytes:
    from fastapi.openapi.docs import get_swagger_ui_html

    # Relative, so that the page works behind a proxy that puts a prefix before all paths.
    assets = _ASSETS.removeprefix("/")
    page = get_swagger_ui_html(
        openapi_url=OPENAPI_PATH.removeprefix("/"),
        title=title,
        swagger_js_url=f"{assets}/swagger-ui-bundle.js",
        swagger_css_url=f"{assets}/swagger-ui.css",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"tryItOutEnabled": True, "displayRequestDuration": True},
    )
    return bytes(page.body)


def _assets() -> Path:
    import fastapi_offline

    return Path(fastapi_offline.__path__[0]) / "static"
