"""timm models as ONNX files, exported once and kept in the user's cache.

torch and timm are loaded only to make a file; its name holds a hash of all that it depends on, so
finding it again needs neither. Whatever was exported is compared with the torch module on another
size and batch before it is kept: a graph that was frozen to the traced size never gets a name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.compiler import no_compiler_folder
from blemish.errors import BackboneError, MissingExtraError, did_you_mean, raise_all
from blemish.files import write_whole
from blemish.wording import first_few

if TYPE_CHECKING:
    import onnx

FORMAT = 1  # to be raised when this module makes another file of the same model
PACKAGES = ("torch", "timm", "onnxscript")
LARGEST_STRIDE = 16  # the stage beyond it holds most of the weights and is of no use to PatchCore
WRAPPERS = ("model.", "body.")  # what timm puts in front where it keeps a model whole
TRACED_SHAPE = (2, 3, 128, 192)  # N, C, H, W
CHECKED_SHAPE = (3, 3, 160, 96)
TOLERANCE = 1e-3  # of a map's largest value; float32 rounding makes up to 5e-5 in deep networks


def export_timm(name: str, *, weights: Path | None = None, cache: Path | None = None) -> Path:
    """Find the ONNX file of a timm model in the cache, or make it.

    Its levels are timm's feature maps up to stride 16 (or all where each is coarser), under the
    names that timm gives to their modules: `layer1`, `layer2`, `layer3` of a ResNet.

    Args:
        name: as timm knows it, with or without the tag of its weights (`resnet18.a1_in1k`).
        weights: a safetensors file in timm's own format, in place of timm's download; weights of
            the classifier may be in it. Mean and std stay those that timm knows for `name`.
        cache: folder for the file; by default `blemish/backbones` in the user's cache.

    Raises:
        BackboneError: timm does not know the model or offers no feature maps of it, the weights
            cannot be downloaded or do not fit, or the export failed.
        MissingExtraError: torch, timm or onnxscript is not installed.
        BlemishError: the file cannot be written.
    """
    versions = _versions(name)
    weights_sha256 = _sha256(weights) if weights else None
    made_of = json.dumps([FORMAT, name, weights_sha256, versions])
    key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    safe_name = re.sub(r"[^\w.-]", "_", name)
    file = (cache or cache_folder()) / f"{safe_name}-{key}.onnx"
    if not file.exists():
        with no_compiler_folder():
            network = _make_network(name, weights)
            model = _to_onnx(network, name)
        _check(model, network, name)
        _describe(model, network.pretrained_cfg, name, weights_sha256)
        _write(model, file)
    return file


def cache_folder() -> Path:
    """Where exported backbones are kept for this user, by the custom of the system."""
    home = Path.home()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "blemish" / "backbones"


def _versions(name: str) -> dict[str, str]:
    try:
        return {package: metadata.version(package) for package in PACKAGES}
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError(f"backbone 'timm:{name}'", "train") from error


def _sha256(weights: Path) -> str:
    try:
        with weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BackboneError(f"Cannot read weights '{weights}': {error.strerror}.") from error


def _import_timm(name: str) -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # of what timm downloads with
    try:
        import timm
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"backbone 'timm:{name}'", "train") from error
    except (RuntimeError, ImportError, AttributeError) as error:
        if "torchvision" not in str(error):
            raise
        raise BackboneError(
            f"timm cannot be loaded: the torchvision that is installed does not fit torch "
            f"{metadata.version('torch')}; install the torchvision made for it, both from the "
            "same package index (a CPU build goes with a CPU build)."
        ) from error
    return timm


def _make_network(name: str, weights: Path | None) -> Any:
    """The torch module from images to a list of maps, with its weights, for inference."""
    timm = _import_timm(name)
    known = [*timm.list_models(), *timm.list_pretrained()]
    if name not in known:
        raise BackboneError(f"timm has no model '{name}'.{did_you_mean(name, known)}")
    try:
        info = timm.create_model(name, features_only=True).feature_info
    except Exception as error:  # each family of models has its own kind
        raise BackboneError(f"timm offers no maps of model '{name}' ({_short(error)}).") from error
    strides = dict(zip(info.out_indices, info.reduction(), strict=True))
    levels = [i for i, stride in strides.items() if stride <= LARGEST_STRIDE] or list(strides)
    options = {"features_only": True, "out_indices": levels, "exportable": True}
    if weights:
        network = timm.create_model(name, **options)
        _load_weights(network, weights, name)
        return network.eval()
    try:
        return timm.create_model(name, pretrained=True, **options).eval()
    except Exception as error:  # the errors of whatever library timm downloads with
        raise BackboneError(
            f"timm could not fetch the weights of model '{name}' ({_short(error)}); fetch them "
            "elsewhere and pass them: weights=FILE.safetensors."
        ) from error


def _load_weights(network: Any, weights: Path, name: str) -> None:
    """Fill all that is in `network` from a file of the whole model."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = {_flat(key): tensor for key, tensor in load_file(weights).items()}
    except (SafetensorError, OSError) as error:
        raise BackboneError(f"'{weights}' is not a safetensors file ({_short(error)}).") from error
    wanted = {
        key: tensor
        for key, tensor in network.state_dict().items()
        if not key.endswith("num_batches_tracked")  # counts training steps only
    }
    wrapper = next((w for w in WRAPPERS if all(key.startswith(w) for key in wanted)), "")
    names = {key: _flat(key.removeprefix(wrapper)) for key in wanted}
    found = {key: stored[flat] for key, flat in names.items() if flat in stored}
    _require_fit(wanted, found, f"'{weights}' does not fit timm model '{name}'")
    network.load_state_dict(found, strict=False)


def _require_fit(wanted: Mapping[str, Any], found: Mapping[str, Any], complaint: str) -> None:
    missing = [key for key in wanted if key not in found]
    misfits = [
        f"{key} ({list(found[key].shape)} instead of {list(tensor.shape)})"
        for key, tensor in wanted.items()
        if key in found and found[key].shape != tensor.shape
    ]
    problems = []
    if missing:
        problems.append(f"{complaint}: it lacks {first_few(missing, 3)}.")
    if misfits:
        problems.append(f"{complaint}: other shapes have {first_few(misfits, 3)}.")
    raise_all(problems, BackboneError)


def _flat(key: str) -> str:
    """The name of a weight without its dots: timm turns some of them into `_` for feature maps."""
    return key.replace(".", "_")


def _to_onnx(network: Any, name: str) -> onnx.ModelProto:
    """The graph of `network` with free N, H and W, batch norms folded by the exporter."""
    import torch

    from blemish.graph.builder import OPSET

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about its own insides
            program = torch.onnx.export(
                network,
                (torch.zeros(TRACED_SHAPE),),
                input_names=["image"],
                output_names=network.feature_info.module_name(),
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=({0: "batch", 2: "height", 3: "width"},),
                verbose=False,
            )
    except Exception as error:  # torch.onnx, torch.export and the model itself raise what they like
        raise BackboneError(
            f"timm model '{name}' cannot be exported with free height and width "
            f"({_short(error.__cause__ or error)})."
        ) from error
    model: onnx.ModelProto = program.model_proto
    _strip(model)
    return model


def _strip(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes of its work: stack traces with paths of this machine."""
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


def _check(model: onnx.ModelProto, network: Any, name: str) -> None:
    """Compare with torch on a size and batch that were not traced."""
    import torch

    from blemish.graph.session import Session

    image = np.random.default_rng(0).standard_normal(CHECKED_SHAPE, dtype=np.float32)
    with torch.inference_mode():
        wanted = [maps.numpy() for maps in network(torch.from_numpy(image))]
    channels = network.feature_info.channels()
    if any(maps.ndim != 4 or maps.shape[1] != c for maps, c in zip(wanted, channels, strict=True)):
        raise BackboneError(f"The maps of timm model '{name}' are not of the form N x C x H x W.")
    try:
        maps = Session(model.SerializeToString()).run(None, image=image)
    except Exception as error:  # ONNX Runtime's errors share no public base but Exception
        raise BackboneError(
            f"The export of timm model '{name}' does not run ({_short(error)})."
        ) from error
    if not all(_agree(ours, theirs) for ours, theirs in zip(maps, wanted, strict=True)):
        raise BackboneError(f"The export of timm model '{name}' gives other maps than torch.")


def _agree(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> bool:
    """Whether two maps are equal but for rounding; with a NaN in one they are not."""
    return ours.shape == theirs.shape and bool(
        np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max()
    )


def _describe(
    model: onnx.ModelProto, config: dict[str, Any], name: str, weights_sha256: str | None
) -> None:
    """Write into the metadata what `read_backbone` reads, and where the weights are from."""
    import onnx

    origin = config.get("hf_hub_id") or config.get("url")
    # What timm knows of a licence holds for its own download, not for weights from anywhere.
    licence = config.get("license") if weights_sha256 is None else None
    onnx.helper.set_model_props(
        model,
        {
            "name": name,
            "mean": json.dumps(config["mean"]),
            "std": json.dumps(config["std"]),
            "licence": licence or "not stated",
            "source": f"timm {metadata.version('timm')}, weights "
            + (f"sha256 {weights_sha256}" if weights_sha256 else f"{origin}"),
        },
    )


def _write(model: onnx.ModelProto, file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackboneError(f"Cannot make '{file.parent}': {error.strerror}.") from error
    write_whole(file, model.SerializeToString(deterministic=True))


def _short(error: BaseException) -> str:
    """The kind of an error and its first line."""
    lines = str(error).strip().splitlines()
    first_line = textwrap.shorten(lines[0], 160, placeholder=" ...") if lines else "no message"
    return f"{type(error).__name__}: {first_line}"
