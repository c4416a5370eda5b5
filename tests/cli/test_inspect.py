from __future__ import annotations

from blemish.model.model import load


def test_inspect_says_what_is_in_the_file(blemish, fitted):
    found = blemish("inspect", fitted)
    assert found.code == 0
    for word in (
        *("patchcore, seed 0", "tiny, licence CC0-1.0", "fine, coarse", "64 x 64, stretch"),
        *(
            "24 good images of tile",
            "4.0% promised",
            "95% confidence",
            "expected in a thousand good images",
            "coreset_ratio=0.1",
        ),
        load(fitted).sha256,
    ):
        assert word in found.out
    assert not found.err


def test_verify_says_that_it_did(blemish, fitted):
    found = blemish("inspect", fitted, "--verify")
    assert found.code == 0
    assert "verified: " in found.err


def test_json_is_all_the_file_says(blemish, fitted):
    facts = blemish("inspect", fitted, "--verify", "--json").json
    assert facts["verified"] is True
    assert facts["sha256"] == load(fitted).sha256
    assert facts["detector"]["sources"][0]["licence"] == "CC0-1.0"
    assert len(facts["training"]["images"]) == 24
