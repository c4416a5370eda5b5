"""Model files as somebody might make them who can sign: facts and graphs changed at random, seeded.

    for number, data in enumerate(mutated(model_bytes, count=100, seed=0)): ...

By hand, with many seeds: python tests/mutations.py MODEL.onnx IMAGE 1000 7
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import onnx

from blemish.errors import BlemishError
from blemish.model import file as metadata

DEEP = "[" * 100_000 + "]" * 100_000
STRANGE = [
    None, True, False, 0, 1, -1, 0.5, 1e9, -1e308, 2**31, 2**63 - 1, 2**70, 10**400, "", "x",
    "a" * 100_000, "\u202e\x1b[2J", "\ud800", "\udcff", "0" * 64, "../../etc/passwd", [], [[]], {},
    {"": {}}, [1, 2, 3, 4], ["a", "0" * 64, 1.0, 2.0], float("nan"), float("inf"), -float("inf"),
]  # fmt: skip

Facts = dict[str, Any]


def facts_of(model: onnx.ModelProto) -> Facts:
    """What a model file says of itself."""
    return json.loads(
        next(entry.value for entry in model.metadata_props if entry.key == metadata.KEY)
    )


def signed(model: onnx.ModelProto, text: str) -> bytes:
    """A model file with any words as its facts, whose hash is right."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    kept = [e for e in copied.metadata_props if e.key not in (metadata.KEY, metadata.HASH_KEY)]
    entries = [(entry.key, entry.value) for entry in kept]
    del copied.metadata_props[:]
    for key, value in [*entries, (metadata.KEY, text), (metadata.HASH_KEY, "0" * 64)]:
        copied.metadata_props.add(key=key, value=value)
    data = copied.SerializeToString(deterministic=True)
    place = data.rindex(metadata._MARK) + len(metadata._MARK)
    return data[:place] + hashlib.sha256(data).hexdigest().encode() + data[place + 64 :]


def mutated(data: bytes, *, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """What was done to a model file, and its bytes then, `count` times."""
    rng = random.Random(seed)
    model = onnx.load_model_from_string(data)
    facts = facts_of(model)
    for _ in range(count):
        if rng.random() < 0.65:
            changed = copy.deepcopy(facts)
            done = [_change_facts(changed, rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
            text = json.dumps(changed)
            if rng.random() < 0.05:
                text = rng.choice([text[: len(text) // 2], "", "null", DEEP, f'{{"a": {DEEP}}}',
                                   text.replace("{", '{"schema": 1, ', 1), "\0", "[1"])  # fmt: skip
                done.append("text")
            yield "; ".join(done), signed(model, text)
        else:
            graph = onnx.ModelProto()
            graph.CopyFrom(model)
            yield _change_graph(graph, rng), signed(graph, json.dumps(facts))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from _places(inner, (*path, key))


def _change_facts(facts: Facts, rng: random.Random) -> str:
    places = list(_places(facts))
    if not places:
        return "nothing left"
    # Long lists of rows would take all; half of the changes are to what has a name.
    named = [place for place in places if all(isinstance(key, str) for key in place)]
    *way, key = rng.choice(named if named and rng.random() < 0.6 else places)
    holder: Any = facts
    for step in way:
        holder = holder[step]
    change: Callable[[Any, Any, random.Random], str] = rng.choice(FACT_CHANGES)
    return f"{'.'.join(map(str, [*way, key]))}: {change(holder, key, rng)}"


def _drop(holder: Any, key: Any, rng: random.Random) -> str:
    del holder[key]
    return "dropped"


def _replace(holder: Any, key: Any, rng: random.Random) -> str:
    holder[key] = copy.deepcopy(rng.choice(STRANGE))  # what is in it may be changed next
    return f"replaced by {str(holder[key])[:20]!r}"


def _nudge(holder: Any, key: Any, rng: random.Random) -> str:
    old = holder[key]
    if isinstance(old, bool) or not isinstance(old, (int, float)):
        return _replace(holder, key, rng)
    holder[key] = rng.choice([old + 1, old - 1, old * 1.01, -old, old * 1e6, str(old), [old]])
    return f"{old} to {holder[key]}"


def _turn(holder: Any, key: Any, rng: random.Random) -> str:
    old = holder[key]
    if isinstance(old, list) and len(old) > 1:
        rng.shuffle(old)
        return "shuffled"
    holder[key] = {"inner": old} if rng.random() < 0.5 else [old]
    return "wrapped"


def _deepen(holder: Any, key: Any, rng: random.Random) -> str:
    inner: Any = 1
    for _ in range(rng.choice([20, 40, 300])):
        inner = [inner]
    holder[key] = inner
    return "deep"


def _lengthen(holder: Any, key: Any, rng: random.Random) -> str:
    old = holder[key]
    if isinstance(old, list) and old:
        old.append(copy.deepcopy(rng.choice(old)))
        return "a row twice"
    return _replace(holder, key, rng)


FACT_CHANGES = [_drop, _replace, _replace, _nudge, _nudge, _turn, _deepen, _lengthen]


def _change_graph(model: onnx.ModelProto, rng: random.Random) -> str:
    return rng.choice(GRAPH_CHANGES)(model, rng)


def _drop_output(model: onnx.ModelProto, rng: random.Random) -> str:
    del model.graph.output[rng.randrange(len(model.graph.output))]
    return "output dropped"


def _rename(model: onnx.ModelProto, rng: random.Random) -> str:
    value = rng.choice([*model.graph.output, *model.graph.input])
    value.name = rng.choice(["", "other", "score", "image", "a" * 1000])
    return f"value renamed to {value.name[:10]!r}"


def _retype(model: onnx.ModelProto, rng: random.Random) -> str:
    value = rng.choice([*model.graph.output, *model.graph.input])
    value.type.tensor_type.elem_type = rng.choice([0, 1, 2, 4, 7, 8, 10, 11, 99])
    return f"{value.name} of another type"


def _reshape(model: onnx.ModelProto, rng: random.Random) -> str:
    value = rng.choice([*model.graph.output, *model.graph.input])
    dims = value.type.tensor_type.shape.dim
    if dims and rng.random() < 0.5:
        dims[rng.randrange(len(dims))].dim_value = rng.choice([-1, 0, 1, 7, 2**40])
    else:
        dims.add().dim_value = 3
    return f"{value.name} of another shape"


def _drop_node(model: onnx.ModelProto, rng: random.Random) -> str:
    del model.graph.node[rng.randrange(len(model.graph.node))]
    return "node dropped"


def _swap_output(model: onnx.ModelProto, rng: random.Random) -> str:
    """An inner tensor of the same type under an output's name: another shape, maybe."""
    node = rng.choice(model.graph.node)
    output = rng.choice(model.graph.output)
    for other in model.graph.node:
        other.output[:] = [f"{name}_" if name == output.name else name for name in other.output]
    model.graph.node.append(onnx.helper.make_node("Identity", [node.output[0]], [output.name]))
    return f"{output.name} is {node.output[0]}"


def _rewire(model: onnx.ModelProto, rng: random.Random) -> str:
    node, other = rng.choice(model.graph.node), rng.choice(model.graph.node)
    if node.input and other.output:
        node.input[rng.randrange(len(node.input))] = other.output[0]
    return "rewired"


def _other_op(model: onnx.ModelProto, rng: random.Random) -> str:
    node = rng.choice(model.graph.node)
    node.op_type = rng.choice(["Log", "Sqrt", "Reciprocal", "Identity", "Nope", "Shape", "Neg"])
    node.domain = rng.choice(["", "", "com.example"])
    return f"op {node.op_type}"


def _drop_weights(model: onnx.ModelProto, rng: random.Random) -> str:
    del model.graph.initializer[rng.randrange(len(model.graph.initializer))]
    return "weights dropped"


def _break_weights(model: onnx.ModelProto, rng: random.Random) -> str:
    tensor = rng.choice(model.graph.initializer)
    what = rng.choice(["cut", "dims", "type", "nan", "huge", "outside", "memory"])
    if what == "cut":
        tensor.raw_data = tensor.raw_data[:-1]
    elif what == "dims":
        tensor.dims[:] = [rng.choice([-1, 0, 3, 2**40])]
    elif what == "type":
        tensor.data_type = rng.choice([0, 1, 2, 6, 7, 11, 99])
    elif what == "nan" and tensor.data_type == onnx.TensorProto.FLOAT:
        tensor.raw_data = b"\xff" * len(tensor.raw_data)
    elif what == "huge" and tensor.data_type == onnx.TensorProto.FLOAT:
        tensor.raw_data = b"\xff\xff\x7f\x7f" * (len(tensor.raw_data) // 4)
    elif what in ("outside", "memory"):
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        place = {"outside": "../secret.bin", "memory": "*/_ORT_MEM_ADDR_/*"}[what]
        for key, value in (("location", place), ("offset", "0"), ("length", "4")):
            tensor.external_data.add(key=key, value=value)
    return f"weights: {what}"


def _versions(model: onnx.ModelProto, rng: random.Random) -> str:
    if rng.random() < 0.5:
        model.ir_version = rng.choice([0, 1, 99, -1])
    else:
        model.opset_import[0].version = rng.choice([0, 1, 9, 99])
    return "versions"


def _metadata(model: onnx.ModelProto, rng: random.Random) -> str:
    model.metadata_props.add(key=rng.choice(["other", "blemish.", ""]), value="x")
    return "more metadata"


GRAPH_CHANGES = [
    _drop_output, _rename, _retype, _reshape, _drop_node, _swap_output, _rewire, _other_op,
    _drop_weights, _break_weights, _break_weights, _versions, _metadata,
]  # fmt: skip


def try_file(path: Path, image: Path, *, commands: bool = False) -> str:
    """Use a model file in all ways: `refused`, or `used`; anything else is raised.

    Where it can be used, no verdict may come from other thresholds than those that it states.
    """
    import blemish

    try:
        stated = blemish.inspect(path).facts.calibration
        model = blemish.load(path)
    except BlemishError:
        outcome = "refused"
    else:
        outcome = "used"
        used = model.calibration
        assert used.image_threshold == stated.image_threshold
        assert used.pixel_threshold == stated.pixel_threshold
        for result in model.predict_each([image, image]):
            if isinstance(result, blemish.Failure):
                outcome = "not judged"
            else:
                assert (result.verdict == "defect") == (result.score > stated.image_threshold)
    if commands:
        _type_commands(path, image)
    return outcome


def _type_commands(path: Path, image: Path) -> None:
    from typer.testing import CliRunner

    from blemish.cli.main import app

    for words in (
        ["inspect", path], ["inspect", path, "--verify", "--json"], ["predict", path, image],
        ["evaluate", path, image.parents[2]], ["calibrate", path, image.parents[2]],
    ):  # fmt: skip
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name="blemish")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception


def _main(model: Path, image: Path, count: int, seed: int) -> None:
    outcomes: Counter[str] = Counter()
    path = model.with_name(f"mutated-{seed}.onnx")
    for number, (done, data) in enumerate(mutated(model.read_bytes(), count=count, seed=seed)):
        path.write_bytes(data)
        print(f"{number}: {done[:150]}", file=sys.stderr, flush=True)
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                outcome = try_file(path, image, commands=number % 5 == 0)
        except Exception:
            outcome = "TRACEBACK"
            print(f"{number}: {done}\n{traceback.format_exc()}", flush=True)
        outcomes[outcome] += 1
    print(dict(outcomes))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:5]))
