"""Detectors as other packages might register them, each with something wrong before any fit."""

from __future__ import annotations

from dataclasses import dataclass, field, make_dataclass
from typing import Literal

from blemish.settings import setting
from toy import Toy, ToySettings


def with_setting(name, kind, **options):
    """A detector of a name that has one more setting, of some type."""
    options = options or {"default": None, "metadata": setting(None, "what it is").metadata}
    more = make_dataclass("More", [("more", kind, field(**options))], bases=(ToySettings,),
                          frozen=True)  # fmt: skip
    return type("Faulty", (Toy,), {"name": name, "settings_class": more})


Dict = with_setting("Dict", dict)
Choice = with_setting("Choice", Literal["a", "b"])
Nested = with_setting("Nested", tuple[tuple[int, ...], ...])
Mixed = with_setting("Mixed", tuple[int, str])
Bare = with_setting("Bare", tuple)
Forward = with_setting("Forward", "Nowhere")
NoDefault = with_setting("NoDefault", int, kw_only=True)
MadeDefault = with_setting("MadeDefault", str, default_factory=str)
BadLimits = with_setting("BadLimits", int, default=1, metadata={"limits": "few"})
BadDefault = with_setting("BadDefault", int, default="many")
NoSettings = type("NoSettings", (Toy,), {"name": "NoSettings", "settings_class": dict})
NumberOfSettings = type("NumberOfSettings", (Toy,), {"name": "NumberOfSettings",
                                                     "settings_class": 5})  # fmt: skip
Renamed = type("Renamed", (Toy,), {"name": "patchcore"})
an_object = Toy()


class Undescribed(Toy):
    name = "Undescribed"

    @dataclass(frozen=True)
    class settings_class(ToySettings):  # noqa: N801
        @classmethod
        def described(cls):
            raise ZeroDivisionError("no word")


class Raises(type):
    def __getattr__(cls, name):
        raise RuntimeError(f"no {name} here")


class Meta(metaclass=Raises):
    pass


class UnspeakableError(Exception):
    def __str__(self):
        raise ValueError


def __getattr__(name):
    """What happens when one of these is imported."""
    if name == "Silent":
        raise UnspeakableError
    if name == "Exit":
        raise SystemExit(3)
    if name == "Base":
        raise BaseException("all of it")
    raise AttributeError(name)
