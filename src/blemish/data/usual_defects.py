"""What defects are usually called: names of images that begin so are hardly those of good parts.

A list of what is met most, and no more: nothing is taken for good because it is not on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from blemish.data.words import words_in

USUAL = frozenset(
    {
        "scratch", "scratches", "scratched", "dent", "dents", "dented", "crack", "cracks",
        "cracked", "stain", "stains", "broken", "breakage", "missing", "contamination",
        "contaminated", "contaminant", "burr", "burrs", "bubble", "bubbles", "inclusion",
        "inclusions", "corrosion", "corroded", "rust", "rusty", "porosity", "pore", "pores",
        "blowhole", "blowholes", "pinhole", "pinholes", "pitting", "wrinkle", "wrinkles", "tear",
        "torn", "deformed", "deformation", "bent", "discoloration", "discolouration", "smudge",
        "smear", "dirt", "dirty", "scuff", "gouge", "fracture", "delamination", "peeling",
        "misaligned", "misalignment", "damaged", "damage", "flaw", "leak", "burnt", "debris",
        "underfill", "fray", "frayed", "blister", "blisters",
        "kratzer", "delle", "dellen", "beule", "riss", "risse", "fleck", "flecken", "bruch",
        "gebrochen", "fehlend", "verschmutzung", "verunreinigung", "grat", "blase", "blasen",
        "lunker", "poren", "einschluss", "einschlüsse", "rost", "falte", "falten",
        "kerbe", "ausbruch", "verfärbung", "beschädigt", "beschädigung",
        "rayure", "rayures", "bosse", "fissure", "fissures", "tache", "taches", "cassé", "manquant",
        "bavure", "bulle", "bulles", "rouille", "pli",
        "rayón", "rasguño", "arañazo", "abolladura", "grieta", "grietas", "mancha",
        "manchas", "rotura", "rebaba", "burbuja", "burbujas", "óxido",
        "graffio", "graffi", "ammaccatura", "crepa", "macchia", "macchie", "rotto",
        "mancante", "bava", "bolla", "bolle", "ruggine",
        "划痕", "划伤", "刮痕", "凹坑", "凹陷", "压伤", "裂纹", "裂痕", "污渍", "脏污", "污点",
        "缺料", "缺失", "毛刺", "气泡", "气孔", "夹杂", "锈蚀", "生锈", "褶皱", "破损", "变形",
        "异物", "崩边",
    }
)  # fmt: skip
# Kinds of defects, and of parts as well: `chip_001.png` may be a good chip.
PARTS_AS_WELL = frozenset(
    {
        "hole", "holes", "spot", "spots", "cut", "cuts", "chip", "chips", "chipped", "void",
        "voids", "fold", "folds", "glue", "print", "color", "oil", "thread", "fibre", "fiber",
        "hair", "pit", "pits", "lump", "nick", "bump", "gap", "loch", "löcher", "trou", "agujero",
        "foro", "buco", "孔", "孔洞", "斑点",
    }
)  # fmt: skip


def is_usual(name: str) -> bool:
    """Whether a name is a usual kind of defect and nothing else, numbers aside: `scratch_2`."""
    words = words_in(name)
    return bool(words) and all(word in USUAL | PARTS_AS_WELL for word in words) and (
        any(word in USUAL for word in words)
    )  # fmt: skip


def beginning_with_a_defect(stems: Iterable[str]) -> Collection[str]:
    """Of names of images those that begin with a usual kind of defect.

    Words that are parts as well count where the names do not all begin with the same word.
    """
    first = {stem: words[0] for stem in stems if (words := words_in(stem))}
    mixed = len(set(first.values())) > 1
    usual = USUAL | PARTS_AS_WELL if mixed else USUAL
    return {stem for stem, word in first.items() if word in usual}
