"""Train the embedded backbone: a student that answers to drawn images as a teacher does.

    python training/distill.py --teacher ../shared/backbones/mobilenetv2.onnx --output build/student

The same command goes on from the last checkpoint. `--device cuda` trains on a GPU. `--start FILE`
begins with the weights of a student whose rectifiers had no bound, as the one that ships did.
"""

from __future__ import annotations

from pathlib import Path

from common import Drawings, Run, begin, on_device, parser, provenance, spreads
from export import export
from student import LEVELS, Student
from teacher import Teacher
from torch import Tensor
from warm_start import warm_start

from blemish.detectors.efficientad.jitter import normalised
from blemish.detectors.nets.freed_memory import freed_memory_kept

WEIGHTS = {"s16": 1.5}  # the level that is hardest to learn


def main() -> None:
    """Train, or go on training, and write the ONNX file."""
    arguments = parser(__doc__, shards=64, batch=24, rate=3e-3)
    arguments.add_argument("--levels", default="block1,block4,block11", help="at strides 4, 8, 16")
    arguments.add_argument("--start", type=Path, help="ONNX file of weights to begin with")
    arguments.add_argument("--frozen", type=int, default=0, help="stages that keep these")
    a, commit = begin(arguments)
    teacher = Teacher(a.teacher, a.levels.split(",")).to(a.device)
    with Drawings(a) as drawings, freed_memory_kept():
        untrained = drawings.take(drawings.start(-1))
        targets = spreads(teacher, untrained, a.device)
        fine, middle, coarse = (target.mean.shape[1] for target in targets)
        student = Student((fine, middle, coarse))
        if a.start:
            warm_start(student, a.start, targets, on_device(untrained[:96], "cpu"))
        student.freeze(a.frozen)
        run = Run(a, {"student": student}, WEIGHTS)

        def residuals(batch: Tensor) -> dict[str, Tensor]:
            answers = zip(LEVELS, student(normalised(batch)), teacher(batch), targets, strict=True)
            return {level: spread.residual(out, wanted) for level, out, wanted, spread in answers}

        run.work(drawings, residuals)
    run.averaged()
    export(student, targets, a.output / "student.onnx",
           provenance(run, name="embedded", commit=commit))  # fmt: skip
    print(f"written: {a.output / 'student.onnx'}")


if __name__ == "__main__":
    main()
