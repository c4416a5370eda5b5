"""Regions by size: which were found."""

from __future__ import annotations

from blemish.metrics.regions import FoundRegion, describe_regions, region_recall

AREAS = [(3, False), (5, True), (9, False), (10, True), (99, True), (4000, False), (100, True)]
REGIONS = [FoundRegion(f"{area}.png", "crack", area, found) for area, found in AREAS]


def test_each_power_of_ten_that_occurs_has_a_row():
    rows = describe_regions(REGIONS).by_size
    told = [(row.from_px, row.below_px, row.regions, row.found) for row in rows]
    assert told == [(1, 10, 3, 1), (10, 100, 2, 2), (100, 1000, 1, 1), (1000, 10000, 1, 0)]
    assert rows[0].recall == region_recall(REGIONS[:3]) == 1 / 3


def test_the_smallest_found_and_the_largest_missed_are_named():
    told = describe_regions(REGIONS)
    assert (told.regions, told.found) == (7, 4)
    assert told.smallest_found == REGIONS[1].labelled
    assert told.largest_missed.area_px == 4000


def test_without_a_threshold_nobody_knows_which_were_found():
    told = describe_regions([FoundRegion("a.png", "crack", area, None) for area in (3, 40)])
    assert (told.regions, told.found) == (2, None)
    assert [(row.found, row.recall) for row in told.by_size] == [(None, None)] * 2
    assert (told.smallest_found, told.largest_missed) == (None, None)


def test_without_regions_nothing_is_told():
    told = describe_regions([])
    assert (told.regions, told.by_size, told.smallest_found) == (0, (), None)
    assert region_recall([]) is None
