"""What has to be said of annotations: what is taken for granted, left out, or odd in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from blemish.data.annotations.annotation import Annotation
from blemish.data.annotations.parts import names_a_part
from blemish.data.annotations.registry import Found
from blemish.data.entry import Entry
from blemish.data.split import Split
from blemish.images.header import ImageFacts, probe_image, spell_size
from blemish.parallel import read_ahead
from blemish.result import GOOD
from blemish.wording import counted, first_few, listed, quoted_few

MOST_SHOWN = 3
SIDEWAYS = 5  # the first EXIF orientation that swaps height and width


def notes_of(root: Path, found: Found, entries: Sequence[Entry]) -> Iterator[str]:
    """What is to be said of a data set made of annotations, before what labels it has."""
    formats = listed([one.spelled for one in found.formats])
    good = [entry for entry in entries if entry.defect_type == GOOD]
    silent = [entry for entry in good if not _says_good(found.by_image.get(entry.path))]
    if silent:
        yield (
            f"{counted(len(silent), 'image')} without a shape in {formats} "
            f"{'is' if len(silent) == 1 else 'are'} taken as good: whoever annotated must have "
            "looked at all of them."
        )
    if found.not_yet:
        names = [image.name for image in found.not_yet]
        yield f"{counted(len(names), 'image')} not annotated yet, and left out: {_some(names)}."
    yield from aside(root, found)
    if found.unlisted:
        names = sorted(image.relative_to(root).as_posix() for image in found.unlisted)
        yield (
            f"{counted(len(names), 'image')} in no folder or list that data.yaml names for a "
            f"split, and left out: {_some(names)}."
        )
    for path, names_there in found.without_image.items():
        yield (
            f"{path.relative_to(root).as_posix()} speaks of "
            f"{counted(len(names_there), 'image')} not to be found, and left out: "
            f"{_some(names_there)}."
        )
    boxes = [one for one in found.by_image.values() if one.shapes and one.shapes.only_boxes]
    if boxes:
        yield (
            f"{counted(len(boxes), 'image has its defect', 'images have their defects')} marked by "
            "boxes alone, which hold good pixels, too: figures for pixels are worse for it."
        )
    learnt: Split = "train"
    moved = [one for one in entries if one.split == learnt and one.defect_type != GOOD]
    if moved:
        yield (
            f"{counted(len(moved), 'defect')} of the training split "
            f"{'is' if len(moved) == 1 else 'are'} tested on, since only good images are learnt "
            "from."
        )


def sizes_note(found: Found, entries: Sequence[Entry]) -> Iterator[str]:
    """What is to be said of good images that are of another size than their annotations say.

    Of others it is found when their shapes are drawn. Those that cannot be read are told elsewhere.
    """
    said = {
        entry: one.shapes.size_hw
        for entry in entries
        if entry.defect_type == GOOD
        and (one := found.by_image.get(entry.path))
        and one.shapes
        and one.shapes.size_hw
    }
    others: list[str] = []
    for entry, facts in read_ahead(said, lambda entry: probe_image(entry.path)):
        if isinstance(facts, ImageFacts):
            turned = facts.size_hw[::-1] if facts.orientation >= SIDEWAYS else facts.size_hw
            if said[entry] not in (facts.size_hw, turned):
                others.append(f"{entry.id} is {spell_size(facts.size_hw)}")
    if others:
        yield (
            f"{counted(len(others), 'good image is', 'good images are')} of another size than "
            f"{'its' if len(others) == 1 else 'their'} annotation says, and may not be what was "
            f"looked at: {first_few(others, MOST_SHOWN)}."
        )


def joined_note(entries: Sequence[Entry]) -> list[str]:
    """What is to be said of images that have a mask file and an annotation."""
    if not entries:
        return []
    return [
        f"{counted(len(entries), 'image has', 'images have')} a mask file and an annotation "
        f"({_some([entry.id for entry in entries])}): what either marks is defective."
    ]


def aside(root: Path, found: Found) -> Iterator[str]:
    """What is to be said of files that are not read, and of what is odd in others."""
    if found.set_aside:
        names = [path.relative_to(root).as_posix() for path in found.set_aside]
        yield (
            f"{counted(len(names), 'file')} of keypoints, which mark no area, not read, since "
            f"instances lie beside: {_some(names)}."
        )
    if found.predicted:
        count, names = len(found.predicted), sorted(set(found.predicted.values()))
        yield (
            f"{counted(count, 'file')} of annotations in {_some(names)}, which by its name holds "
            f"what a model found, {'is' if count == 1 else 'are'} not read; if people made them, "
            "rename it."
        )
    if found.left_out:
        told = first_few([f"{n:,} {label}" for label, n in found.left_out.items()], MOST_SHOWN)
        yield f"Left out as no defects, as 'ignore' says: {told}."
    if parts := {label: n for label, n in found.labels.items() if names_a_part(label)}:
        told = first_few([f"'{label}' ({n:,})" for label, n in parts.items()], MOST_SHOWN)
        yield (
            f"Labels that seem to name the part or a region of it, and no defect: {told}. All that "
            f"they mark counts as defective; if it is not, leave them out, with "
            f"ignore={next(iter(parts))}."
        )
    for path, what in found.unread.items():
        yield f"{path.relative_to(root).as_posix()} holds {what}, and is not read."
    kinds: dict[tuple[str, str], list[str]] = {}
    for remark in found.remarks:
        kinds.setdefault((remark.one, remark.many), []).append(remark.where)
    for kind, places in kinds.items():
        yield f"{counted(len(places), *kind)}: {first_few(places, MOST_SHOWN)}."


def _says_good(annotation: Annotation | None) -> bool:
    """Whether an image is good by a label, and not for want of one."""
    return annotation is not None and bool(annotation.image_labels)


def _some(names: Sequence[str]) -> str:
    return quoted_few(names, MOST_SHOWN)
