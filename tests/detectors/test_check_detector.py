"""`check_detector` finds what a detector does not keep; a detector that keeps all passes."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from blemish.detectors.conformance import check_detector
from blemish.detectors.conformance.images import DrawnImages
from blemish.detectors.contract import Source
from blemish.errors import DataError
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.engine import CPU
from blemish.graph.preprocessing import image_input
from blemish.settings import setting
from toy import FittedToy, Toy, ToyPlan, ToySettings


def kind(detector=Toy, fitted=None, **members):
    """A detector with other members; `fitted` is what its fits are of."""
    if fitted is not None:
        members["fit"] = lambda self, images, *, progress, folder=None, engine=None: fitted(
            self.settings, images
        )
    return type("Mine", (detector,), members)


def without(whole, member):
    """The members of a class but one."""
    python = ("__dict__", "__weakref__")
    return {name: value for name, value in vars(whole).items() if name not in (member, *python)}


def check(detector, **options):
    check_detector(lambda seed: detector(seed=seed), **options)


@pytest.mark.parametrize("shading", ["mean", "brightest"])
def test_a_detector_that_keeps_the_contract_passes(shading):
    check_detector(lambda seed: Toy(seed=seed, shading=shading))


def test_a_detector_is_fitted_five_times():
    fits = []

    class Counted(Toy):
        def fit(self, images, *, progress, folder=None, engine=None):
            fits.append(len(images.sizes_hw))
            return super().fit(images, progress=progress, folder=folder)

    check(Counted)
    assert sorted(fits) == [1, 12, 12, 12, 12]


# --- before a fit --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Forgetful(ToySettings):
    @classmethod
    def from_dict(cls, values):
        return cls(margin=9)


@dataclass(frozen=True)
class Sized(ToySettings):
    def to_dict(self):
        return super().to_dict() | {"image_size": 99}

    @classmethod
    def from_dict(cls, values):
        return cls(**{**values, "image_size": None})


@dataclass(frozen=True)
class Opaque(ToySettings):
    def to_dict(self):
        return super().to_dict() | {"margin": np.float32(0.5)}


@dataclass(frozen=True)
class Silent(ToySettings):
    more: int = setting(0, "")


class Settled(Toy):
    """Has its settings of a class that a subclass names."""

    def __init__(self, **values):
        self.settings = self.settings_class(**values)


def source(**changes):
    return replace(Source("palette", "greys", "CC0-1.0", "ab" * 32), **changes)


def planned(**members):
    return kind(plan=lambda self, images: type("Plan", (ToyPlan,), members)(len(images.sizes_hw)))


def raising(error):
    def call(*_, **__):
        raise error

    return call


class Changing(Toy):
    calls = 0

    def provenance(self):
        type(self).calls += 1
        return (source(name=f"{self.calls}"),)


@pytest.mark.parametrize(
    ("detector", "said"),
    [
        (kind(Settled, settings_class=Forgetful), "come out of a model file"),
        (kind(Settled, settings_class=Opaque), "do not survive a model file"),
        (kind(Settled, settings_class=Sized), "gives the working size (99, 99)"),
        (kind(Settled, settings_class=Silent), "'more' says nothing of itself"),
        (kind(__init__=lambda self, seed: Toy.__init__(self)), "the seed that a detector is made"),
        (kind(provenance=lambda self: (source(sha256="f00"),)), "the sha256 of 'greys' is none"),
        (kind(provenance=lambda self: (source(licence=""),)), "lacks a role, name or licence"),
        (kind(provenance=lambda self: [1, "a"]), "provenance must give sources; got 1, 'a'"),
        (kind(provenance=lambda self: (source(sha256=None),)), "must give sources; got Source("),
        (kind(provenance=lambda self: None), "the check 'origins are told' raises TypeError"),
        (kind(name=""), "name must be a text that is not empty; got ''"),
        (kind(name=None), "name must be a text that is not empty; got None"),
        (kind(resumable="yes"), "resumable must be true or false; got 'yes'"),
        (kind(fit=lambda self, images, *, progress: None), "fit does not take 'folder'"),
        (kind(fit=lambda self, images, *, progress: None), "fit does not take 'engine'"),
        (kind(fit=lambda self, images, *, folder, engine: None), "fit does not take 'progress'"),
        (kind(__init__=raising(ValueError("no"))), "making a detector raises ValueError: no"),
        (
            kind(resumable=property(raising(OSError("no")))),
            "the check 'missing' raises OSError: no",
        ),
        (kind(plan=raising(TypeError("no"))), "the check 'plans say what a fit takes' raises Type"),
        (kind(provenance=lambda self: (source(), source())), "two sources have the same role"),
        (Changing, "provenance differs"),
        (planned(), "a plan for no image raises no DataError"),
        (planned(told=lambda self: [("patches",)]), "must tell pairs"),
        (planned(told=lambda self: [("patches", "a\nb")]), "on several lines"),
        (kind(plan=lambda self, images: ToyPlan(12, memory_bytes=0)), "0 bytes of memory"),
        (planned(to_dict=lambda self: {"images": 3}), "to_dict says images=3, not 12"),
        (planned(to_dict=lambda self: {"x": float("nan")}), "no plain JSON values"),
        (planned(notes=lambda self: [""]), "a note of the plan is no text"),
        (kind(plan=lambda self, images: ToyPlan(3)), "the plan is for 3 images, not for 12"),
        (kind(estimate_seconds=lambda self, images: {}), "which are no seconds by stages"),
        (kind(estimate_seconds=lambda self, images: {"a": -1.0}), "which are no seconds"),
    ],
)
def test_what_is_wrong_before_a_fit_is_found(detector, said):
    with pytest.raises(AssertionError, match=said.replace("(", r"\(").replace(")", r"\)")):
        check(detector)


def test_all_that_is_wrong_before_a_fit_is_told_although_some_of_it_raises():
    with pytest.raises(AssertionError) as found:
        check(kind(name="", provenance=raising(OSError("no file")), resumable=3))
    told = str(found.value).splitlines()
    assert told[:2] == [
        "name must be a text that is not empty; got ''",
        "resumable must be true or false; got 3",
    ]
    assert told[2:] == ["the check 'origins are told' raises OSError: no file"]


@pytest.mark.parametrize("member", ["provenance", "plan", "calibration_images", "resumable"])
def test_a_member_that_is_missing_is_named(member):
    incomplete = type("Mine", (), without(Toy, member))
    with pytest.raises(AssertionError, match=f"Mine has no '{member}', which Detector asks for"):
        check(incomplete)


@pytest.mark.parametrize("member", ["told", "details", "held_out_map", "close"])
def test_a_member_that_a_fit_lacks_is_named(member):
    incomplete = type("Fit", (), without(FittedToy, member))
    with pytest.raises(AssertionError, match=f"Fit has no '{member}', which Fitted asks for"):
        check(kind(fitted=incomplete))


# --- of fits -------------------------------------------------------------------------------------


class OfAnotherGraph(FittedToy):
    """A fit whose graph has another map, of the pixels' mean and of the mean of the batch."""

    @property
    def graph(self):
        g = GraphBuilder()
        grey = g.op("ReduceMean", g.op("Cast", "image", to=FLOAT), g.ints(3), keepdims=0)
        self.write(g, grey)
        g.op("ReduceMax", "score_map", g.ints(1, 2), keepdims=0, name="score")
        outputs = [tensor("score", FLOAT, "N"), tensor("score_map", FLOAT, "N", "H", "W")]
        return g.build([image_input(self.image_format)], outputs)


class LooksAtItsBatch(OfAnotherGraph):
    def write(self, g, grey):
        mean = g.op("ReduceMean", grey, g.ints(0), keepdims=1)
        g.op("Add", grey, mean, name="score_map")


class DividesByNothing(OfAnotherGraph):
    def write(self, g, grey):
        spread = g.op("ReduceMax", grey, g.ints(1, 2), keepdims=1)
        g.op("Div", grey, g.op("Sub", spread, grey), name="score_map")


class Blind(OfAnotherGraph):
    def write(self, g, grey):
        g.op("Neg", grey, name="score_map")


class Askew(OfAnotherGraph):
    def write(self, g, grey):
        parts = [g.op("Slice", grey, g.ints(0), g.ints(20), g.ints(2)),
                 g.op("Slice", grey, g.ints(20), g.ints(2**31 - 1), g.ints(2))]  # fmt: skip
        g.op("Concat", *reversed(parts), axis=2, name="score_map")


class HoldsNothing(OfAnotherGraph):
    def write(self, g, grey):
        nothing = g.op("Slice", grey, g.ints(0), g.ints(0), g.ints(2))
        both = g.op("Concat", grey, nothing, axis=2)
        low, high = (g.number(end) for end in self.ends)
        g.op("Max", g.op("Sub", low, both), g.op("Sub", both, high), name="score_map")


class Moody(FittedToy):
    fits = 0

    def ends_of(self, names):
        type(self).fits += 1
        low, high = super().ends_of(names)
        return low - self.fits, high


class MindsOrder(FittedToy):
    def ends_of(self, names):
        first = next(iter(self.greys.values()))
        return super().ends_of(names)[0], 10 * (float(first[0, 0]) - 128)


class NeedsTwo(FittedToy):
    def __init__(self, settings, images):
        super().__init__(settings, images)
        if len(self.greys) == 1:
            self.ends = (np.float32("nan"), self.ends[1])


class LeavesNone(FittedToy):
    def held_out_scores(self, *, progress):
        return iter(())


class ScoresOnlyOnce(FittedToy):
    def held_out_scores(self, *, progress):
        if len(self.greys) > 1:
            yield from super().held_out_scores(progress=progress)


class Flatters(FittedToy):
    def held_out_scores(self, *, progress):
        results = super().held_out_scores(progress=progress)
        return (replace(result, score=result.score - 50) for result in results)


class Overrates(FittedToy):
    def held_out_scores(self, *, progress):
        results = super().held_out_scores(progress=progress)
        return (replace(result, score=1000 * abs(result.score) + 1e6) for result in results)


class OfOutputs(FittedToy):
    """A fit whose graph lacks an output."""

    @property
    def graph(self):
        graph = FittedToy.graph.func(self)
        kept = [output for output in graph.graph.output if output.name != self.lacks]
        del graph.graph.output[:]
        graph.graph.output.extend(kept)
        return graph


class SplitsPairs(FittedToy):
    def __init__(self, settings, images):
        super().__init__(settings, images)
        self.paired = len(set(self.keys.values())) < len(self.keys)

    def held_out_scores(self, *, progress):
        results = list(super().held_out_scores(progress=progress))
        return iter(results[1:] if self.paired else results)


def map_of(change):
    """A fit whose maps, when made again, are changed."""

    class Mapped(FittedToy):
        request = False

        def held_out_scores(self, *, progress):
            yield from list(super().held_out_scores(progress=progress))
            self.request = True

        def held_out_map(self, name):
            found = super().held_out_map(name)
            return change(found) if self.request else found

    return Mapped


class KnowsAllNames(FittedToy):
    def held_out_map(self, name):
        return super().held_out_map(name if name in self.greys else next(iter(self.greys)))


class Bulky(FittedToy):
    @property
    def graph(self):
        graph = FittedToy.graph.func(self)
        graph.doc_string = "x" * 1_000_000
        return graph


class LeavesFiles(Toy):
    def fit(self, images, *, progress, folder=None, engine=None):
        if folder is not None:
            (folder / "kept.txt").write_text("a")
        return super().fit(images, progress=progress)


@pytest.mark.parametrize(
    ("fitted", "said"),
    [
        (LooksAtItsBatch, "depends on its batch"),
        (DividesByNothing, "a score that is not finite"),
        (HoldsNothing, "leaves tensors empty"),
        (Blind, "scores do not rise with the contrast of a blot"),
        (Askew, "is not at the blot"),
        (Moody, "the same seed gives different graphs"),
        (MindsOrder, "in another order the same images give"),
        (NeedsTwo, "fitted on one image, a score is not finite"),
        (LeavesNone, "left_out gives 0 images where calibration_images said 12"),
        (ScoresOnlyOnce, "left_out of the only image raises no CalibrationError"),
        (Flatters, "are lower than those of the graph that ships"),
        (Overrates, "are far higher than new images have"),
        (type("F", (OfOutputs,), {"lacks": "score_map"}), "the graph gives no 'score_map'"),
        (type("F", (OfOutputs,), {"lacks": "score"}), "the graph gives no 'score'; it gives"),
        (type("F", (FittedToy,), {"graph": object()}), "cannot be loaded: AttributeError"),
        (type("F", (FittedToy,), {"graph": property(raising(OSError("no")))}), "raises OSError"),
        (type("F", (FittedToy,), {"__init__": raising(TypeError("no"))}), "a fit raises TypeError"),
        (type("F", (FittedToy,), {"told": raising(OSError("no"))}), "tells of itself' raises OSE"),
        (type("F", (FittedToy,), {"close": raising(OSError("no"))}), "no harm' raises OSError: no"),
        (type("F", (FittedToy,), {"held_out_scores": raising(OSError("no"))}), "scores raises OSE"),
        (SplitsPairs, "one image of a group without the other"),
        (map_of(lambda found: found[1:]), "is not of the image's size"),
        (map_of(lambda found: found + 1), "has another peak than left_out said"),
        (KnowsAllNames, "raises no KeyError"),
        (Bulky, "bytes where the plan said 1000"),
        (type("F", (FittedToy,), {"batch": 0}), "batch must be a whole number of at least 1"),
        (type("F", (FittedToy,), {"held_out_method": "by luck"}), "held_out_method must look"),
        (type("F", (FittedToy,), {"told": lambda self: [("bank", 3)]}), "the fit must tell pairs"),
        (type("F", (FittedToy,), {"details": {"a": float("inf")}}), "no plain JSON values"),
        (type("F", (FittedToy,), {"details": {"a": (1, 2)}}), "changes on its way through JSON"),
    ],
)
def test_what_is_wrong_with_a_fit_is_found(fitted, said):
    with pytest.raises(AssertionError, match=said):
        check(kind(fitted=fitted))


class FitsWithoutEngine(Toy):
    def fit(self, images, *, progress, folder=None, **other):
        return FittedToy(self.settings, images, **other)


def test_every_fit_is_given_an_engine():
    engines = []

    class Counted(Toy):
        def fit(self, images, *, progress, folder=None, engine=None):
            engines.append(engine)
            return super().fit(images, progress=progress)

    check(Counted)
    assert engines == [CPU] * 5
    with pytest.raises(AssertionError, match=r"a fit raises TypeError.*'engine'"):
        check(FitsWithoutEngine)


def test_a_fit_is_closed_whatever_is_wrong_with_it():
    closed = []

    class NoModel(FittedToy):
        graph = object()

        def close(self):
            closed.append(self)

    with pytest.raises(AssertionError, match="cannot be loaded"):
        check(kind(fitted=NoModel))
    assert len(closed) == 2


def test_a_group_that_counts_for_several_is_found():
    with pytest.raises(AssertionError, match="does not count a group as one"):
        check(kind(calibration_images=lambda self, keys: len(keys)))


@pytest.mark.parametrize(
    ("resumable", "said"), [(False, "it is not resumable"), (True, "must end in .safetensors")]
)
def test_what_is_kept_of_a_fit_is_looked_at(resumable, said):
    with pytest.raises(AssertionError, match=said):
        check(kind(LeavesFiles, resumable=resumable))


def test_all_that_is_wrong_with_a_fit_is_told_at_once():
    both = type("F", (LooksAtItsBatch,), {"batch": 0})
    with pytest.raises(AssertionError) as found:
        check(kind(fitted=both))
    assert "batch must be" in str(found.value)
    assert "depends on its batch" in str(found.value)


def test_more_chance_allows_scores_that_order_moves():
    fitted = type("F", (MindsOrder,), {})
    with pytest.raises(AssertionError, match="in another order"):
        check(kind(fitted=fitted))
    try:
        check(kind(fitted=fitted), chance=10.0)
    except AssertionError as error:
        assert "in another order" not in str(error)


def test_the_toy_says_what_it_is_made_of():
    toy = Toy(margin=2)
    fitted = toy.fit(DrawnImages({"a": np.full((4, 4, 3), 100, np.uint8)}), progress=None)
    assert fitted.details == {"ends": [98.0, 102.0]}
    assert json.loads(json.dumps(dataclasses.asdict(toy.provenance()[0])))["role"] == "palette"
    with pytest.raises(DataError):
        toy.plan(DrawnImages({}))
