from __future__ import annotations

import json

import numpy as np
import pytest

from blemish.errors import BlemishError, MonitorError, OtherModelError, UsageError
from blemish.monitor.monitor import Monitor
from blemish.monitor.reference import Reference
from blemish.monitor.streams import LOW_SCORE, SCORE, STREAMS, values_at
from blemish.result import Look

MODEL = "a" * 64
LOOKS = list(Look._fields)


def part(rng, **changed):
    values = values_at(float(rng.normal()), Look(*rng.normal(size=len(LOOKS)).tolist()))
    return values | changed


def reference(seed=0, images=200):
    rng = np.random.default_rng([seed, 1])
    return Reference(MODEL, {name: rng.normal(size=images).tolist() for name in [SCORE, *LOOKS]})


def watch(change=None, *, parts=600, after=200, seed=0, **options):
    rng = np.random.default_rng(seed)
    monitor = Monitor(reference(seed), **options)
    for number in range(parts):
        changed = change(rng) if change and number >= after else {}
        monitor.update_values(part(rng, **changed))
    return monitor


def test_a_line_that_stays_the_same_raises_no_alarm():
    monitor = watch(parts=1500)
    assert monitor.alarm is None
    assert monitor.parts == 1500
    assert set(monitor.evidence) == {stream.name for stream in STREAMS}
    assert monitor.ever == 1.0


@pytest.mark.parametrize(
    ("stream", "shift", "reason"),
    [
        ("brightness", -4, "darker"),
        ("contrast", 4, "more contrast"),
        ("sharpness", -4, "blurred"),
        ("right", 4, "shifted to the right"),
        ("turn_deg", 4, "turned clockwise"),
    ],
)
def test_a_change_is_told_with_its_reason_and_beginning(stream, shift, reason):
    monitor = watch(lambda rng: {stream: shift + rng.normal()})
    alarm = monitor.alarm
    assert (alarm.stream, alarm.reason) == (stream, reason)
    assert 200 < alarm.part < 220
    assert 140 < alarm.since < 206  # a part that stood out before may count as the first
    assert alarm.parts_a_chance >= monitor.parts_per_alarm
    assert alarm.ever < 0.05
    assert abs(alarm.before) < 0.3 < abs(alarm.now)
    assert f"since about part {alarm.since:,}: {reason}" in alarm.spell()


def test_scores_that_rise_fall_or_stand_still_are_told():
    def of(value):
        return lambda rng: dict.fromkeys((SCORE, LOW_SCORE), value(rng))

    assert watch(of(lambda rng: 4 + rng.normal())).alarm.reason == "scores are higher"
    assert watch(of(lambda rng: rng.normal() - 4)).alarm.reason == "scores are lower"
    assert watch(of(lambda rng: 0.3)).alarm.reason == "score hardly varies any more"


def test_some_parts_that_stand_out_are_found():
    def variant(rng):
        return dict.fromkeys((SCORE, LOW_SCORE), 8.0) if rng.random() < 0.05 else {}

    alarm = watch(variant, after=500, parts=1200).alarm
    assert alarm.stream == SCORE
    assert alarm.part < 900


def test_scores_below_those_of_training_images_are_no_drift():
    """Left-out images score a little higher than new ones: that must not be found."""
    rng = np.random.default_rng(0)
    monitor = Monitor(reference())
    for _ in range(3000):
        monitor.update_values(dict.fromkeys((SCORE, LOW_SCORE), float(rng.normal() - 0.5)))
    assert monitor.alarm is None


def test_without_training_images_a_line_is_held_against_its_own_parts():
    rng = np.random.default_rng(0)
    monitor = Monitor(reference().of_line())
    for number in range(900):
        monitor.update_values(part(rng, brightness=100 + rng.normal() - 4 * (number >= 500)))
    assert monitor.alarm.reason == "darker"
    assert abs(monitor.alarm.since - 501) < 10
    assert monitor.alarm.before is None


def test_the_alarm_stays():
    monitor = watch(lambda rng: {"brightness": -4 + rng.normal()})
    first = monitor.alarm
    for _ in range(50):
        assert monitor.update_values(part(np.random.default_rng(0))) is None
    assert monitor.alarm == first


def test_equal_values_are_no_drift():
    rng = np.random.default_rng(0)
    values = {SCORE: [0.0, 1.0] * 50, "brightness": [0.5] * 100}
    monitor = Monitor(Reference(MODEL, values))
    for _ in range(2000):
        score = float(rng.integers(2))
        monitor.update_values({SCORE: score, LOW_SCORE: score, "brightness": 0.5})
    assert monitor.alarm is None


def test_a_state_goes_on_as_if_nothing_had_been(tmp_path):
    rng = np.random.default_rng(0)
    parts = [part(rng) for _ in range(400)]
    parts += [part(rng, sharpness=-3.0) for _ in range(40)]
    whole, broken = Monitor(reference()), Monitor(reference())
    for number, values in enumerate(parts):
        whole.update_values(values)
        broken.update_values(values)
        if number % 53 == 0:
            broken.save(tmp_path / "state.json")
            broken = Monitor.load(tmp_path / "state.json", model_sha256=MODEL)
    assert broken.to_state() == whole.to_state()
    assert whole.alarm is not None
    whole.save(tmp_path / "state.json")
    assert Monitor.load(tmp_path / "state.json").alarm == whole.alarm


def test_a_state_is_small_however_long_the_line(tmp_path):
    monitor = watch(parts=3000)
    monitor.save(tmp_path / "state.json")
    assert (tmp_path / "state.json").stat().st_size < 100_000
    assert list(tmp_path.iterdir()) == [tmp_path / "state.json"]


def test_a_state_of_another_model_is_an_error_of_its_own(tmp_path):
    path = tmp_path / "state.json"
    Monitor(reference()).save(path)
    with pytest.raises(OtherModelError, match=r"by another model .aaaaaaaaaaaa"):
        Monitor.load(path, model_sha256="b" * 64)


def changed_state(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("streams"),
        lambda state: state["streams"].pop("score"),
        lambda state: state.update(parts=-1),
        lambda state: state.update(model_sha256="x"),
        lambda state: state["streams"]["score"]["places"].append(3),
        lambda state: state["streams"]["score"]["kept"].reverse(),
        lambda state: state["streams"]["score"]["bets"].update(rate=[1.0]),
        lambda state: state["streams"]["score"]["bets"].update(rate=[-1.0] * 24),
        lambda state: state.update(alarm={"part": 3}),
    ],
)
def test_a_damaged_state_is_refused(tmp_path, change):
    path = tmp_path / "state.json"
    watch(parts=30).save(path)
    changed_state(path, change)
    with pytest.raises(MonitorError, match="damaged"):
        Monitor.load(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"schema": 1}'])
def test_what_is_no_state_is_refused(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(MonitorError, match=r"state\.json' is no state of a monitor"):
        Monitor.load(path)


def test_a_newer_schema_is_refused(tmp_path):
    path = tmp_path / "state.json"
    Monitor(reference()).save(path)
    changed_state(path, lambda state: state.update(schema=99))
    with pytest.raises(MonitorError, match=r"schema 99.*Upgrade"):
        Monitor.load(path)


def test_a_state_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BlemishError, match="Cannot look at"):
        Monitor.load(tmp_path / "none.json")


def test_a_promise_of_no_parts_is_none():
    with pytest.raises(UsageError, match="'parts_per_alarm' must be 1 or more"):
        Monitor(reference(), parts_per_alarm=0)


def test_shares_of_the_promise_add_up_to_all_of_it():
    assert sum(stream.weight for stream in STREAMS) == pytest.approx(1)
