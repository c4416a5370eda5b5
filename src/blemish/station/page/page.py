"""What all views share: the station, the templates, the words, and what they know of a visitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from blemish.ledger.entry import Kind
from blemish.names import harmless
from blemish.station.page.access import NotThereError, Role, Visitor
from blemish.station.page.shots import Shots
from blemish.station.page.shown import PartShown
from blemish.station.page.texts import LANGUAGES, NONE, Texts
from blemish.station.page.versions import Versions
from blemish.station.warm import name_of

if TYPE_CHECKING:
    from blemish.ledger.entry import Row
    from blemish.model.model import Model
    from blemish.station.recipe import Recipe
    from blemish.station.station import Station

LANGUAGE_COOKIE = "language"
A_YEAR = 365 * 24 * 3600
MOST_ROWS = 1 << 62

# What the menu leads to, by the names of their texts; the first four have room on a telephone.
PLACES = (
    ("live", "/"),
    ("review", "/review"),
    ("history", "/history"),
    ("statistics", "/statistics"),
    ("recipes", "/recipes"),
    ("models", "/models"),
    ("golden", "/golden"),
    ("cameras", "/cameras"),
    ("health", "/health"),
    ("setup", "/setup"),
)
KEYS = {"live": "l", "review": "r", "history": "h", "statistics": "s"}


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["name"] = lambda text: NONE if text is None else harmless(str(text))
    return environment


@dataclass(frozen=True)
class Page:
    """The page of a station.

    Attributes:
        station: that it shows.
        detector_settings: of PatchCore, for first models.
        shots: pictures of what was shown of late.
    """

    station: Station
    detector_settings: Mapping[str, Any] = field(default_factory=dict)
    shots: Shots = field(default_factory=Shots)
    _templates: Environment = field(default_factory=_environment)

    def texts(self, request: Request) -> Texts:
        """In the language that the visitor chose, or else the site."""
        site = self.station.site
        chosen = request.query_params.get("language") or request.cookies.get(LANGUAGE_COOKIE)
        language = chosen if chosen in LANGUAGES else site.page.language
        return Texts(language, site.shifts.zone)

    def show(
        self,
        request: Request,
        visitor: Visitor | None,
        template: str,
        *,
        code: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """A page, or a part of one, filled in.

        Args:
            request: that asks for it.
            visitor: who; `None` before signing in.
            template: its name, without what all of them end with.
            code: of the answer.
            values: that the template is given.
        """
        answer = HTMLResponse(self.filled(request, visitor, template, **values), code)
        chosen = request.query_params.get("language")
        if chosen in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, chosen, max_age=A_YEAR, samesite="strict")
        return answer

    def filled(
        self, request: Request, visitor: Visitor | None, template: str, **values: Any
    ) -> str:
        """The text of a template, filled in."""
        shared: Mapping[str, Any] = {
            "t": self.texts(request),
            "visitor": visitor,
            "Role": Role,
            "languages": LANGUAGES,
            "places": PLACES,
            "keys": KEYS,
            "here": request.url.path,
            "station": self.station.site.station.name,
        }
        return self._templates.get_template(f"{template}.html.j2").render({**shared, **values})

    def cameras(self) -> list[str]:
        """Names of the cameras."""
        return [camera.name for camera in self.station.site.cameras]

    def takes_triggers(self, camera: str) -> bool:
        """Whether an image can be asked of a camera: of all but those that say otherwise."""
        return self.station.sources[camera].takes_triggers

    def recipes(self) -> list[str]:
        """Names of the recipes."""
        return list(self.station.site.recipes)

    def model_file(self, name: str) -> Path:
        """The file of a model, by the name that a recipe has for it."""
        return self.station.site.models / f"{name_of(name)}.onnx"

    def lacks_model(self, recipe: Recipe) -> bool:
        """Whether a recipe names a model that is not there."""
        return not all(self.model_file(file).is_file() for file in recipe.models)

    @cached_property
    def versions(self) -> Versions:
        """The models by name, with those of before."""
        return Versions(self.station.site.models, self.station.models)

    def model_by(self, sha256: str) -> Model:
        """A model by its hash. Raises `NotThereError` where it is not warm any more."""
        models = self.station.models
        for name in models.names:
            if (model := models.get(name).model).sha256 == sha256:
                return model
        raise NotThereError("The model that judged is not loaded any more.")

    def inspection_row(self, number: int) -> Row:
        """The row of an inspection. Raises `NotThereError`."""
        row = self.station.ledger.row(number) if 0 < number < MOST_ROWS else None
        if row is None or row.entry.kind != Kind.INSPECTION:
            raise NotThereError(f"Row {number} is no inspection.")
        return row

    def picture(self, part: PartShown, camera: str, what: str = "image") -> Path | None:
        """The file of a picture of a part, if it is kept."""
        if part.view(camera) is None:
            return None
        path: Path | None = self.station.pictures.path_of(part.id, camera, what)
        return path

    async def record(
        self, act: str, visitor: Visitor, values: Mapping[str, Any], *, refers_to: int | None = None
    ) -> None:
        """Write down who did what. Raises `BlemishError`."""
        await self.station.act(act, who=visitor.name, body=values, refers_to=refers_to)
