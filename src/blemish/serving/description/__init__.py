"""The page that describes the service: of its own files, so that nothing is asked elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse

HERE = Path(__file__).parent

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def page() -> FileResponse:
    """The page."""
    return FileResponse(HERE / "page.html", media_type="text/html; charset=utf-8")


@router.get("/docs/page.css")
async def looks() -> FileResponse:
    """How it looks."""
    return FileResponse(HERE / "page.css", media_type="text/css; charset=utf-8")


@router.get("/docs/page.js")
async def behaviour() -> FileResponse:
    """What it does."""
    return FileResponse(HERE / "page.js", media_type="text/javascript; charset=utf-8")
