"""A part taught to the model that judged it: tried first, looked at, then put in its place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from blemish.errors import UsageError
from blemish.images.header import probe_image
from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.station.inspection import Outcome
from blemish.station.page.access import TEXT, Answers, NotThereError, Role, Visitor, visits
from blemish.station.page.job import Job
from blemish.station.page.lessons import Trial, taught
from blemish.station.page.page import Page
from blemish.station.page.shown import PartShown

if TYPE_CHECKING:
    from blemish.ledger.entry import Row

OTHERS = 30  # parts of late that a new model is tried on
LOOKED_AT = 300  # parts among which those with pictures are
NEW_FILE = "taught.onnx"
Engineer = Annotated[Visitor, Depends(visits(Role.ENGINEER))]
As = Literal["good", "defect"]
Box = tuple[int, int, int, int]


class Asked(BaseModel):
    """What is to be learned from a part.

    Attributes:
        camera: whose image.
        kind: what the part is.
        because: the reason.
        box: where a defect is, as shares of the image, `x0,y0,x1,y1`; empty for what is flagged.
    """

    camera: str = Field(max_length=200)
    kind: As
    because: str = Field("", max_length=500, pattern=TEXT)
    box: str = Field("", max_length=200)


@dataclass(frozen=True)
class Lesson:
    """What is being tried.

    Attributes:
        number: of the part's row.
        name: of the model.
        sha256: of the model that is taught.
        kind: what the part is.
        job: that tries it.
        new: file of the new model.
    """

    number: int
    name: str
    sha256: str
    kind: As
    job: Job
    new: Path


def routes(page: Page) -> APIRouter:
    """The card of a part, the trial, and what follows."""
    router = APIRouter(route_class=Answers, include_in_schema=False)
    lessons: list[Lesson] = []  # one at most

    def of_part(number: int) -> Lesson:
        if not lessons or lessons[0].number != number:
            raise NotThereError("Nothing is being learned from this part.")
        return lessons[0]

    @router.get("/parts/{number}/teach")
    def card(request: Request, number: int, visitor: Engineer) -> HTMLResponse:
        part = PartShown.of(page.inspection_row(number))
        cameras = [v.camera for v in part.views if v.model and page.picture(part, v.camera)]
        lesson = next((one for one in lessons if one.number == number), None)
        busy = bool(lessons) and lesson is None and not lessons[0].job.over
        return page.show(
            request, visitor, "teach", part=part, cameras=cameras, lesson=lesson, busy=busy
        )

    @router.post("/parts/{number}/teach")
    def begin(number: int, _: Engineer, asked: Asked) -> dict[str, Any]:
        if lessons and not lessons[0].job.over:
            raise UsageError("Another part is being learned; wait for it, or stop it.")
        part = PartShown.of(page.inspection_row(number))
        lessons[:] = [_begun(page, part, asked)]
        return {}

    @router.post("/parts/{number}/teach/discard")
    def discard(number: int, _: Engineer) -> dict[str, Any]:
        lesson = of_part(number)
        lesson.job.stop()
        lessons.clear()
        lesson.new.unlink(missing_ok=True)
        return {}

    @router.post("/parts/{number}/teach/accept")
    async def accept(number: int, visitor: Engineer) -> dict[str, Any]:
        lesson = of_part(number)
        result = lesson.job.result
        if result is None:
            raise UsageError("It has not been tried to the end yet.")
        if page.station.models.get(lesson.name).model.sha256 != lesson.sha256:
            raise UsageError("Another model judges by now: discard this, and try it on that one.")
        lessons.clear()
        before, after = await asyncio.to_thread(page.versions.put, lesson.name, lesson.new)
        lesson.new.unlink(missing_ok=True)
        body = {"model": lesson.name, "before": before, "after": after}
        body |= {key: result[key] for key in ("step", "promise")}
        act = "learn" if lesson.kind == "good" else "learn-defect"
        await page.record(act, visitor, body, refers_to=number)
        return {"next": f"/parts/{number}"}

    return router


def _begun(page: Page, part: PartShown, asked: Asked) -> Lesson:
    """A trial in a process of its own. Raises `UsageError` where there is nothing to try."""
    camera, image = asked.camera, page.picture(part, asked.camera)
    recipe = page.station.site.recipes.get(part.recipe or "")
    if image is None or recipe is None:
        raise UsageError("No picture of this part is kept, or its recipe is gone.")
    name = recipe.model_of(camera).removesuffix(".onnx")
    served = page.station.models.get(name)
    rows = page.station.ledger.rows(
        Query(kinds=[Kind.INSPECTION], recipe=recipe.name), most=LOOKED_AT
    )
    good = None
    if asked.kind == "defect":
        passed = [row for row in rows if row.entry.verdict == Outcome.GOOD]
        good = list(_pictures(page, passed, camera, but=part.number).values())
    new = page.station.site.folder / "models" / "before" / NEW_FILE
    new.parent.mkdir(parents=True, exist_ok=True)
    trial = Trial(
        model=str(served.path),
        image=str(image),
        new=str(new),
        others=_pictures(page, rows, camera, but=part.number),
        good=good,
        box_xyxy=_box(asked.box, image),
        because=asked.because,
    )
    job = Job.start(taught, trial)
    return Lesson(part.number, name, served.model.sha256, asked.kind, job, new)


def _pictures(page: Page, rows: list[Row], camera: str, *, but: int) -> dict[int, str]:
    """Files of parts of late, by their numbers."""
    found: dict[int, str] = {}
    for row in rows:
        path = page.picture(PartShown.of(row), camera)
        if path is not None and row.number != but:
            found[row.number] = str(path)
        if len(found) == OTHERS:
            break
    return found


def _box(shares: str, image: Path) -> Box | None:
    """Where a defect is, in pixels, from shares of the image's width and height, `x0,y0,x1,y1`."""
    if not shares:
        return None
    try:
        numbers = [float(word) for word in shares.split(",")]
        if not all(map(isfinite, numbers)):
            raise ValueError
        x0, y0, x1, y1 = (min(max(number, 0.0), 1.0) for number in numbers)
    except ValueError:
        raise UsageError(
            f"A box is four numbers from 0 to 1, x0,y0,x1,y1; got '{shares}'."
        ) from None
    height, width = probe_image(image).size_hw
    return int(x0 * width), int(y0 * height), round(x1 * width), round(y1 * height)
