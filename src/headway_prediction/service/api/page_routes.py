"""The page: its files, read once from the package, and Plotly's script from the installed package.

A request names a file of this list; no path of a client is looked up on the disk.
"""

import asyncio
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.rendering import REVALIDATE, Rendered, respond

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
PLOTLY = "plotly.min.js"
ONE_WEEK = "public, max-age=604800"


def page_files(web: Path) -> dict[str, Rendered]:
    """Return the files of the page by their names below `web`."""
    return {
        path.relative_to(web).as_posix(): Rendered(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in sorted(web.rglob("*"))
        if path.is_file() and path.suffix in MEDIA_TYPES
    }


def page_routes(web: Path) -> APIRouter:
    """Return the routes of the page: / and /static/…"""
    router = APIRouter(include_in_schema=False)
    pages = page_files(web) | {PLOTLY: _plotly()}

    @router.get("/")
    async def index(request: Request) -> Response:
        return await _page(request, pages, "index.html")

    @router.get("/static/{name:path}")
    async def static(request: Request, name: str) -> Response:
        return await _page(request, pages, name)

    return router


async def _page(request: Request, pages: dict[str, Rendered], name: str) -> Response:
    if name not in pages:
        found, expected = f"the page has no file {name[:80]!r}", f"one of {', '.join(pages)}"
        raise ApiError(404, found, expected, "begin at /")
    rendered = pages[name]
    await asyncio.to_thread(getattr, rendered, "gzipped")  # a third of a second for Plotly's, once
    return respond(request, rendered, ONE_WEEK if name == PLOTLY else REVALIDATE)


def _plotly() -> Rendered:
    script = files("plotly") / "package_data" / PLOTLY
    return Rendered(script.read_bytes(), MEDIA_TYPES[".js"])
