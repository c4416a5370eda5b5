# %% [markdown]
# # 3. EfficientAd
#
# EfficientAd (Batzner et al., WACV 2024) remembers no patch. It trains a small network to behave on good
# images of one surface, and watches where it stops behaving. [How it works](../explanation/efficientad.md)
# is told elsewhere in full; here it is looked at while it does.
#
# The training below is the short form (preset `quick`), with an autoencoder and with hard features beside it, so that all that
# the paper has can be shown.

# %%
import numpy as np
from matplotlib import pyplot as plt

import blemish
from study import (
    DEFECT,
    GOOD,
    SIZES,
    WORK,
    colours_of,
    first,
    image,
    in_colours,
    say,
    strip,
    table,
)

WORK.mkdir(parents=True, exist_ok=True)
dataset = first()
print(SIZES.efficientad)
model = blemish.fit(dataset, blemish.EfficientAd(**SIZES.efficientad))
model.save(WORK / "efficientad.onnx", force=True)

# %% [markdown]
# ## What each network sees
#
# The **teacher**, here two levels of the embedded backbone, was trained once, on other images, and describes every eighth
# pixel by some numbers: what its near surroundings look like (level `s8`), and its far ones (`s16`). The **student** learns to give the same numbers, on good images alone. The **autoencoder**
# must guess the teacher's numbers from a summary of the whole image. All are shown in the same colours.

# %%
tested = [sample for sample in dataset.test if sample.read_mask(sample.probe().size_hw) is not None]
good = next(sample for sample in tested if sample.label == "good")
defects = [sample for sample in tested if sample.label == "defect"]
shown = max(defects or tested, key=lambda sample: model.predict(sample).score)
NAMES = ("teacher", "student", "autoencoder")
images, titles = [], []
basis = colours_of(model.trace(good, "teacher")["teacher"])
for sample in (good, shown):
    nets = model.trace(sample, *NAMES)
    features = len(nets["teacher"])
    images += [sample.read(), *(in_colours(nets[name][:features], basis) for name in NAMES)]
    titles += [sample.defect_type, *NAMES]
strip(images, titles, columns=4, words="What teacher, student and autoencoder make of two images")

# %% [markdown]
# How much of what the teacher says do they give back? Taken over good test images, as a share of the
# variance of the teacher's numbers: one is everything, zero is as good as always guessing the mean.


# %%
def explained(sample):
    """Shares of the teacher's variance that student and autoencoder give back."""
    nets = model.trace(sample, *NAMES)
    variance = nets["teacher"].var(axis=(1, 2)).mean()
    return [
        1 - ((nets[name][:features] - nets["teacher"]) ** 2).mean() / variance for name in NAMES[1:]
    ]


shares = np.mean([explained(s) for s in tested if s.label == "good"][:20], axis=0)
say(
    f"The student gives back a share of {shares[0]:.3f}, the autoencoder {shares[1]:.3f}.",
    "The autoencoder is slow to learn:",
    f"after {SIZES.efficientad['steps']:,} steps it still knows little of the image,"
    if shares[1] < 0.5
    else f"{SIZES.efficientad['steps']:,} steps were enough for much of the image here,",
    "which is why the short presets go without it.",
)

# %% [markdown]
# ## Where they disagree
#
# There is a map for each level: the difference of student and teacher (the root of its mean square). One more is that of autoencoder
# and the student's other half, which was trained to follow it.

# %%
branches = list(model.facts.detector.details["quantiles"])
fine, *_ = raw = [f"map_{branch}" for branch in branches]
images, titles, masks = [], [], []
for sample in (good, shown):
    maps = model.trace(sample, *raw)
    judged = model.predict(sample)
    images += [sample.read(), *maps.values(), judged.score_map]
    titles += [sample.defect_type, *branches, "map"]
    masks += [sample.read_mask(sample.probe().size_hw)] + [None] * (len(raw) + 1)
columns = len(raw) + 2
pairs = list(zip(images[1:columns], images[columns + 1 :], strict=True))
limits = [None, *((min(0, a.min(), b.min()), max(a.max(), b.max())) for a, b in pairs)] * 2
strip(images, titles, masks=masks, columns=columns, limits=limits,
      words="All maps of a good image and a defect, and what they are combined to")  # fmt: skip

# %% [markdown]
# Its strength is no cleverness of the networks. It is that **the student fails on what it never saw**. So the
# difference on defective pixels should be many times that on good ones:

# %%
inside, outside = [], []
for sample in defects:
    found = model.trace(sample, fine)[fine]
    mask = sample.read_mask(sample.probe().size_hw)
    rows, columns = (
        ((np.arange(count) + 0.5) * side / count).astype(int)
        for count, side in zip(found.shape, mask.shape, strict=True)
    )
    marked = mask[np.ix_(rows, columns)]
    inside.append(found[marked])
    outside.append(found[~marked])
if inside:
    means = [float(np.concatenate(values).mean()) for values in (inside, outside)]
    say(
        f"At the finest level the student is off by {means[0]:.3f} where a mask marks a defect and by {means[1]:.3f}",
        f"elsewhere: {means[0] / means[1]:.1f} times as much.",
    )

# %% [markdown]
# ## Hard features
#
# As published, the student learns only from the largest differences of a step (`hard_quantile`). On a good image, these
# are the few numbers that it still gets wrong. A loss over all of them would be small already, and would go on
# to teach the student to be a teacher, everywhere, on defects too. That takes many steps; the short presets learn from all.

# %%
quantile = model.facts.detector.settings["hard_quantile"]
learned = next(iter(dataset.train))
nets = model.trace(learned, "teacher", "student")
gap = (nets["student"][:features] - nets["teacher"]) ** 2
hard = gap >= np.quantile(gap, quantile)
strip(
    [learned.read(), gap.mean(axis=0), hard.sum(axis=0)],
    ["a training image", "all differences", "hard features"],
    words="A training image, where the student is off, and where its hard features are",
)
say(
    f"{hard.sum():,} of {hard.size:,} numbers are hard, in {np.mean(hard.any(axis=0)):.1%} of the places.",
    f"They hold {gap[hard].sum() / gap.sum():.1%} of the whole difference;",
    f"the mean of the hard ones is {gap[hard].mean() / gap.mean():.0f} times the mean of all.",
)

# %% [markdown]
# ## The training
#
# Losses are summed: the student's on its hard features, and what autoencoder and student's other half are
# off by. As published, and with the preset `texture`, there is one more, on images of anything else: the student is pulled to
# zero there, so that it learns no more of the teacher than it must. They are in the model file, with the share of the
# teacher's variance that is left **unexplained** in a few good images that are not trained on. It decides when the training ends.

# %%
losses = model.facts.detector.details["losses"]
history = np.array(losses["history"])
figure, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for name, values in zip(losses["names"][1:], history.T[1:], strict=True):
    axis.semilogy(history[:, 0], values, label=name)
unexplained = model.facts.detector.details["unexplained"]
if unexplained["history"]:
    axis.semilogy(*np.array(unexplained["history"]).T, "k--", label="unexplained")
axis.set_xlabel("step")
axis.set_ylabel("loss")
axis.legend()
image(figure, "The losses of the training by step")
table(
    ["loss", "at the beginning", "at the end"],
    [
        [name, float(values[0]), float(values[-1])]
        for name, values in zip(losses["names"][1:], history.T[1:], strict=True)
    ],
)

# %% [markdown]
# ## Quantiles: a scale, not a threshold
#
# Maps of different size cannot be averaged as they are. So each is shifted and scaled by two quantiles of its
# values on good training images that were held out: one becomes zero, the other a tenth.

# %%
figure, axes = plt.subplots(1, len(branches), figsize=(9, 3), layout="constrained")
goods = [sample for sample in tested if sample.label == "good"]
for axis, (branch, span) in zip(
    axes, model.facts.detector.details["quantiles"].items(), strict=True
):
    name = f"map_{branch}"
    for group, colour, label in ((goods, GOOD, "good"), (defects, DEFECT, "defects")):
        if group:
            found = [model.trace(s, name)[name].ravel() for s in group[:20]]
            values = np.maximum(np.concatenate(found), 1e-6)
            bins = np.geomspace(values.min(), values.max(), 60)
            axis.hist(values, bins=bins, density=True, histtype="step", color=colour, label=label)
    for end in span.values():
        axis.axvline(end, color="#5b6675", linestyle=":")
    axis.set(xscale="log", yscale="log", title=branch, xlabel="value of the map")
axes[0].legend()
image(figure, "Values of the maps on good images and defects; dotted: the two quantiles")

# %% [markdown]
# Common descriptions credit EfficientAd with an *adaptive threshold*. It has none. The quantiles look like one, so
# here is what would happen if the upper one were taken for it, beside the threshold that blemish
# [calibrates](../explanation/calibration.md) on good images.


# %%
def combined(sample):
    """The largest value of the mean of the scaled maps: the paper's score."""
    scaled = model.trace(sample, *(f"rescaled_{branch}" for branch in branches)).values()
    return float(np.mean(list(scaled), axis=0).max())


scores, peaks = (
    {name: np.array([of(s) for s in group]) for name, group in (("good", goods), ("bad", defects))}
    for of in (lambda sample: model.predict(sample).score, combined)
)
calibration = model.calibration
table(
    ["threshold", "value", "good test images rejected", "defects missed"],
    [
        [name, float(at), f"{(found['good'] > at).sum()} of {len(goods)}",
         f"{(found['bad'] <= at).sum()} of {len(defects)}"]
        for name, at, found in (
            ("the upper quantile, a tenth, of the largest value", 0.1, peaks),
            ("calibrated, of the score", calibration.image_threshold, scores),
        )
    ],
)  # fmt: skip
say(
    f"A share of {(peaks['good'] > 0.1).mean():.2f} of the good images has a cell above the upper quantile.",
    "It is a quantile of cells, of which an image has very many, so it promises nothing of images.",
    "What is promised with the calibrated one is",
    f"{calibration.false_alarm_rate:.3f}, since {len(calibration.scores)} good images were held out.",
)

# %% [markdown]
# One more thing is often told otherwise. The quantiles come from good training images, never from test images:
# who takes them from there has looked at the answers.
#
# Next: [the figures](4_figures.py), and what they do not tell.
