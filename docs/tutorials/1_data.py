# %% [markdown]
# # 1. The data set
#
# Two ways to find what is wrong with a surface, PatchCore and EfficientAd, are compared here step by
# step: what each of them learns, what its figures mean, and when to take which. All that you read
# below the code was made by that code, in the run that is told at the top of the page. To run it
# yourself:
#
#     make tutorial
#
# Without further words it runs on surfaces that blemish draws: tile, leather and grid, in the likeness
# of three categories of MVTec AD (Bergmann et al., CVPR 2019). `BLEMISH_DATA=path/to/mvtec_ad` before
# the command runs the very same scripts on those three, which
# [`blemish download`](../how-to/download.md) fetches, and the path of any one data set runs them on that.

# %%
import numpy as np

import blemish
from study import categories, first, say, strip, table

found = {name: blemish.open_dataset(path) for name, path in categories().items()}

# %% [markdown]
# ## What there is
#
# Both detectors learn from good images alone. Defects are only there to be measured on, and no
# training and no threshold ever sees one.

# %%
table(
    ["category", "good to learn from", "good to test on", "defects", "kinds of defects"],
    [
        [
            name,
            len(dataset.train),
            sum(sample.label == "good" for sample in dataset.test),
            sum(sample.label == "defect" for sample in dataset.test),
            ", ".join(dataset.defect_types),
        ]
        for name, dataset in found.items()
    ],
)

# %% [markdown]
# The layout is that of MVTec AD: a folder of good images to learn from, one folder for each kind to
# test on, and a mask for each defect that says which of its pixels are defective.
#
# ```text
# tile/
#   train/good/000.png ...
#   test/good/000.png ...
#   test/crack/000.png ...
#   ground_truth/crack/000_mask.png ...
# ```
#
# ## What they look like
#
# The first good image, and the first of each kind of defect; the mask is outlined.

# %%
for name, dataset in found.items():
    kinds = ["good", *dataset.defect_types]
    samples = [next(s for s in dataset.test if s.defect_type == kind) for kind in kinds]
    images = [sample.read() for sample in samples]
    masks = [
        sample.read_mask(image.shape[:2]) for sample, image in zip(samples, images, strict=True)
    ]
    strip(images, kinds, masks=masks, words=f"{name}: a good image and one of each defect")

# %% [markdown]
# ## How large the defects are
#
# This decides what is hard later on: pixels of defects are few, so a figure over all pixels is mostly
# about good ones.

# %%
rows = []
for name, dataset in found.items():
    for kind in dataset.defect_types:
        shares = []
        for sample in dataset.test:
            mask = sample.read_mask(sample.probe().size_hw) if sample.defect_type == kind else None
            if mask is not None:
                shares.append(float(mask.mean()))
        if shares:
            rows.append([name, kind, len(shares), f"{np.median(shares):.2%}", f"{min(shares):.2%}"])
table(["category", "defect", "masks", "median share of the image", "smallest"], rows)
if rows:
    smallest = min(rows, key=lambda row: float(row[3].rstrip("%")))
    say(
        f"The smallest are those of {smallest[0]}, {smallest[1]}: in the median {smallest[3]} of it."
    )

# %% [markdown]
# ## What is wrong with it
#
# Before anything is learned, every image is read once: damaged files, copies between training and
# test, odd sizes, empty masks. `blemish check` does it on the command line.

# %%
report = blemish.audit(first())
for finding in report.findings:
    print(f"{finding.severity}: {finding.message}")
print(f"{len(report.of_severity('error'))} errors, {len(report.of_severity('warning'))} warnings")

# %% [markdown]
# An image that is both learned from and tested on would make every figure too good, and a good
# image that is none makes the detector blind for defects like it. So this comes first, with your own
# images too.
#
# Next: [PatchCore](2_patchcore.py).
