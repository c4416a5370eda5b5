"""Labels that name the part, or a region of it, rather than what is wrong with it.

They mark where to look, in sets that were made for a detector of parts. Nothing is taken for good
because its label is here: it is told, and `ignore` leaves such a label out.
"""

from __future__ import annotations

from blemish.data.annotations.annotation import BACKGROUND
from blemish.data.words import plain, words_in

_WORDS = frozenset(
    {
        "part", "parts", "workpiece", "object", "product", "component", "roi", "region", "area",
        "foreground", "surface", "ignore", "bauteil", "bauteile", "teil", "werkstück", "werkstueck",
        "produkt", "bereich", "hintergrund", "vordergrund", "oberfläche", "oberflaeche", "pièce",
        "pieza", "pezzo", "fond", "fondo", "sfondo", "零件", "工件", "产品", "背景", "区域", "部品",
        "製品", "領域",
    }
)  # fmt: skip
# With one of the words above these say nothing else: `inspection area`, `ROI 1`.
_BESIDE = frozenset({"inspection", "whole", "of", "interest", "outline", "contour", "the"})


def names_a_part(label: str) -> bool:
    """Whether a label seems to be that of a part or a region, and of no defect."""
    words = words_in(label)
    if plain(label).strip("-") in BACKGROUND:
        return False
    return not _WORDS.isdisjoint(words) and _WORDS.union(_BESIDE).issuperset(words)
