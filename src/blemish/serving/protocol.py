"""The Open Inference Protocol (V2) over HTTP, as KServe and Triton speak it.

A model has one input, `image` (N x H x W x 3, uint8 or uint16), and gives `score` and `score_map`
as its graph does, `verdict`, and `prediction`: the line of `blemish predict`. Its version is the
start of its hash.
"""

from __future__ import annotations

import asyncio
import json
import time
from importlib import metadata
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Header, Request, Response
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from blemish.errors import UsageError
from blemish.serving.answers import answers, problem
from blemish.serving.bodies import place_for
from blemish.serving.guard import needs
from blemish.serving.inspection import judge
from blemish.serving.models import Judged, Models, Served, UnknownModelError
from blemish.serving.tensors import HEADER, Body, encoded
from blemish.serving.tokens import Role
from blemish.serving.waiting import Waiting

INPUT = "image"
OUTPUTS = ("score", "score_map", "verdict", "prediction")
MOST_IMAGES = 64  # of a request
TYPES = {8: "UINT8", 16: "UINT16"}

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
_VIEWER, _OPERATOR = Depends(needs(Role.VIEWER)), Depends(needs(Role.OPERATOR))
_PARAMETERS = {"type": "object", "additionalProperties": {"type": ["boolean", "integer", "string"]}}
_TENSORS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}, "maxItems": 8},
            "datatype": {"enum": list(TYPES.values())},
            "parameters": _PARAMETERS,
            "data": {
                "description": "All values in a row; they may be nested as the shape has it.",
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
            },
        },
    },
}
_WANTED = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"enum": list(OUTPUTS)}, "parameters": _PARAMETERS},
    },
}
_REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": _PARAMETERS,
        "inputs": _TENSORS,
        "outputs": _WANTED,
    },
}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": _REQUEST},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Outputs as JSON, and behind it those that were asked for as bytes.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """Whether the process answers."""
    return {"live": True}


@router.get("/health/ready", responses={503: answers(503)[503]})
async def ready(request: Request) -> Any:
    """Whether images are judged: 503 once the service is about to end."""
    if request.app.state.waiting.draining:
        return problem(request, 503, "The service is about to end.")
    return {"ready": True}


@router.get("", dependencies=[_VIEWER], responses=answers())
async def server() -> dict[str, Any]:
    """What serves, and what it knows besides the protocol."""
    return {
        "name": "blemish",
        "version": metadata.version("blemish"),
        "extensions": ["binary_tensor_data"],
    }


@router.get("/models/{name}", dependencies=[_VIEWER], responses=answers(404))
@router.get("/models/{name}/versions/{version}", dependencies=[_VIEWER], responses=answers(404))
async def about(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    """What a model takes and gives."""
    served = _served(request, name, version)
    model = served.model
    fixed = model.alignment or model.zones
    height, width = (-1, -1) if fixed is None else fixed.size_hw
    return {
        "name": name,
        "versions": [served.version],
        "platform": "blemish",
        "inputs": [_described(INPUT, _type_of(served), [-1, height, width, 3])],
        "outputs": [
            _described("score", "FP32", [-1]),
            _described("score_map", "FP32", [-1, height, width]),
            _described("verdict", "BYTES", [-1]),
            _described("prediction", "BYTES", [-1]),
        ],
    }


@router.get("/models/{name}/ready", dependencies=[_VIEWER], responses=answers(404))
@router.get(
    "/models/{name}/versions/{version}/ready", dependencies=[_VIEWER], responses=answers(404)
)
async def model_ready(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    """Whether a model judges: it does, where it is there."""
    return {"name": _served(request, name, version).name, "ready": True}


_INFERENCE: dict[str, Any] = {
    "dependencies": [_OPERATOR],
    "responses": answers(400, 404, 408, 413, 415, 422, 503, 504) | _ANSWER,
    "response_class": Response,
    "openapi_extra": {"requestBody": _BODY},
}


@router.post("/models/{name}/infer", **_INFERENCE)
@router.post("/models/{name}/versions/{version}/infer", **_INFERENCE)
async def infer(
    request: Request,
    name: str,
    version: str | None = None,
    json_bytes: Annotated[str | None, Header(alias=HEADER)] = None,
) -> Response:
    """Judge images."""
    served = _served(request, name, version)
    async with place_for(request):
        start = time.perf_counter()
        body = await run_in_threadpool(Body.of, await request.body(), json_bytes)
        images = await run_in_threadpool(_images, body, served)
        wanted = body.wanted(OUTPUTS)
        judged = await _judged(request, served, images)
        for one in judged:
            request.app.state.metrics.judged(one, time.perf_counter() - start)
        told = {"model_name": name, "model_version": judged[0].served.version}
        if body.request.id is not None:
            told["id"] = body.request.id
        content, head_bytes = await run_in_threadpool(_encoded, judged, wanted, told)
    if head_bytes is None:
        return Response(content, media_type="application/json")
    headers = {HEADER: str(head_bytes)}
    return Response(content, headers=headers, media_type="application/octet-stream")


def _served(request: Request, name: str, version: str | None) -> Served:
    models: Models = request.app.state.models
    served = models.get(name)
    if version not in (None, served.version):
        raise UnknownModelError(f"'{name}' has the version {served.version} alone.")
    return served


def _images(body: Body, served: Served) -> NDArray[Any]:
    images = body.only_input(INPUT, _type_of(served))
    if images.ndim != 4 or images.shape[-1] != 3:
        raise UsageError(f"'{INPUT}' must be N x H x W x 3; got {list(images.shape)}.")
    if len(images) > MOST_IMAGES:
        raise UsageError(f"A request may have {MOST_IMAGES} images; got {len(images)}.")
    return images


async def _judged(request: Request, served: Served, images: NDArray[Any]) -> list[Judged]:
    """What the model says of each; all come to their end, also where one fails."""
    waiting: Waiting = request.app.state.waiting
    jobs = [waiting.run(judge, request.app, served, image) for image in images]
    judged = []
    for found in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(found, BaseException):
            raise found
        judged.append(found)
    return judged


def _encoded(
    judged: list[Judged], wanted: dict[str, bool], told: dict[str, str]
) -> tuple[bytes, int | None]:
    return encoded(_outputs(judged), wanted, **told)


def _outputs(judged: list[Judged]) -> dict[str, NDArray[Any] | list[str]]:
    predictions = [one.prediction for one in judged]
    return {
        "score": np.array([one.score for one in predictions], np.float32),
        "score_map": np.stack([one.score_map for one in predictions]),
        "verdict": [str(one.verdict) for one in predictions],
        "prediction": [json.dumps(one.to_dict(), allow_nan=False) for one in predictions],
    }


def _type_of(served: Served) -> str:
    return TYPES[served.model.image_format.bit_depth]


def _described(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}
