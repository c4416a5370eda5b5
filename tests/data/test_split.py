from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.data.split import keys_of, parts_of, position_of, split_of

KEYS = [f"content:{number:064x}" for number in range(4000)]


def test_positions_are_uniform_and_stay_the_same() -> None:
    positions = [position_of(key, seed=0) for key in KEYS]
    assert 0 <= min(positions) < max(positions) < 1
    assert abs(sum(positions) / len(positions) - 0.5) < 0.02
    assert position_of("content:a", seed=0) == 0.257427103266764  # for ever


def for_testing(keys: list[str], test_fraction: float, seed: int = 0) -> set[str]:
    splits = split_of(keys, seed=seed, test_fraction=test_fraction)
    return {key for key, split in zip(keys, splits, strict=True) if split == "test"}


images = st.lists(st.sampled_from(KEYS[:12]), min_size=1, max_size=40)
fractions = st.floats(0, 1, exclude_max=True)


@settings(max_examples=50, deadline=None)
@given(keys=images, test_fraction=fractions, seed=st.integers(0, 9))
def test_a_split_meets_its_share_to_one_unit_and_leaves_no_side_empty(
    keys: list[str], test_fraction: float, seed: int
) -> None:
    test = for_testing(keys, test_fraction, seed)
    count = sum(key in test for key in keys)
    largest = max(keys.count(key) for key in set(keys))
    if test_fraction > 0 and len(set(keys)) > 1:
        assert 0 < count < len(keys)
    if 0 < count < len(keys):
        one_side_is_one_key = 1 in (len(test), len(set(keys) - test))
        assert one_side_is_one_key or abs(count - test_fraction * len(keys)) <= largest / 2
    else:
        assert count == 0


@settings(max_examples=50, deadline=None)
@given(keys=images, test_fraction=fractions, data=st.data())
def test_a_split_goes_by_keys_alone(
    keys: list[str], test_fraction: float, data: st.DataObject
) -> None:
    test = for_testing(keys, test_fraction)
    splits = split_of(keys, seed=0, test_fraction=test_fraction)
    assert splits == ["test" if key in test else "train" for key in keys]  # equal keys together
    assert for_testing(data.draw(st.permutations(keys)), test_fraction) == test


def test_the_share_is_met_to_one_image() -> None:
    for count in (2, 5, 10, 99, 300):
        for fraction in (0.1, 0.3, 0.5, 0.9):
            wanted = min(max(fraction * count, 1), count - 1)
            for seed in range(10):
                assert abs(len(for_testing(KEYS[:count], fraction, seed)) - wanted) <= 0.5


def test_another_seed_draws_another_split() -> None:
    moved = for_testing(KEYS, 0.5, seed=0) ^ for_testing(KEYS, 0.5, seed=1)
    assert 1800 < len(moved) < 2200


def test_a_larger_share_only_adds_to_the_test_images() -> None:
    assert for_testing(KEYS, 0.2) < for_testing(KEYS, 0.4)


def test_adding_an_image_moves_at_most_the_one_at_the_cut() -> None:
    for count in range(50, 100):
        before, after = for_testing(KEYS[:count], 0.3), for_testing(KEYS[: count + 1], 0.3)
        assert len((before ^ after) - {KEYS[count]}) <= 1


def test_keys_join_what_shares_a_group_or_its_content() -> None:
    keys = keys_of([None, "a", "a", "b", None, None], ["1", "1", "2", "2", "3", "3"])
    assert keys == ["group:b"] * 4 + ["content:3"] * 2  # a and b by way of content 2


@settings(max_examples=50, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.sampled_from("12345"))),
    data=st.data(),
)
def test_keys_are_those_of_connected_images_in_any_order(
    pairs: list[tuple[str | None, str]], data: st.DataObject
) -> None:
    keys = dict(zip(pairs, keys_of(*zip(*pairs, strict=True)) if pairs else (), strict=True))
    turned = data.draw(st.permutations(pairs))
    again = keys_of([group for group, _ in turned], [content for _, content in turned])
    assert dict(zip(turned, again, strict=True)) == keys
    for (group, content), key in keys.items():
        for (other_group, other_content), other in keys.items():
            if content == other_content or (group is not None and group == other_group):
                assert key == other
    # No more is joined than has to be: what is joined can be walked from neighbour to neighbour.
    graph = {
        pair: {q for q in keys if q[1] == pair[1] or (q[0] is not None and q[0] == pair[0])}
        for pair in keys
    }
    for pair, key in keys.items():
        reached = {pair}
        while more := set().union(*(graph[p] for p in reached)) - reached:
            reached |= more
        assert reached == {q for q in keys if keys[q] == key}


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
