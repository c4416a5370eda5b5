# %% [markdown]
# # 5. The experiment
#
# Both detectors, all categories, several seeds: one command. A record is kept for each job, and the same command
# goes on where it was interrupted.

# %%
import json

import numpy as np

import blemish
from study import SIZES, WORK, categories, command, say, table

command(
    "benchmark", *categories().values(), "-o", WORK / "experiment",
    "--detectors", "patchcore,efficientad", *SIZES.experiment,
)  # fmt: skip

# %% [markdown]
# EfficientAd is trained for fewer steps than its preset `quick` has, so that the whole tutorial stays within half an
# hour on two cores. [Longer trainings](../explanation/efficientad.md) bring more.
#
# ## The tables
#
# Each figure is the mean over the seeds, with the lowest and the highest behind it. F1 is F1-max, as it is in the tables
# of others, and peeks at the labels.

# %%
records = [
    json.loads(path.read_text())
    for path in sorted((WORK / "experiment" / "records").glob("*.json"))
]
FIGURES = (("image", "auroc"), ("image", "f1_max"), ("pixel", "auroc"), ("pixel", "f1_max"))


def over_seeds(chosen, level, name):
    """Mean, lowest and highest of a figure over the seeds."""
    values = [record["figures"][level][name] for record in chosen]
    if None in values:
        return "-"
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def tell(detector):
    """The table of one detector."""
    rows = []
    for category in categories():
        chosen = [r for r in records if (r["category"], r["detector"]) == (category, detector)]
        rows.append([category, *(over_seeds(chosen, *figure) for figure in FIGURES)])
    table(["Category", "Image AUROC", "Image F1", "Pixel AUROC", "Pixel F1"], rows)


seeds = sorted({record["seed"] for record in records})
steps = {r["settings"]["steps"] for r in records if r["detector"] == "efficientad"}
say(
    f"{len(records)} jobs, seeds {', '.join(map(str, seeds))}. EfficientAd: {max(steps):,} steps,",
    f"where `quick` has {blemish.EfficientAd(preset='quick').settings.recipe.steps:,}.",
)

# %% [markdown]
# ### PatchCore

# %%
tell("patchcore")

# %% [markdown]
# ### EfficientAd

# %%
tell("efficientad")

# %% [markdown]
# ## At the calibrated threshold
#
# The same jobs as a line would see them: the threshold is set before any test image is looked at.

# %%
rows = []
for record in records:
    image, verdicts = record["figures"]["image"], record["images"]
    goods = [row for row in verdicts if row["label"] == "good"]
    alarms = sum(row["verdict"] == "defect" for row in goods)
    rows.append([
        record["category"], record["detector"], record["seed"],
        f"{record['calibration']['false_alarm_rate']:.3f}", f"{alarms} of {len(goods)}",
        image["miss_rate"], image["f1"],
    ])  # fmt: skip
table(["category", "detector", "seed", "promised", "false alarms", "misses", "F1"], rows)

# %% [markdown]
# `report.html` in the folder of the experiment has all of it with curves and images; see
# [reading the report](../how-to/read-the-report.md).
#
# Next: [what follows from it](6_discussion.py).
