"""What all views share: the station, the templates, the words, and what they know of a visitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from blemish.names import harmless
from blemish.station.page.access import Role, Visitor
from blemish.station.page.shots import Shots
from blemish.station.page.texts import LANGUAGES, Texts

if TYPE_CHECKING:
    from blemish.station.station import Station

LANGUAGE_COOKIE = "language"
A_YEAR = 365 * 24 * 3600

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
    environment.filters["name"] = lambda text: "–" if text is None else harmless(str(text))
    return environment


@dataclass(frozen=True)
class Page:
    """The page of a station."""

    station: Station
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
        status: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """A page, or a part of one, filled in.

        Args:
            request: that asks for it.
            visitor: who; `None` before signing in.
            template: its name, without what all of them end with.
            status: of the answer.
            values: that the template is given.
        """
        answer = HTMLResponse(self.filled(request, visitor, template, **values), status)
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

    def triggered(self) -> list[str]:
        """Names of the cameras."""
        return [camera.name for camera in self.station.site.cameras]

    def recipes(self) -> list[str]:
        """Names of the recipes."""
        return list(self.station.site.recipes)
