# %% [markdown]
# # 7. Your own surface
#
# All that is needed is a folder of good images. Defects help to know how good a model is, never to make it. Here the
# good images of the first category stand in for yours: they are copied into a plain folder, and from there on
# everything is as with your own.

# %%
import shutil

from PIL import Image

import blemish
from study import SIZES, WORK, command, first, say, strip

dataset = first()
own = WORK / "own-surface"
shutil.rmtree(own, ignore_errors=True)
(own / "good").mkdir(parents=True)
for number, sample in enumerate(dataset.train[: SIZES.own_images]):
    Image.fromarray(sample.read()).save(own / "good" / f"{number:04}.png")

# %% [markdown]
# ## Look it over, and see what a fit will take

# %%
command("check", own / "good")

# %%
settings = [
    part for name, value in SIZES.patchcore.items() for part in ("--set", f"{name}={value}")
]
command("plan", own / "good", *settings)

# %% [markdown]
# ## Learn
#
# Thresholds come from the same images, each scored as if it had been left out. How few false alarms can be promised
# depends on how many there are: see [choose a threshold](../how-to/choose-a-threshold.md).

# %%
model_file = WORK / "own.onnx"
command("fit", own / "good", "-o", model_file, "--force", *settings)

# %%
command("inspect", model_file)

# %% [markdown]
# ## Judge new images
#
# One of each kind that was never seen. Each line holds score, p-value, verdict and regions; `--overlay` draws the map over
# the image.

# %%
kinds = ["good", *dataset.defect_types]
tried = [next(s for s in dataset.test if s.defect_type == kind) for kind in kinds]
(own / "new").mkdir()
files = []
for kind, sample in zip(kinds, tried, strict=True):
    files.append(own / "new" / f"{kind}.png")
    Image.fromarray(sample.read()).save(files[-1])
out = WORK / "own-predictions"
command("predict", model_file, *files, "-o", out, "--overlay", "--force")

# %%
model = blemish.load(model_file)
judged = model.predict([str(file) for file in files])
drawn = sorted(out.rglob("*.jpg"))
strip(
    [Image.open(path) for path in drawn],
    [path.name.split(".")[0] for path in drawn],
    words="New images with their maps laid over them",
)
rejected = [kind for kind, one in zip(kinds, judged, strict=True) if one.verdict == "defect"]
say(
    f"Rejected: {', '.join(rejected) or 'none'}. Promised are false alarms on a share of",
    f"{model.calibration.false_alarm_rate:.3f} of good images, from",
    f"{len(model.calibration.scores)} of them.",
)

# %% [markdown]
# ## From here
#
# * Too many false alarms? [Where they come from, and what to do](../how-to/false-alarms.md).
# * Defects at hand, even a few: put them into folders beside `good/`, one for each kind, and `blemish evaluate` measures.
# * The model file runs [without blemish](../how-to/other-languages.md), in any language that has ONNX Runtime.
