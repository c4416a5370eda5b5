"""Checkpoints of a training: one safetensors file, written whole, that tells what it belongs to.

Never read without checking that settings, images and teacher are those of the training at hand,
and that every number is as it was written.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from blemish.errors import BlemishError
from blemish.files import looking_at, make_folder, write_whole

FORMAT = 3  # to be raised when a checkpoint means something else
KEY = "blemish.efficientad"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training is kept, and what decides its result.

    Attributes:
        path: of the file.
        made_of: plain JSON values; a file with others belongs to another training.
    """

    path: Path
    made_of: dict[str, Any]

    def write(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Write tensors and JSON values: whole, or what was there stays.

        Raises:
            BlemishError: it cannot be written.
        """
        from safetensors.torch import save

        flat = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        facts = {"format": FORMAT, "made_of": self.made_of, **facts}
        text = json.dumps(facts | {"sha256": _digest(flat, facts)}, sort_keys=True)
        make_folder(self.path.parent)
        write_whole(self.path, save(flat, {KEY: text}))

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """What was written last; `None` where there is nothing.

        Raises:
            BlemishError: the file is damaged, foreign, or belongs to another training.
        """
        with looking_at(self.path):
            if not self.path.exists():
                return None
        tensors, facts = self._parsed()
        if facts.get("format") != FORMAT:
            raise self._refused("was written by another version of blemish")
        if facts.pop("sha256", None) != _digest(tensors, facts):
            raise self.damaged()
        differing = _differences(facts["made_of"], self.made_of)
        if differing:
            raise self._refused(f"belongs to another training ({differing})")
        return tensors, facts

    def _parsed(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        from safetensors import safe_open

        try:
            with safe_open(self.path, "pt") as file:
                facts = json.loads(file.metadata()[KEY])
                return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
        except Exception as error:  # SafetensorError, and what a foreign file lacks
            raise self.damaged() from error

    def damaged(self) -> BlemishError:
        """What to say of a file that cannot be read, or lacks something."""
        return self._refused("is damaged, or no checkpoint of EfficientAd")

    def _refused(self, why: str) -> BlemishError:
        return BlemishError(
            f"Checkpoint '{self.path}' {why}. Delete it to begin anew, or name another folder."
        )


def _digest(tensors: dict[str, Tensor], facts: dict[str, Any]) -> str:
    """A hash over all that a file holds."""
    found = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    """In which values two mappings differ, in words."""
    told = []
    for name in sorted(there.keys() | here.keys()):
        one, other = there.get(name), here.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            told += [_differences(one, other)] if one != other else []
        elif one != other:
            values = f" {one} there, {other} here" if len(f"{one}{other}") < 40 else " not the same"
            told.append(f"{name}:{values}")
    return "; ".join(told)


def same_shape(tensors: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    """Whether tensors have the names and shapes wanted."""
    shapes = {name: value.shape for name, value in tensors.items()}
    return shapes == {name: value.shape for name, value in wanted.items()}
