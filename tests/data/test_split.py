from __future__ import annotations

from blemish.data.split import parts_of, position_of, split_of

KEYS = [f"content:{number:064x}" for number in range(4000)]


def test_positions_are_uniform_and_stay_the_same() -> None:
    positions = [position_of(key, seed=0) for key in KEYS]
    assert 0 <= min(positions) < max(positions) < 1
    assert abs(sum(positions) / len(positions) - 0.5) < 0.02
    assert position_of("content:a", seed=0) == 0.257427103266764  # for ever


def test_the_share_of_test_pictures_is_met_within_its_spread() -> None:
    tested = sum(split_of(key, seed=1, test_fraction=0.3) == "test" for key in KEYS)
    assert abs(tested - 1200) < 4 * (4000 * 0.3 * 0.7) ** 0.5
    assert all(split_of(key, seed=1, test_fraction=0) == "train" for key in KEYS)


def test_another_seed_draws_another_split() -> None:
    moved = sum(
        split_of(key, seed=0, test_fraction=0.5) != split_of(key, seed=1, test_fraction=0.5)
        for key in KEYS
    )
    assert 1800 < moved < 2200


def test_a_larger_share_only_adds_to_the_test_pictures() -> None:
    few = {key for key in KEYS if split_of(key, seed=0, test_fraction=0.2) == "test"}
    many = {key for key in KEYS if split_of(key, seed=0, test_fraction=0.4) == "test"}
    assert few < many


def test_parts_hold_everything_once_and_differ_by_at_most_one_key() -> None:
    parts = parts_of(KEYS[:103], 10, seed=0)
    assert sorted(position for part in parts for position in part) == list(range(103))
    assert {len(part) for part in parts} == {10, 11}


def test_equal_keys_stay_in_one_part() -> None:
    keys = [key for key in KEYS[:30] for _ in range(3)]
    for part in parts_of(keys, 7, seed=0):
        assert len(part) == 3 * len({keys[position] for position in part})


def test_there_are_no_more_parts_than_keys() -> None:
    assert len(parts_of(["a", "b", "a"], 10, seed=0)) == 2
