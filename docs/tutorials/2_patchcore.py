# %% [markdown]
# # 2. PatchCore
#
# PatchCore (Roth et al., CVPR 2022) remembers. It cuts good images into patches, describes each by a
# list of numbers, keeps some of these lists, and says of a new patch how far it is from the nearest it
# remembers. There is no training in the sense of gradients: a fit is one look at each image.

# %%
import time

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
model = blemish.fit(dataset, blemish.PatchCore(**SIZES.patchcore))
model.save(WORK / "patchcore.onnx", force=True)

# %% [markdown]
# ## Features and patches
#
# A network that was trained elsewhere, the *backbone*, looks at the image. From two of its levels come
# the numbers of a patch: the finer one sees grain and edges, the coarser one how they go together. Each
# is averaged with its neighbours, so that a patch knows a little of what is around it.
#
# Below, the three directions in which the patches of an image vary most are its red, green and blue:
# equal colours are equal to PatchCore. It was told nothing of defects, and yet they have colours of their
# own.

# %%
defects = [sample for sample in dataset.test if sample.label == "defect"]
good = next(sample for sample in dataset.test if sample.label == "good")
worst = max(defects, key=lambda sample: model.predict(sample).score)
patches = {s.id: model.trace(s, "patches")["patches"].transpose(2, 0, 1) for s in (good, worst)}
basis = colours_of(patches[good.id])
strip(
    [good.read(), in_colours(patches[good.id], basis),
     worst.read(), in_colours(patches[worst.id], basis)],
    ["good", "its patches", worst.defect_type, "its patches"],
    words="A good image and a defect, and their patches in colours",
)  # fmt: skip
channels, height, width = patches[good.id].shape
facts = model.facts.detector.details
say(
    f"An image becomes {height} x {width} patches of {channels} numbers each;",
    f"{len(dataset.train)} good images have {facts['patches']:,} patches.",
)

# %% [markdown]
# ## The coreset: what it keeps and what it drops
#
# Most patches of a surface look alike, and to remember one of them is enough. The *coreset* is picked one
# by one: always the patch that is farthest from all that were picked. So it keeps what is rare, and drops
# what is frequent, the opposite of a random sample.
#
# A kept patch is its own nearest neighbour, at no distance. That shows where each came from:

# %%
origin: dict[int, tuple[int, int, int]] = {}
closest: dict[int, float] = {}
far = []
for number, sample in enumerate(dataset.train):
    seen = model.trace(sample, "nearest", "patch_scores")
    far.append(float(seen["patch_scores"].mean()))
    for row, column in np.ndindex(seen["nearest"].shape):
        index, distance = int(seen["nearest"][row, column]), seen["patch_scores"][row, column]
        if distance < closest.get(index, np.inf):
            closest[index], origin[index] = distance, (number, row, column)
kept = np.bincount([place[0] for place in origin.values()], minlength=len(dataset.train))
say(
    f"{facts['bank_vectors']:,} of {facts['patches']:,} patches are kept,",
    f"{facts['bank_bytes'] / 1e6:.2f} MB in place of",
    f"{facts['patches'] * facts['bank_dimensions'] * 4 / 1e6:.0f} MB.",
    f"A single image gave from {kept.min()} to {kept.max()} of them:",
    "those that differ most from all others gave most.",
)
highest = model.trace(worst, "patch_scores")["patch_scores"].max()
say(
    f"On average a patch of a good image is {np.mean(far):.2f} from the nearest that was kept,",
    f"the highest patch of the defect above {highest:.2f}.",
)

# %%
most, fewest = np.argsort(-kept, kind="stable")[:3], np.argsort(kept, kind="stable")[:3]
figure, axes = plt.subplots(1, 6, figsize=(12.6, 2.4), layout="constrained")
for axis, number in zip(axes, [*most, *fewest], strict=True):
    shown = dataset.train[number].read()
    places = [(r, c) for n, r, c in origin.values() if n == number]
    axis.imshow(shown)
    for row, column in places:
        axis.plot(
            (column + 0.5) * shown.shape[1] / width, (row + 0.5) * shown.shape[0] / height,
            "o", color="#00c8ff", markeredgecolor="#101418", markersize=4,
        )  # fmt: skip
    axis.set_title(f"{len(places)} kept", fontsize=9)
    axis.axis("off")
image(figure, "Training images of which most and fewest patches are kept, with the patches")

# %% [markdown]
# All patches of some images, along the two directions in which they vary most: the coreset follows the
# outline of the cloud, and thins out its middle.

# %%
step = max(1, len(dataset.train) // 12)
some = [model.trace(s, "patches")["patches"].reshape(-1, channels) for s in dataset.train[::step]]
cloud = np.concatenate(some)
mean, directions, _ = colours_of(cloud.T[:, None])
bank = {}
for number in {n for n, _, _ in origin.values()}:
    grid = model.trace(dataset.train[number], "patches")["patches"]
    bank |= {i: grid[r, c] for i, (n, r, c) in origin.items() if n == number}
flat, picks = ((v - mean) @ directions[:2].T for v in (cloud, np.stack(list(bank.values()))))
figure, axis = plt.subplots(figsize=(6, 4.2), layout="constrained")
axis.plot(*flat.T, ".", color="#9aa7b5", markersize=2, label="patches")
axis.plot(*picks.T, "o", color=DEFECT, markersize=3, label="kept")
axis.legend(loc="best")
axis.set_xlabel("first direction")
axis.set_ylabel("second direction")
image(figure, "Patches as points, and those that are kept among them")

# %% [markdown]
# ## How much memory is enough
#
# The same with larger and smaller coresets. What an image costs grows with the bank, as each of its
# patches is compared with all vectors.

# %%
rows = []
for ratio in SIZES.ratios:
    start = time.perf_counter()
    settings = {**SIZES.patchcore, "coreset_ratio": ratio, "calibration_folds": 0}
    tried = blemish.fit(dataset, blemish.PatchCore(**settings))
    seconds = time.perf_counter() - start
    result = blemish.evaluate(tried, dataset)
    size = tried.facts.detector.details
    rows.append([
        f"{ratio:.1%}", size["bank_vectors"], f"{size['bank_bytes'] / 1e6:.2f} MB",
        f"{seconds:.1f} s", f"{1000 * result.seconds['predict_per_image']:.1f} ms",
        result.image["auroc"], result.pixel["auroc"], result.pixel["f1_max"],
    ])  # fmt: skip
heads = [
    "kept",
    "vectors",
    "memory",
    "fit",
    "an image",
    "image AUROC",
    "pixel AUROC",
    "pixel F1-max",
]
table(heads, rows)

# %%
figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
memory = [float(row[2].split()[0]) for row in rows]
for name, column, colour in (("image AUROC", 5, GOOD), ("pixel AUROC", 6, DEFECT)):
    if all(row[column] is not None for row in rows):
        axis.semilogx(memory, [row[column] for row in rows], "o-", color=colour, label=name)
axis.set_xlabel("memory of the bank, MB")
axis.legend()
image(figure, "AUROC of images and of pixels against the memory of the bank")
best = max(row[5] or 0 for row in rows)
enough = next(row for row in rows if (row[5] or 0) >= best - 0.005)
say(
    f"The best image AUROC of these is {best:.3f}; the smallest bank that comes within half a point",
    f"of it keeps {enough[0]} of the patches, {enough[2]}.",
)

# %% [markdown]
# ## The nearest patch, as evidence
#
# The first score of a patch is its distance to the nearest that was kept, so there is a good patch to show
# for each decision: this is the most similar thing that was ever seen on a good part.


# %%
def window(sample, row, column, cells=4):
    """The part of an image around a patch."""
    shown = sample.read()
    top, left = (
        round((place + 0.5) * side / count)
        for place, side, count in ((row, shown.shape[0], height), (column, shown.shape[1], width))
    )
    half = round(cells * shown.shape[0] / height)
    return shown[max(0, top - half) : top + half, max(0, left - half) : left + half]


images, titles = [], []
for sample in (worst, good):
    seen = model.trace(sample, "nearest", "patch_scores")
    place = np.unravel_index(seen["patch_scores"].argmax(), seen["patch_scores"].shape)
    number, row, column = origin[int(seen["nearest"][place])]
    images += [window(sample, *place), window(dataset.train[number], row, column)]
    distance = float(seen["patch_scores"].max())
    titles += [f"{sample.defect_type}: {distance:.2f} from", "its nearest good patch"]
strip(
    images,
    titles,
    words="The highest patch of a defect and of a good image, each with its nearest",
)

# %% [markdown]
# ## Scores by their place
#
# At the border of an image there is less to see, and good patches look odd there. So the fit leaves out
# each training image in turn, scores it as if it were new, and notes what distances are usual at the
# border, one patch from it, two patches from it, and so on. A patch is then told by how far its distance
# lies above what is usual at its place, in units of how much that varies there (the band below):
# [scores by their place](../explanation/position.md).

# %%
usual = facts["usual"]["rings"]
rings = min((min(height, width) + 1) // 2, len(usual["mean"]))
mean, unit = np.array(usual["mean"])[:rings], np.array(usual["unit"])[:rings]
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.fill_between(range(rings), mean - unit, mean + unit, color=GOOD, alpha=0.25, linewidth=0)
axis.plot(mean, "o-", color=GOOD)
axis.set_ylim(bottom=0)
axis.set_xlabel("patches from the border")
axis.set_ylabel("usual distance")
image(figure, "What distances are usual at the border and further inside, and how much they vary")
say(
    f"A patch of a good image at the border is {mean[0]:.2f} from the bank on average, one deep inside",
    f"{mean[-1]:.2f}.",
)

# %% [markdown]
# ## The map
#
# The scores of all patches, enlarged to the image and smoothed, are the map. Where it is above the pixel
# threshold there is a region, and its largest value is the score of the image.

# %%
seen = model.trace(worst, "patch_scores", "deviations")
judged = model.predict(worst)
shown = worst.read()
mask = worst.read_mask(shown.shape[:2])
limits = (0.0, 2 * model.calibration.pixel_threshold)
strip(
    [
        shown,
        seen["patch_scores"],
        seen["deviations"],
        judged.score_map,
        judged.score_map > model.calibration.pixel_threshold,
    ],
    ["image, mask", "distances", "by their place", "map", "above the threshold"],
    masks=[mask, None, None, mask, None],
    limits=[None, (0.0, float(seen["patch_scores"].max())), limits, limits, None],
    words="A defect, the distances of its patches, these by their place, its map, and what is above the threshold",
)
say(
    f"Its score is {judged.score:.2f}; the threshold, from good images alone, is",
    f"{model.calibration.image_threshold:.2f}. Verdict: {judged.verdict}; regions: {len(judged.regions)}.",
    f"Of good images, a share of {judged.p_value:.3f} would score as high.",
)

# %% [markdown]
# Next: [EfficientAd](3_efficientad.py), which remembers no patch at all.
