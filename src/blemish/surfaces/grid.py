"""Drawn grid: a mesh woven of grey wire over a dark ground.

Each wire has its own small offset and shade. A defect of the wires themselves (bent, broken)
changes the mesh before it is drawn, and its mask is where the wire is or should have been.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from blemish.surfaces.fields import (
    Field,
    Mask,
    axes,
    fractal,
    grain,
    inside,
    light,
    mix,
    noise,
    rgb,
    scale_of,
    smooth_step,
    speckle,
)
from blemish.surfaces.shapes import ORIGIN, blob, centred, place, stroke, wander
from blemish.surfaces.strength import Mark, Strength

PITCH_PX = 30.0
HALF_WIDTH = 0.19  # of the wire, in pitches
GROUND = 44.0
WIRE = 168.0
MOST_WIRES = 128


@dataclass
class Mesh:
    """Two families of parallel wires, coordinates in pitches.

    Attributes:
        ways: for each family, the coordinate across its wires and that along them, H x W.
        names: for each family, the number of the nearest wire, H x W.
        shades: for each family, how bright that wire is, about 1.
        bends: for each family, how far each pixel's wire is moved sideways, in pitches.
        missing: for each family, where its wires are broken away, 0..1.
    """

    size_px: int
    pitch_px: float
    ways: list[tuple[Field, Field]]
    names: list[Field]
    shades: list[Field]
    bends: list[Field] = field(default_factory=list)
    missing: list[Field] = field(default_factory=list)

    @classmethod
    def drawn(cls, rng: np.random.Generator, size_px: int) -> Mesh:
        """A good mesh: nearly regular, nearly upright."""
        pitch = PITCH_PX * scale_of(size_px) * (1 + rng.normal(0, 0.006))
        turn = rng.normal(0, 0.03)
        cosine, sine = np.float32(np.cos(turn) / pitch), np.float32(np.sin(turn) / pitch)
        x, y = axes(size_px)
        shift_x, shift_y = rng.uniform(0, 1, 2).astype(np.float32)
        u, v = x * cosine + y * sine + shift_x + 40, y * cosine - x * sine + shift_y + 40
        ways, names, shades = [], [], []
        for across, along in ((u, v), (v, u)):
            wavy = across + noise(rng, size_px, 6) * np.float32(0.028)
            name = np.floor(wavy + np.float32(0.5))
            numbers = name.astype(np.int32)
            offsets, own_shades = rng.normal(0, (0.03, 0.045), (MOST_WIRES, 2)).T
            ways.append((wavy + offsets.astype(np.float32)[numbers], along))
            shades.append((1 + own_shades).astype(np.float32)[numbers])
            names.append(name)
        nothing = np.zeros((size_px, size_px), np.float32)
        return cls(size_px, pitch, ways, names, shades, [nothing] * 2, [nothing] * 2)

    def image(self, rng: np.random.Generator) -> Field:
        """The mesh as seen from above: H x W x 3."""
        size_px = self.size_px
        ground = GROUND + fractal(rng, size_px, 10, 2) * np.float32(3)
        wires = [self._wire(family) for family in (0, 1)]
        for cover, _, height in wires:  # the shadow of the wire on the ground
            ground = ground * (1 - cover * np.float32(0.2) * height)
        grey = ground
        (cover_0, shade_0, height_0), (cover_1, shade_1, height_1) = wires
        for cover, shade in ((cover_0, shade_0), (cover_1, shade_1)):
            grey = grey + cover * (shade - grey)
        above = np.clip((height_0 - height_1) * 4 + np.float32(0.5), 0, 1) * cover_0
        grey = grey + above * (shade_0 - grey)
        fine = 1 + noise(rng, size_px, size_px // 3) * np.float32(0.035)
        grey = grey * fine * light(rng, size_px) + grain(rng, size_px) * np.float32(3)
        image: Field = grey[..., None] * rgb(0.995, 1.0, 1.005)
        speckle(rng, image, most=6, contrast=20)
        return image

    def off(self, family: int) -> Field:
        """Distance of each pixel from the middle of its nearest wire, in pitches, signed."""
        return self.ways[family][0] - self.names[family]

    def _wire(self, family: int) -> tuple[Field, Field, Field]:
        """Where a family's wires are (0..1), how bright, and how high they lie (-1..1)."""
        across = self.off(family) - self.bends[family]
        along = self.ways[family][1]
        # Over one crossing, under the next: a wave along the wire, shifted from wire to wire.
        phase = (along + self.names[family]) * np.float32(0.5)
        wave = np.abs(phase - np.floor(phase) - np.float32(0.5)) * 4 - 1
        height = wave * (np.float32(1.5) - np.float32(0.5) * wave * wave)
        height = height if family else -height
        r = across / np.float32(HALF_WIDTH)
        edge = (1 - np.abs(r)) * np.float32(HALF_WIDTH * self.pitch_px) + np.float32(0.5)
        cover = np.clip(edge, 0, 1) * (1 - self.missing[family])
        round_ = np.sqrt(np.maximum(1 - r * r, 0))
        glint = np.maximum(1 - np.abs(r + np.float32(0.3)) * np.float32(2.6), 0)
        bright = (round_ * np.float32(0.62) + np.float32(0.3)) * (
            np.float32(0.86) + height * np.float32(0.2)
        ) + glint * np.float32(0.16) * (1 + height)
        return cover, bright * WIRE * self.shades[family], height


def draw_grid(rng: np.random.Generator, size_px: int) -> Field:
    """A good grid."""
    return Mesh.drawn(rng, size_px).image(rng)


def _window(rng: np.random.Generator, mesh: Mesh, half_length: float) -> tuple[int, Field, Field]:
    """A place on a wire: its family, which pixels belong to it, and how near along it (0..1)."""
    family = int(rng.integers(2))
    x, y = place(rng, mesh.size_px, 0.2).astype(int)
    here = mesh.names[family] == mesh.names[family][y, x]
    along = mesh.ways[family][1]
    t = (along - along[y, x]) / np.float32(half_length)
    return family, here, t


def bent(rng: np.random.Generator, mesh: Mesh, strength: Strength) -> Mask:
    """A piece of wire is pushed aside."""
    family, here, t = _window(rng, mesh, strength.grown(0.9, 2.8))
    bulge = np.maximum(1 - t * t, 0)
    bulge = bulge * bulge
    push = np.float32(strength.faded(0.12, 0.62) * rng.choice([-1, 1]))
    name = mesh.names[family]
    own = name[here][0]
    # The wire may leave its own lane: pixels of the next lane have to see it, not their own.
    across = mesh.ways[family][0] - own
    moved = np.abs(across - bulge * push) < np.float32(HALF_WIDTH + 1 / mesh.pitch_px)
    lane = (bulge > 0) & (moved | here)
    mesh.names[family] = np.where(lane, own, name)
    mesh.bends[family] = np.where(lane, bulge * push, mesh.bends[family])
    swept = np.minimum(np.abs(across), np.abs(across - bulge * push)) < np.float32(HALF_WIDTH)
    between = (across * push > 0) & (np.abs(across) < np.abs(bulge * push))
    mask: Mask = (swept | between) & (np.abs(bulge * push) > np.float32(0.05))
    return mask


def broken(rng: np.random.Generator, mesh: Mesh, strength: Strength) -> Mask:
    """A piece of wire is gone."""
    half = strength.grown(0.2, 1.5)
    family, here, t = _window(rng, mesh, half)
    ragged = t + noise(rng, mesh.size_px, mesh.size_px // 6) * np.float32(0.04)
    depth = (1 - np.abs(ragged)) * np.float32(half * mesh.pitch_px)
    gone = np.where(here, np.clip(depth + np.float32(0.5), 0, 1), 0)
    mesh.missing[family] = np.maximum(mesh.missing[family], gone)
    wire = np.float32(HALF_WIDTH) - np.abs(mesh.off(family))
    return inside(gone - np.float32(0.5)) & inside(wire)


def glue(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A drop of glue that closes meshes: milky, with a gloss."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    radius = strength.grown(9, 46) * scale
    at = place(rng, size_px)
    depth = blob(rng, size_px, at, radius, rough=0.22, stretch=rng.uniform(1, 1.5))
    film = smooth_step(depth / np.float32(3 * scale))
    mix(image, rgb(166, 164, 158), film * np.float32(strength.faded(0.22, 0.8)))
    rim = np.clip(1 - np.abs(depth - np.float32(3 * scale)) / np.float32(2.5 * scale), 0, 1)
    image += (rim * np.float32(strength.faded(4, 40)))[..., None]
    return inside(depth)


def metal_contamination(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A splinter of metal lying on the mesh: angular, with bright and dark faces."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    radius = strength.grown(6, 23) * scale
    x, y = axes(size_px)
    at = place(rng, size_px)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 6)) + np.arange(6) * 0.2
    depth = np.full((size_px, size_px), np.inf, np.float32)
    face = np.zeros((size_px, size_px), np.float32)
    shades = rng.uniform(-1, 1, 6)
    for angle, far, shade in zip(angles, rng.uniform(0.5, 1.3, 6), shades, strict=True):
        beside = (x - np.float32(at[0])) * np.float32(np.cos(angle)) + (
            y - np.float32(at[1])
        ) * np.float32(np.sin(angle))
        within = np.float32(radius * far) - beside
        np.copyto(face, np.float32(shade), where=within < depth)
        np.minimum(depth, within, out=depth)
    depth = np.minimum(depth, blob(rng, size_px, at, 1.5 * radius, rough=0.1))
    cover = np.clip(depth + np.float32(0.5), 0, 1) * np.float32(strength.faded(0.75, 1))
    shine = 150 + face * np.float32(strength.faded(25, 85)) + noise(rng, size_px, size_px // 4) * 8
    mix(image, np.repeat(shine[..., None], 3, axis=2), cover)
    return inside(depth)


def thread(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A fibre lying over the mesh."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    length, half = strength.grown(80, 380) * scale, strength.grown(0.9, 2.2) * max(scale, 0.6)
    heading = rng.uniform(0, 2 * np.pi)
    line = wander(rng, ORIGIN, heading, length, bend=2.2, step_px=6 * scale)
    s = stroke(centred(line, place(rng, size_px)), size_px, 2 * half + 4)
    bright = rng.random() < 0.6
    colour = rgb(212, 206, 196) if bright else rgb(22, 22, 26)
    mix(image, colour, s.cover(half) * np.float32(strength.faded(0.12, 0.85)))
    return inside(np.float32(half + 0.5) - s.distance)


def spoil_grid(rng: np.random.Generator, size_px: int, mark: Mark) -> tuple[Field, Mask]:
    """A grid with a defect, and which pixels it takes."""
    mesh = Mesh.drawn(rng, size_px)
    mask = np.zeros((size_px, size_px), bool)
    if mark.defect_type in WIRE_DEFECTS:
        mask |= WIRE_DEFECTS[mark.defect_type](mark.rng, mesh, mark.strength)
    image = mesh.image(rng)
    if mark.defect_type in OVERLAYS:
        for _ in range(mark.strength.count):
            mask |= OVERLAYS[mark.defect_type](mark.rng, image, mark.strength)
    return image, mask


WIRE_DEFECTS = {"bent": bent, "broken": broken}
OVERLAYS = {"glue": glue, "metal_contamination": metal_contamination, "thread": thread}
