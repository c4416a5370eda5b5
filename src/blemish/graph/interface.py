"""What a model file's graph takes and gives, held against what the file says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from blemish.errors import ModelFileError

if TYPE_CHECKING:
    import onnx

# Type of the values, as ONNX Runtime spells it, and how many axes there are; by name.
Values = Mapping[str, tuple[str, int]]

IMAGE = {8: ("tensor(uint8)", 4), 16: ("tensor(uint16)", 4)}
OUTPUTS = {"score": ("tensor(float)", 1), "score_map": ("tensor(float)", 3)}
ALIGNED = {"alignment": ("tensor(float)", 2), "alignable": ("tensor(bool)", 1)}
_ELEMENTS = {
    1: "tensor(float)",
    2: "tensor(uint8)",
    4: "tensor(uint16)",
    9: "tensor(bool)",
}  # of onnx.TensorProto


def check_interface(inputs: Values, outputs: Values, *, bit_depth: int, name: str) -> None:
    """Raise `ModelFileError` where a graph is not what judges images.

    Args:
        inputs: of the graph, those that must be fed.
        outputs: of the graph; more than are needed may be there.
        bit_depth: of the images, as the file says.
        name: what to call the file in errors.
    """
    problems = [
        *_problems("input", {"image": IMAGE[bit_depth]}, inputs),
        *_problems("output", OUTPUTS, outputs),
        *(f"it has another input, '{other}'" for other in inputs if other != "image"),
    ]
    _raise_all(problems, name)


def check_aligned(outputs: Values, *, name: str) -> None:
    """Raise `ModelFileError` where a graph does not tell how it aligns parts."""
    _raise_all([*_problems("output", ALIGNED, outputs)], name)


def _raise_all(problems: list[str], name: str) -> None:
    if problems:
        raise ModelFileError(
            f"The graph of '{name}' is not one that judges images: {'; '.join(problems)}. "
            "Fit it again."
        )


def _problems(what: str, wanted: Values, found: Values) -> Iterator[str]:
    for name, value in wanted.items():
        if name not in found:
            yield f"{what} '{name}' is missing"
        elif found[name] != value:
            (kind, axes), (other, others) = value, found[name]
            yield f"{what} '{name}' is {other} of {others} axes, not {kind} of {axes}"


def interface_of(model: onnx.ModelProto) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and outputs of a graph that nothing has loaded."""
    given = {tensor.name for tensor in model.graph.initializer}
    inputs, outputs = (
        {
            value.name: (
                _ELEMENTS.get(value.type.tensor_type.elem_type, "of another type"),
                len(value.type.tensor_type.shape.dim),
            )
            for value in values
        }
        for values in (model.graph.input, model.graph.output)
    )
    return {name: value for name, value in inputs.items() if name not in given}, outputs


def refuse_outside_data(data: bytes, name: str) -> None:
    """Raise `ModelFileError` where a model would take numbers from elsewhere than its own bytes.

    ONNX lets a tensor name another file, and ONNX Runtime even a place in memory.
    """
    if b"location" not in data:  # the key that such a tensor has; hardly any other model does
        return
    model = parsed(data, name)
    if _has_outside_data(model):
        raise ModelFileError(
            f"'{name}' takes numbers from other files; a model of blemish is one file. "
            "Get it anew from where it was fitted."
        )


def parsed(data: bytes, name: str) -> onnx.ModelProto:
    """A model file as ONNX reads it. Raises `ModelFileError` where it cannot."""
    import onnx

    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's errors have no public base but Exception
        raise ModelFileError(f"'{name}' is no ONNX model that can be read: {error}.") from error


def _has_outside_data(message: Any) -> bool:
    """Whether any tensor in it, however deep (attributes, inner graphs, functions), does that."""
    if message.DESCRIPTOR.name == "TensorProto":
        return bool(message.external_data) or message.data_location != 0
    for field, value in message.ListFields():
        if field.message_type is not None:
            several = value if hasattr(value, "__len__") else (value,)
            if any(map(_has_outside_data, several)):
                return True
    return False
