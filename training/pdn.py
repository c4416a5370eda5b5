"""Train the teachers of EfficientAd: patch description networks that answer as a deep net does.

    python training/pdn.py --teacher ../shared/backbones/resnet50v2.onnx --output build/pdn

The way of the paper (Batzner et al., WACV 2024): a patch's target is what PatchCore would know of
it (two levels of a network trained on ImageNet, neighbourhoods averaged, channels pooled to the
number of features) from the image at twice the size that the PDN sees. Images are drawn. All
sizes of PDN are trained together. The same command goes on from the last checkpoint. `--start FILE`
begins with the weights of a PDN of the one kind that is trained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from common import Drawings, Run, begin, parser, provenance, spreads
from onnx import TensorProto, helper, numpy_helper
from teacher import Teacher
from torch import Tensor, nn

from blemish.detectors.efficientad.architecture import BORDER_CELLS, features_of, pdn
from blemish.detectors.efficientad.jitter import normalised
from blemish.detectors.efficientad.pdn_teacher import load_pdn
from blemish.detectors.nets.freed_memory import freed_memory_kept
from blemish.detectors.nets.module import Net, weights_of

NEIGHBOURHOOD = 3
PDN_SCALE = 0.5  # of the image that the PDN sees to that which its teacher sees


class PatchTargets(nn.Module):
    """What PatchCore knows of each patch: N x 3 x H x W to a map of features a PDN.

    Args:
        teacher: with two levels, at strides 8 and 16 of the full image.
        features: how many each PDN gives.
    """

    def __init__(self, teacher: Teacher, features: list[int]) -> None:
        super().__init__()
        self.teacher, self.features = teacher, features

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps over the cells that an unpadded PDN reaches."""
        fine, coarse = (
            F.avg_pool2d(level.float(), NEIGHBOURHOOD, 1, NEIGHBOURHOOD // 2)
            for level in self.teacher(images)
        )
        coarse = F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        inner = slice(BORDER_CELLS, -BORDER_CELLS)
        both = torch.cat([fine, coarse], 1)[:, :, inner, inner]
        cells = both.permute(0, 2, 3, 1)
        return [F.adaptive_avg_pool1d(cells.flatten(0, 1), count).view(*cells.shape[:3], count)
                .permute(0, 3, 1, 2) for count in self.features]  # fmt: skip


def main() -> None:
    """Train, or go on training, and write an ONNX file for each PDN."""
    arguments = parser(__doc__, shards=40, batch=16, rate=1e-3)
    arguments.add_argument("--levels", default="stage2,stage3", help="at strides 8, 16")
    arguments.add_argument("--kinds", default="small", help="of PDN")
    arguments.add_argument("--start", type=Path, help="file of weights to begin with")
    a, commit = begin(arguments)
    kinds: list[str] = a.kinds.split(",")
    nets = {kind: begun(kind, a.start) for kind in kinds}
    teacher = PatchTargets(
        Teacher(a.teacher, a.levels.split(",")), [features_of(kind) for kind in kinds]
    ).to(a.device)
    with Drawings(a) as drawings, freed_memory_kept():
        targets = spreads(teacher, drawings.take(drawings.start(-1)), a.device)
        run = Run(a, nets)

        def residuals(batch: Tensor) -> dict[str, Tensor]:
            small = F.interpolate(batch, scale_factor=PDN_SCALE, mode="area")
            wanted = teacher(batch)
            return {
                kind: spread.residual(net(normalised(small)), target)
                for (kind, net), spread, target in zip(nets.items(), targets, wanted, strict=True)
            }

        run.work(drawings, residuals)
    run.averaged()
    for kind, net in nets.items():
        known = provenance(run, name=f"pdn-{kind}", commit=commit)
        write(net, a.output / f"{kind}.onnx", known)
        print(f"written: {a.output / f'{kind}.onnx'}")


def begun(kind: str, start: Path | None) -> Net:
    """A PDN of random weights, or of those of a file; its features are in standard units."""
    net = Net(pdn(kind))
    if start is not None:
        weights = load_pdn(str(start), kind).weights
        net.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    return net


def write(net: Net, path: Path, known: dict[str, str]) -> None:
    """Write the weights of a PDN in half precision: an ONNX graph that blemish reads them from."""
    weights = [
        numpy_helper.from_array(value.astype(np.float16), name)
        for name, value in weights_of(net).items()
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT16, ["N", 3, "H", "W"])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT16, [None] * 4)
    graph = helper.make_graph(nodes(net), path.stem, [image], [features], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, known)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def nodes(net: Net) -> list[onnx.NodeProto]:
    """The layers of a PDN as nodes from `image` to `features`."""
    chain, taken = [], "image"
    for layer in net.layers:
        out = f"{layer.name}.out"
        conv = [taken, f"{layer.name}.weight", f"{layer.name}.bias"]
        chain.append(helper.make_node("Conv", conv, [out]))
        if layer.rectified:
            chain.append(helper.make_node("Relu", [out], [f"{out}.rectified"]))
            out = f"{out}.rectified"
        if layer.pooled:
            pool = helper.make_node(
                "AveragePool", [out], [f"{out}.pooled"], kernel_shape=[2, 2], strides=[2, 2]
            )
            chain.append(pool)
            out = f"{out}.pooled"
        taken = out
    chain[-1].output[0] = "features"
    return chain


if __name__ == "__main__":
    main()
