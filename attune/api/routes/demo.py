"""The page /demo: it streams the browser's microphone and draws what is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse

from attune.api.problems import HttpProblem

router = APIRouter(include_in_schema=False)

_FOLDER: Final = Path(__file__).parents[1] / "demo"
_TYPES: Final = {"demo.css": "text/css", "demo.js": "text/javascript", "recorder.js": "text/javascript"}
_HEADERS: Final = {
    # Nothing from elsewhere is loaded, and nothing is sent elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@router.get("/demo")
async def page() -> FileResponse:
    """The page."""
    return FileResponse(_FOLDER / "index.html", media_type="text/html", headers=_HEADERS)


@router.get("/demo/{name}")
async def part(name: str) -> FileResponse:
    """Its style sheet or one of its scripts."""
    if name not in _TYPES:
        raise HttpProblem(404, "The demo page is at /demo.")
    return FileResponse(_FOLDER / name, media_type=_TYPES[name], headers=_HEADERS)
