# %% [markdown]
# # 4. The figures
#
# Both models of the last two parts judge the test images. What is counted is told in
# [figures](../explanation/figures.md), with examples that can be reckoned by hand; here is what they do.

# %%
import numpy as np
from matplotlib import pyplot as plt

import blemish
from study import DEFECT, GOOD, WORK, first, image, say, table

dataset = first()
models = {name: blemish.load(WORK / f"{name}.onnx") for name in ("patchcore", "efficientad")}
results = {name: blemish.evaluate(model, dataset) for name, model in models.items()}

# %% [markdown]
# ## AUROC and F1, of images and of pixels
#
# **AUROC** is the chance that a defect scores above a good image (or a defective pixel above a good one).
# **F1** weighs what is missed against false alarms, at a threshold. **AU-PRO** asks how much of each defect is
# found, small ones counting as much as large ones. In brackets: what other test images of the same kind would
# have given, in nineteen of twenty cases.


# %%
def with_interval(result, level, name):
    """A figure with its interval."""
    value, ends = getattr(result, level)[name], result.intervals[level][name]
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")


FIGURES = (("image", "auroc", "image AUROC"), ("image", "f1_max", "image F1-max"),
           ("pixel", "auroc", "pixel AUROC"), ("pixel", "f1_max", "pixel F1-max"),
           ("pixel", "au_pro_30", "AU-PRO"))  # fmt: skip
table(
    ["detector", *(title for *_, title in FIGURES)],
    [
        [name, *(with_interval(result, level, figure) for level, figure, _ in FIGURES)]
        for name, result in results.items()
    ],
)

# %% [markdown]
# AUROC is easily made by hand: of all pairs of a defect and a good image, how many are in order?

# %%
result = results["patchcore"]
scores = {
    label: np.array([row.score for row in result.images if row.label == label])
    for label in ("good", "defect")
}
if len(scores["good"]) and len(scores["defect"]):
    above = scores["defect"][:, None] - scores["good"]
    by_hand = (above > 0).mean() + (above == 0).mean() / 2
    one_pair = 1 / above.size
    say(
        f"{(above > 0).sum():,} of {above.size:,} pairs are in order, {by_hand:.4f};",
        f"blemish says {result.image['auroc']:.4f}. A single defect that falls below all good",
        f"images costs {100 * one_pair * len(scores['good']):.2f} points: so many digits are not to be trusted.",
    )

# %% [markdown]
# ## What a threshold does
#
# A score is no verdict. Wherever the threshold is put, it trades false alarms for misses. **F1-max** is the best of
# this curve: it looks at the labels of the test images to choose its place, which no line can. The **calibrated**
# threshold comes from good training images alone.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
for axis, (name, result) in zip(axes, results.items(), strict=True):
    scores = np.array([row.score for row in result.images])
    defective = np.array([row.label == "defect" for row in result.images])
    at = np.unique(scores)
    rejected = scores[None] > at[:, None] - 1e-12
    caught, alarms = (rejected & defective).sum(1), (rejected & ~defective).sum(1)
    f1 = 2 * caught / np.maximum(caught + alarms + defective.sum(), 1)
    axis.plot(at, f1, color="#5b6675", label="F1")
    if (~defective).any():
        axis.plot(at, alarms / (~defective).sum(), color=GOOD, label="false alarms")
    if defective.any():
        axis.plot(at, 1 - caught / defective.sum(), color=DEFECT, label="misses")
    axis.axvline(models[name].calibration.image_threshold, color="#1c2430", label="calibrated")
    if result.image["f1_max_threshold"] is not None:
        axis.axvline(result.image["f1_max_threshold"], color="#1c2430", ls=":", label="F1-max")
    axis.set(title=name, xlabel="threshold")
axes[0].legend()
image(figure, "F1, false alarms and misses by threshold, for both detectors")

# %%
table(
    ["detector", "F1-max, peeks", "F1, calibrated", "promised", "false alarms", "misses"],
    [
        [
            name,
            result.image["f1_max"],
            result.image["f1"],
            f"{models[name].calibration.false_alarm_rate:.3f}",
            result.image["false_alarm_rate"],
            result.image["miss_rate"],
        ]
        for name, result in results.items()
    ],
)
for name, result in results.items():
    if result.image["f1"] is not None and result.image["f1_max"] is not None:
        say(
            f"{name}: the labels of the test images are worth",
            f"{100 * (result.image['f1_max'] - result.image['f1']):.1f} points of F1.",
        )

# %% [markdown]
# What others print as F1 is nearly always the first column. It cannot be had on a line, and two tools can only be
# compared by it if both peeked.
#
# ## Pixels: why AUROC flatters
#
# Defective pixels are few. A map that flags an area as large as the defect on every good image loses little AUROC,
# since that area is small among all good pixels, and much F1.

# %%
rows = []
for name, result in results.items():
    rows += [
        [name, kind, found["images"], found["pixel_auroc"], found["pixel_f1_max"],
         found["pixel_au_pro_30"], found["pixel_region_recall"]]
        for kind, found in result.per_type.items()
    ]  # fmt: skip
table(
    ["detector", "defect", "images", "pixel AUROC", "pixel F1-max", "AU-PRO", "regions found"],
    rows,
)
told = [row for row in rows if row[3] is not None and row[4] is not None]
if told:
    apart = max(told, key=lambda row: row[3] - row[4])
    say(
        f"The two are farthest apart for {apart[1]} with {apart[0]}: pixel AUROC {apart[3]:.3f},",
        f"pixel F1-max {apart[4]:.3f}.",
    )

# %% [markdown]
# Next: [the experiment](5_experiment.py), with all categories and several seeds.
