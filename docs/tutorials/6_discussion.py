# %% [markdown]
# # 6. What follows
#
# What the records of [the experiment](5_experiment.py) say, computed. On other images these sentences read otherwise.

# %%
import json

import numpy as np

from blemish.records.folder import read_records
from blemish.report.comparison import comparisons
from blemish.report.published import PUBLISHED
from study import DATA, WORK, categories, say, table

records = [
    json.loads(path.read_text())
    for path in sorted((WORK / "experiment" / "records").glob("*.json"))
]
names = list(categories())


def figures(level, name, **wanted):
    """A figure of all jobs that have what is wanted."""
    return [
        record["figures"][level][name]
        for record in records
        if wanted.items() <= record.items() and record["figures"][level][name] is not None
    ]


# %% [markdown]
# ## Who is ahead
#
# Both judged the same test images, so their difference is drawn in pairs: what the choice of images does to both
# alike falls out of it. What is told is only what such draws leave no doubt about.

# %%
for comparison in comparisons(read_records(WORK / "experiment")):
    say("\n".join(f"* {sentence}" for sentence in comparison.told))

# %% [markdown]
# ## What the coreset saves, and what it costs
#
# Without it, a model would carry all patches of all good images and compare with each.

# %%
rows = []
for name in names:
    record = next(r for r in records if (r["category"], r["detector"]) == (name, "patchcore"))
    details = record["details"]
    vectors, size = details["bank_vectors"], details["bank_bytes"]
    whole = size * details["patches"] / vectors
    rows.append([name, f"{vectors:,}", f"{size / 1e6:.2f} MB", f"{whole / 1e6:.0f} MB"])
table(["category", "vectors kept", "memory of the bank", "of all patches"], rows)

# %% [markdown]
# What it costs in AUROC is measured in [part two](2_patchcore.py#how-much-memory-is-enough), by fits with larger and
# smaller banks.
#
# ## Images and pixels
#
# To reject a part is easier than to say where it is wrong, and pixel F1 is as a rule the hardest of the four figures. A score needs
# one patch that stands out. Pixel F1 needs the outline: a map is smooth and coarser than the image, so it is wrong along
# the rim of each defect, and small defects are all rim. And defective pixels are few, so that what is flagged falsely
# soon outnumbers them.

# %%
LEVELS = (("image", "auroc"), ("image", "f1_max"), ("pixel", "auroc"), ("pixel", "f1_max"))
NAMES = dict(
    zip(LEVELS, ("image AUROC", "image F1-max", "pixel AUROC", "pixel F1-max"), strict=True)
)
means = {level: [float(np.mean(v)) if (v := figures(*level, detector=d)) else None
         for d in ("patchcore", "efficientad")] for level in LEVELS}  # fmt: skip
table(
    ["figure", "PatchCore", "EfficientAd"],
    [[NAMES[level, name], *means[level, name]] for level, name in LEVELS],
)
flat = {level: np.mean(v) for level, v in means.items() if None not in v}
if flat:
    lowest = min(flat, key=flat.get)
    say(f"The lowest of them here is {NAMES[lowest]}, {flat[lowest]:.3f} in the mean of both.")

# %% [markdown]
# ## How much it varies
#
# Between categories, and between seeds of the same category. An interval over test images knows nothing of the second.

# %%
rows = []
for detector in ("patchcore", "efficientad"):
    for level, name in LEVELS:
        by_category = [figures(level, name, detector=detector, category=c) for c in names]
        by_category = [values for values in by_category if values]
        if by_category:
            middle = [np.mean(values) for values in by_category]
            seeds = max(max(values) - min(values) for values in by_category)
            rows.append(
                [detector, NAMES[level, name], float(max(middle) - min(middle)), float(seeds)]
            )
table(["detector", "figure", "between categories", "between seeds, at most"], rows)
if rows:
    widest = max(rows, key=lambda row: row[3])
    say(
        f"Seeds matter most for {widest[1]} of {widest[0]}: {widest[3]:.3f} from lowest to highest."
    )

# %% [markdown]
# ## What each costs

# %%
rows = []
for detector in ("patchcore", "efficientad"):
    jobs = [record for record in records if record["detector"] == detector]
    rows.append([
        detector,
        f"{np.mean([r['seconds']['fit'] for r in jobs]):.0f} s",
        f"{1000 * np.mean([r['seconds']['predict_per_image'] for r in jobs]):.1f} ms",
        f"{np.mean([r['bytes']['model_file'] for r in jobs]) / 1e6:.1f} MB",
        f"{np.mean([r['bytes']['fit_peak'] for r in jobs]) / 1e6:.0f} MB",
    ])  # fmt: skip
table(["detector", "a fit", "an image", "model file", "memory of a fit"], rows)
fits = [float(row[1].split()[0]) for row in rows]
say(f"EfficientAd takes {fits[1] / max(fits[0], 0.5):.0f} times as long to fit.")

# %% [markdown]
# ## When to choose which
#
# * **PatchCore** where a model is wanted now, where images are few, where surfaces change and are learned again, where a
#   decision must be shown with the good patch that it rests on, or where there is no time for a training.
# * **EfficientAd** where a training can be afforded, where memory must not grow with the images, or where the table above
#   says that it is ahead on images like yours.
# * Either way, **measure on your own defects**, even a few: [your own surface](7_own_surface.py).
#
# ## Beside what others say
#
# Published figures of MVTec AD's categories of these names, and the two tables that this project started from, as far as they
# have them.

# %%
KEYS = ("image_auroc", "image_f1_max", "pixel_auroc", "pixel_f1_max")
rows = []
for name in names:
    for detector in ("patchcore", "efficientad"):
        ours = [figures(level, key, detector=detector, category=name) for level, key in LEVELS]
        rows.append(
            [name, f"{detector}, this run", *(float(np.mean(v)) if v else None for v in ours)]
        )
    rows += [
        [name, f"{one.detector}: {one.source}", *(one.figures[name].get(key) for key in KEYS)]
        for one in PUBLISHED
        if name in one.figures
    ]
table(["category", "source", "image AUROC", "image F1", "pixel AUROC", "pixel F1"], rows)
if not DATA:
    say(
        "The images of this run are drawn. They only share their names with those of MVTec AD, so",
        "these lines must not be compared with one another; run it with `BLEMISH_DATA` for that.",
    )

# %% [markdown]
# Where figures on the very same images differ, these are the reasons to look at, in this order:
#
# * **The backbone and the teacher.** Published figures come from networks that saw ImageNet for days; those in the package
#   are small and were trained on drawn images. `--backbone` and `--teacher` take the others.
# * **The size.** Papers crop the border off and look at a middle; here the whole image counts.
# * **The training.** The paper's EfficientAd takes many times the steps.
# * **F1.** None of the others says at which threshold.
#
# Does the table that this project started from follow from any of these?

# %%
started = [
    values
    for one in PUBLISHED
    if "started from" in one.source
    for name, values in one.figures.items()
    if name in names
]
if started and figures("pixel", "auroc") and figures("pixel", "f1_max"):
    there = [np.mean([values[key] for values in started]) for key in KEYS[2:]]
    here = [np.mean(figures(*level)) for level in LEVELS[2:]]
    say(
        f"In the mean it has a pixel AUROC of {there[0]:.3f} with a pixel F1 of {there[1]:.3f};",
        f"this run has {here[0]:.3f} with {here[1]:.3f}. So high an F1 takes a map that is nearly",
        "right to the pixel. How that table was made is not known, so nothing here explains it.",
    )
else:
    say("It has none of these categories.")

# %% [markdown]
# Next: [your own surface](7_own_surface.py).
