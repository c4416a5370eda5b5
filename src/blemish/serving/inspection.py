"""`POST /v1/inspect`: an image in, what `blemish predict` says of it out."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from numpy.typing import NDArray
from starlette.responses import JSONResponse

from blemish.images.overlay import encode_jpeg, overlay
from blemish.images.score_map import MapEncoding, encode_score_map
from blemish.serving.answers import answers
from blemish.serving.bodies import NAME_CHARACTERS, image_of, place_for
from blemish.serving.drift import Drift
from blemish.serving.guard import needs
from blemish.serving.metrics import Metrics
from blemish.serving.models import Judged, Models, Served
from blemish.serving.tokens import Role
from blemish.serving.waiting import Waiting

LONG_SIDE_PX, QUALITY = 1600, 90  # of an overlay

router = APIRouter(tags=["inspection"], dependencies=[Depends(needs(Role.OPERATOR))])


class Answer(StrEnum):
    """What is given back."""

    JSON = "json"
    OVERLAY = "overlay"
    NPY = "npy"
    PNG16 = "png16"
    TIFF = "tiff"


MEDIA = {
    Answer.OVERLAY: "image/jpeg",
    Answer.NPY: "application/octet-stream",
    Answer.PNG16: "image/png",
    Answer.TIFF: "image/tiff",
}
MAPS: dict[Answer, MapEncoding] = {
    Answer.NPY: "npy",
    Answer.PNG16: "png16",
    Answer.TIFF: "tiff",
}
_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"image": _FILE}, "required": ["image"]}
        },
    },
}
_RESULTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What the model says; of a drawing or map, in its headers.",
        "content": {media: {"schema": _FILE} for media in sorted(set(MEDIA.values()))}
        | {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.post(
    "/v1/inspect",
    responses=_RESULTS | answers(400, 404, 408, 413, 415, 422, 503, 504),
    response_class=Response,
    openapi_extra={"requestBody": _BODY},
)
async def inspect(
    request: Request,
    model: Annotated[str | None, Query(description="Which; the only one by default.")] = None,
    answer: Answer = Answer.JSON,
    outlines: Annotated[bool, Query(description="Tell the outline of each region.")] = False,
    name: Annotated[
        str | None, Query(max_length=NAME_CHARACTERS, description="What the image is called.")
    ] = None,
) -> Response:
    """Judge an image file: its bytes are the body, or the part `image` of a form."""
    return await _inspect(request, model, answer, outlines=outlines, name=name)


@router.post(
    "/v1/models/{model}/inspect",
    responses=_RESULTS | answers(400, 404, 408, 413, 415, 422, 503, 504),
    response_class=Response,
    openapi_extra={"requestBody": _BODY},
)
async def inspect_by(
    request: Request,
    model: Annotated[str, Path()],
    answer: Answer = Answer.JSON,
    outlines: Annotated[bool, Query(description="Tell the outline of each region.")] = False,
    name: Annotated[
        str | None, Query(max_length=NAME_CHARACTERS, description="What the image is called.")
    ] = None,
) -> Response:
    """The same by the model in the address."""
    return await _inspect(request, model, answer, outlines=outlines, name=name)


async def _inspect(
    request: Request, model: str | None, answer: Answer, *, outlines: bool, name: str | None
) -> Response:
    models: Models = request.app.state.models
    waiting: Waiting = request.app.state.waiting
    metrics: Metrics = request.app.state.metrics
    models.get(model)  # before the body is read
    async with place_for(request):
        start = time.perf_counter()
        content, called = await image_of(request)
        judged, drawn = await waiting.run(
            _judge, request.app, model, content, name or called, answer, outlines=outlines
        )
        metrics.judged(judged, time.perf_counter() - start)
    headers = {
        "Blemish-Model": judged.served.model.sha256,
        "Blemish-Verdict": str(judged.prediction.verdict),
        "Blemish-Score": repr(judged.prediction.score),
    }
    if drawn is None:
        return JSONResponse(judged.prediction.to_dict(), headers=headers)
    return Response(drawn, media_type=MEDIA[answer], headers=headers)


def _judge(
    app: FastAPI,
    model: str | None,
    content: bytes,
    name: str | None,
    answer: Answer,
    *,
    outlines: bool,
) -> tuple[Judged, bytes | None]:
    """What a model says, and the drawing or map that was asked for; in a thread that judges."""
    served = app.state.models.get(model)
    judged = judge(app, served, content, file_name=name, outlines=outlines)
    if answer == Answer.JSON:
        return judged, None
    if answer == Answer.OVERLAY:
        return judged, overlay_of(judged)
    return judged, encode_score_map(judged.prediction.score_map, MAPS[answer])


def judge(app: FastAPI, served: Served, content: bytes | NDArray[Any], **how: Any) -> Judged:
    """What a model says of an image; its monitor is told, where there is one."""
    models: Models = app.state.models
    drift: Drift | None = app.state.drift
    judged = models.judge_by(served, content, looks=drift is not None, **how)
    if drift is not None:
        drift.update(judged)
    return judged


def overlay_of(judged: Judged) -> bytes:
    """The heat map and the regions over the image, as JPEG."""
    model, prediction = judged.served.model, judged.prediction
    drawn = overlay(
        judged.pixels,
        prediction.score_map,
        threshold=model.calibration.pixel_threshold,
        regions=prediction.regions,
        inspected=model.inspected(prediction),
    )
    return encode_jpeg(drawn, long_side_px=LONG_SIDE_PX, quality=QUALITY)
