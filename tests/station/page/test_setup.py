"""The first start: images of good parts, a fit, and a recipe that runs."""

from __future__ import annotations

import pytest

import stations
from blemish.progress import LoggedProgress
from blemish.station.page.collected import Collected
from blemish.station.page.job import Job


@pytest.fixture
def here(monkeypatch):
    def start(cls, work, *values):
        job = cls()
        try:
            job.result = work(*values, progress=LoggedProgress())
        except Exception as error:
            job.error = str(error)
        return job

    monkeypatch.setattr(Job, "start", classmethod(start))


def images(shop):
    return sorted((shop.line.images / "train" / "good").iterdir())


def test_a_model_is_made_of_images_that_were_sent_and_inspects(shop, here):
    for path in images(shop):
        assert shop.ask("/setup/images", method="POST", content=path.read_bytes()).is_success
    page = shop.ask("/setup").text
    assert "24 of 30 images" in page
    assert shop.ask("/setup/images/0001.png").headers["content-type"] == "image/jpeg"
    assert shop.tell("/setup/images/0001.png/remove").is_success
    assert "23 of 30 images" in shop.ask("/setup/now").text
    assert shop.tell("/setup/fit").is_success
    page = shop.ask("/setup/now").text
    assert "Learned from 23 images" in page
    assert 'value="part-1"' in page
    for name in ("tile", "../x", ""):
        assert shop.tell("/setup/go", {"name": name}).status_code == 400
    assert shop.tell("/setup/go", {"name": "part-1"}).json() == {"next": "/"}
    assert shop.station.recipe.name == "part-1"
    acts = [row.entry for row in shop.station.ledger.after(0, most=999) if row.entry.kind == "act"]
    told = [act.body["act"] for act in acts]
    assert told[-4:] == ["first-images-remove", "first-model-fit", "first-model", "switch"]
    assert told.count("first-images-add") == 24
    assert {act.who for act in acts} == {"Anna engineer"}
    assert shop.entry(shop.judge(shop.line.bad())).verdict == "defect"
    assert shop.tell("/recipes/switch", {"recipe": "tile"}).is_success
    assert shop.tell("/setup/empty").is_success


def test_parts_that_a_camera_sees_are_taken_as_good_ones(shop):
    assert shop.tell("/setup/take", {"camera": "top"}).is_success
    for path in images(shop)[:2]:
        before = shop.ask("/setup/now").text.count("<li><img")
        shop.judge(path.read_bytes())
        shop.client.portal.call(
            stations.until,
            lambda before=before: len(list(shop.line.folder.glob("first-start/good/*"))) > before,
        )
    assert "2 of 30 images" in shop.ask("/setup/now").text
    assert shop.tell("/setup/stop").is_success
    assert shop.tell("/setup/take", {"camera": "side"}).status_code == 400
    shop.tell("/setup/empty")


def test_what_is_no_image_is_not_kept(shop):
    answer = shop.ask("/setup/images", method="POST", content=b"<svg onload=alert(1)>")
    assert answer.status_code == 422
    assert "0 of 30 images" in shop.ask("/setup/now").text
    assert shop.tell("/setup/fit").status_code == 400


def test_a_recipe_that_lacks_its_model_is_given_it(shop, here, monkeypatch):
    site = shop.station.site
    (site.folder / "recipes" / "late.toml").write_text('model = "late.onnx"\n')
    from blemish.station.recipe import read_recipes

    site.recipes.update(read_recipes(site.folder / "recipes", ["top"]))
    for path in images(shop)[:4]:
        shop.ask("/setup/images", method="POST", content=path.read_bytes())
    shop.tell("/setup/fit")
    assert shop.tell("/setup/go", {"name": "late"}).is_success
    assert (site.models / "late.onnx").is_file()
    assert shop.station.recipe.name == "late"
    shop.tell("/recipes/switch", {"recipe": "tile"})


def test_images_get_names_of_their_own(tmp_path, category):
    collected = Collected(tmp_path / "good")
    image = next((category / "train" / "good").iterdir()).read_bytes()
    assert [collected.add(image) for _ in range(2)] == ["0001.png", "0002.png"]
    collected.remove("0001.png")
    assert collected.add(image) == "0003.png"
    collected.clear()
    assert collected.names() == []
