"""Bodies of requests that ask for a verdict: read in memory, by those alone that have a place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from blemish.serving.waiting import BusyError, Waiting

NAME_CHARACTERS = 300


@asynccontextmanager
async def place_for(request: Request) -> AsyncIterator[None]:
    """A place for a request whose body has not been read yet.

    Raises:
        BusyError: there is none. The body was passed over: with bytes unread the connection would
            be reset, and the answer lost on its way.
    """
    waiting: Waiting = request.app.state.waiting
    refusal = waiting.refusal
    if refusal is not None:
        async for _ in request.stream():
            pass
        raise BusyError(refusal)
    with waiting.place():
        yield


async def image_of(request: Request) -> tuple[bytes, str | None]:
    """The bytes of an image file, and what it is called: the body, or the part `image` of a form.

    Raises:
        HTTPException: the form is none, or lacks the part.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body(), None
    parser = _InMemory(request.headers, request.stream(), max_files=1, max_fields=0)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise HTTPException(400, f"The form cannot be read: {error}") from error
    image = form.get("image")
    if not isinstance(image, UploadFile):
        raise HTTPException(400, "The form must have the file in its part 'image'.")
    name = (image.filename or "")[:NAME_CHARACTERS]
    return await image.read(), name or None


class _InMemory(MultiPartParser):
    """Bodies are bounded, so that none needs a file on the disk."""

    spool_max_size = 1 << 40
    max_file_size = 1 << 40  # the name of before
