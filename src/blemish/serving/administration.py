"""Which models there are, and what takes their places."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePath

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from blemish.serving.answers import answers
from blemish.serving.guard import needs
from blemish.serving.models import Models, Served
from blemish.serving.tokens import Role

router = APIRouter(tags=["models"])
HASH_START = r"^[0-9a-f]{6,64}$"


class About(BaseModel):
    """A model in its place.

    Attributes:
        name: by which it is asked for.
        sha256: of its file.
        file: its name.
        since: when it took its place.
        detector: that was fitted.
        threshold: above which a score is a defect.
        before: hashes of those that it can be rolled back to, the latest last.
    """

    name: str
    sha256: str
    file: str
    since: datetime
    detector: str
    threshold: float
    before: list[str]


class Reload(BaseModel):
    """What is to take a model's place.

    Attributes:
        file: of the folder that the model's file lies in; by default the same file, read again.
        sha256: that its hash must begin with.
    """

    file: str | None = Field(None, max_length=255)
    sha256: str | None = Field(None, pattern=HASH_START)


class RollBack(BaseModel):
    """What is to come back.

    Attributes:
        sha256: that its hash begins with; by default the one before.
    """

    sha256: str | None = Field(None, pattern=HASH_START)


@router.get("/v1/models", dependencies=[Depends(needs(Role.VIEWER))], responses=answers())
async def list_models(request: Request) -> list[About]:
    """All models."""
    models: Models = request.app.state.models
    return [about(models, name) for name in models.names]


@router.get("/v1/models/{name}", dependencies=[Depends(needs(Role.VIEWER))], responses=answers(404))
async def show_model(request: Request, name: str) -> About:
    """One of them."""
    return about(request.app.state.models, name)


@router.post(
    "/v1/models/{name}/reload",
    dependencies=[Depends(needs(Role.ENGINEER))],
    responses=answers(400, 404, 422),
)
async def reload(request: Request, name: str, wanted: Reload | None = None) -> About:
    """Read a model file, try it, and let it judge from then on."""
    models: Models = request.app.state.models
    wanted = wanted or Reload(file=None, sha256=None)
    path = beside(models.get(name), wanted.file)
    await run_in_threadpool(models.reload, name, path, sha256=wanted.sha256)
    return about(models, name)


@router.post(
    "/v1/models/{name}/rollback",
    dependencies=[Depends(needs(Role.ENGINEER))],
    responses=answers(400, 404, 422),
)
async def roll_back(request: Request, name: str, wanted: RollBack | None = None) -> About:
    """Let a model of before judge again, at once."""
    models: Models = request.app.state.models
    models.roll_back(name, None if wanted is None else wanted.sha256)
    return about(models, name)


def about(models: Models, name: str) -> About:
    """What is told of a model. Raises `UnknownModelError`."""
    now, before = models.get(name), models.before(name)
    return About(
        name=now.name,
        sha256=now.model.sha256,
        file=now.path.name,
        since=now.since,
        detector=now.model.detector,
        threshold=now.model.calibration.image_threshold,
        before=[one.sha256 for one in before],
    )


def beside(served: Served, file: str | None) -> Path:
    """A file of the folder that a model's file lies in, and of no other."""
    if file is None:
        return served.path
    plain = PurePath(file).name == file and "\\" not in file and "\0" not in file
    path = served.path.parent / file
    if not plain or path.resolve().parent != served.path.parent.resolve():
        raise HTTPException(400, f"'{file}' is no name of a file beside {served.path.name}.")
    return path
