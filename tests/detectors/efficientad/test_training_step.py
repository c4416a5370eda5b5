"""One step of training agrees with the reference implementation: losses, gradients, update."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from blemish.detectors.efficientad.architecture import pdn
from blemish.detectors.efficientad.teacher import statistics_of
from blemish.graph.engine import CPU

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
from blemish.detectors.efficientad import jitter  # noqa: E402
from blemish.detectors.efficientad.batches import Batch, Window  # noqa: E402
from blemish.detectors.efficientad.fit import normalised  # noqa: E402
from blemish.detectors.efficientad.objective import make_trio, step_losses  # noqa: E402
from blemish.detectors.efficientad.training import _Run  # noqa: E402
from blemish.detectors.nets import module as nets  # noqa: E402

CLOSE = 1e-4  # relative
WHOLE = Window(*[slice(None)] * 4)


def statistics(oracle):
    """Of the oracle's teacher over its training images."""
    net = nets.fixed_net(pdn("small"), oracle.teacher.weights)
    with torch.no_grad():
        features = net(torch.from_numpy(oracle.images("train_images"))).double().numpy()
    return statistics_of(features.mean((2, 3)), features.var((2, 3)))


@pytest.fixture(scope="module")
def teacher(oracle):
    """The oracle's teacher, with features of mean 0 and spread 1."""
    cpu = torch.device("cpu")
    return normalised(oracle.teacher.answers(cpu, CPU), statistics(oracle), cpu)


def make_run(oracle, teacher, **settings):
    """A training at its first step, with the oracle's weights."""
    cpu = torch.device("cpu")
    settings = oracle.settings.replace(precision="float32", **settings)
    trio = make_trio(settings, oracle.layers, teacher, cpu)
    for name, net in trio.trained.items():
        weights = getattr(oracle, name).items()
        net.load_state_dict({key: torch.from_numpy(value) for key, value in weights})
    batches = SimpleNamespace(at=lambda _: batch(oracle), count=1)
    return _Run(settings, trio, batches, cpu, None)


def batch(oracle):
    one, varied, penalty = (
        torch.from_numpy(oracle.images(f"step_image_{name}")) for name in ("st", "ae", "penalty")
    )
    return Batch([WHOLE], one, None, varied, penalty)


def norm(gradients):
    return sum(float(g.double().square().sum()) for g in gradients) ** 0.5


def keep(oracle, monkeypatch):
    """Have dropout keep what it kept in the reference."""
    shapes = oracle.values["training_step"]["dropout_on"]["dropout_masks"]
    stored = (np.unpackbits(oracle.outputs[f"dropout_mask_{i}_packbits"])[: np.prod(shape)]
              .reshape(shape) for i, shape in enumerate(shapes))  # fmt: skip

    def dropped(values, chance):
        return values * torch.from_numpy(next(stored).astype(np.float32)) / (1 - chance)

    monkeypatch.setattr(nets, "dropped", dropped)


def test_teacher_statistics_are_those_of_the_reference(oracle, close):
    found = statistics(oracle)
    close(found.mean, oracle.outputs["teacher_mean"], 1e-5)
    close(found.std, oracle.outputs["teacher_std"], 1e-5)


@pytest.mark.parametrize("case", ["dropout_off", "dropout_on"])
def test_losses_gradients_and_update_are_those_of_the_reference(
    oracle, teacher, case, monkeypatch, close
):
    wanted = oracle.values["training_step"][case]
    if case == "dropout_on":
        keep(oracle, monkeypatch)
        run = make_run(oracle, teacher)
    else:
        run = make_run(oracle, teacher, dropout=0.0)
    before = {name: p.detach().clone() for name, p in run._parameters.items()}
    run.take_step()
    losses = run._fresh[0].numpy()
    names = ("loss_hard", "loss_penalty", "loss_ae", "loss_stae")
    np.testing.assert_allclose(losses, [wanted[name] for name in names], rtol=CLOSE)
    for net_name, net in run._trio.trained.items():
        gradients = {n: p.grad for n, p in net.named_parameters()}
        assert norm(gradients.values()) == pytest.approx(wanted["grad_norm"][net_name], rel=CLOSE)
        theirs = wanted["grad_norm_per_parameter"][net_name]
        for (name, gradient), stored in zip(gradients.items(), theirs.items(), strict=True):
            assert norm([gradient]) == pytest.approx(stored[1], rel=CLOSE), name
            key = f"step_{case}_grad_{net_name}_{stored[0]}"
            if key in oracle.outputs:
                close(gradient.numpy(), oracle.outputs[key], CLOSE)
        moved = [p.detach() - before[f"{net_name}.{n}"] for n, p in net.named_parameters()]
        assert norm(moved) == pytest.approx(
            wanted["update_norm_after_adam_step"][net_name], rel=1e-3
        )


def test_the_batchs_losses_are_the_means_of_its_images(oracle, teacher):
    run = make_run(oracle, teacher, dropout=0.0)
    one = batch(oracle)
    seen = (one.images, one.varied, one.penalty)
    images, varied, penalty = (values.flip(3) for values in seen)
    turned = Batch(one.windows, images, None, varied, penalty)
    both = Batch(
        one.windows * 2,
        torch.cat([one.images, turned.images]),
        None,
        torch.cat([one.varied, turned.varied]),
        torch.cat([one.penalty, turned.penalty]),
    )
    with torch.no_grad():
        alone = [step_losses(run._trio, b, run._settings).numpy() for b in (one, turned)]
        together = step_losses(run._trio, both, run._settings).numpy()
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-5)


def test_varied_colours_are_pillows_to_a_few_levels(oracle):
    """The reference varies before it resizes, and rounds; so they are not quite the same."""
    from blemish.detectors.efficientad.graph import EfficientAdGraph
    from blemish.graph.session import Session
    from blemish.images.format import ImageFormat

    graph = EfficientAdGraph(oracle.settings, oracle.teacher, ImageFormat()).working()
    native = oracle.inputs["augment_source_native"][None]
    (whole,) = Session(graph.SerializeToString()).run(["working"], image=native)
    cases = oracle.augmentation["brightness, contrast, saturation"]
    for kind, (_, factor) in enumerate(cases):
        varied = jitter.jittered(torch.from_numpy(whole), [kind], [factor])
        levels = jitter.denormalised(varied)[0].permute(1, 2, 0).numpy() * 255
        gap = np.abs(levels - oracle.inputs["augmented_256"][kind])
        assert gap.max() < 3
        assert gap.mean() < 0.6


def test_a_factor_of_one_changes_nothing():
    images = torch.randn(3, 3, 8, 8).clamp(-1, 1)
    torch.testing.assert_close(
        jitter.jittered(images, jitter.KINDS, [1.0] * 3), images, rtol=0, atol=1e-6
    )


def test_each_image_is_varied_by_itself():
    images = torch.rand(3, 3, 8, 8)
    together = jitter.jittered(images, (2, 0, 1), (0.8, 1.1, 1.2))
    alone = [jitter.jittered(images[i, None], (k,), (f,))
             for i, (k, f) in enumerate(((2, 0.8), (0, 1.1), (1, 1.2)))]  # fmt: skip
    torch.testing.assert_close(together, torch.cat(alone))
