"""Who may do what: every route of the page, asked by everybody."""

from __future__ import annotations

import pytest

from blemish.serving.tokens import Role
from blemish.station.page.mount import page_routers

VIEWER, OPERATOR, ENGINEER = Role
# Every route that takes a role; what is open to all is listed below.
ROUTES = {
    ("GET", "/"): VIEWER,
    ("GET", "/live/panel"): VIEWER,
    ("GET", "/live/stream"): VIEWER,
    ("POST", "/live/watch-anew"): ENGINEER,
    ("GET", "/live/{inspection_id}/{camera}/{layer}"): VIEWER,
    ("GET", "/review"): VIEWER,
    ("POST", "/parts/{number}/review"): OPERATOR,
    ("GET", "/parts/{number}/teach"): ENGINEER,
    ("POST", "/parts/{number}/teach"): ENGINEER,
    ("POST", "/parts/{number}/teach/discard"): ENGINEER,
    ("POST", "/parts/{number}/teach/accept"): ENGINEER,
    ("GET", "/history"): VIEWER,
    ("GET", "/parts/{number}"): VIEWER,
    ("GET", "/parts/{number}/evidence"): VIEWER,
    ("GET", "/parts/{number}/{camera}/{layer}"): VIEWER,
    ("GET", "/statistics"): VIEWER,
    ("GET", "/statistics/report.pdf"): VIEWER,
    ("GET", "/recipes"): VIEWER,
    ("POST", "/recipes/switch"): OPERATOR,
    ("GET", "/models"): VIEWER,
    ("POST", "/models/roll-back"): ENGINEER,
    ("GET", "/golden"): VIEWER,
    ("POST", "/golden/check"): OPERATOR,
    ("GET", "/cameras"): VIEWER,
    ("GET", "/cameras/{name}/look"): VIEWER,
    ("POST", "/cameras/{name}/trigger"): OPERATOR,
    ("POST", "/cameras/{name}/set"): ENGINEER,
    ("GET", "/health"): VIEWER,
    ("GET", "/health/now"): VIEWER,
    ("GET", "/setup"): ENGINEER,
    ("GET", "/setup/now"): ENGINEER,
    ("POST", "/setup/images"): ENGINEER,
    ("GET", "/setup/images/{name}"): ENGINEER,
    ("POST", "/setup/images/{name}/remove"): ENGINEER,
    ("POST", "/setup/take"): ENGINEER,
    ("POST", "/setup/stop"): ENGINEER,
    ("POST", "/setup/empty"): ENGINEER,
    ("POST", "/setup/fit"): ENGINEER,
    ("POST", "/setup/go"): ENGINEER,
}
OPEN = {("GET", "/sign-in"), ("GET", "/page/{name}")}
ENDLESS = "/live/stream"


def test_every_route_is_in_the_table(shop):
    routes = {
        (method, route.path)
        for router in page_routers(shop.station)
        for route in router.routes
        for method in route.methods
    }
    assert routes == set(ROUTES) | OPEN


@pytest.mark.parametrize(("route", "role"), ROUTES.items(), ids=str)
def test_a_route_refuses_whoever_lacks_its_role_and_no_other(shop, good, route, role):
    method, path = route
    path = path.format(number=good, camera="top", layer="image", inspection_id="0" * 32, name="x")
    assert shop.ask(path, by=None, method=method).status_code == 401
    for asking in Role:
        if path == ENDLESS and asking.may(role):
            continue
        answer = shop.ask(path, by=asking, method=method, json={} if method == "POST" else None)
        if asking.may(role):
            assert answer.status_code not in (401, 403, 500), answer.text
        else:
            assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("role", Role)
def test_actions_are_shown_to_those_alone_who_may_do_them(shop, good, bad, role):
    shown = "".join(
        shop.ask(path, by=role).text
        for path in ("/live/panel", f"/parts/{bad}", "/recipes", "/models", "/golden", "/cameras")
    )
    for needed, action in (
        (OPERATOR, f'action="/parts/{bad}/review"'),
        (OPERATOR, 'action="/recipes/switch"'),
        (OPERATOR, 'action="/cameras/top/trigger"'),
        (ENGINEER, f'data-from="/parts/{bad}/teach"'),
        (ENGINEER, 'href="/setup"'),
    ):
        assert (action in shown) == role.may(needed), action


def test_a_browser_that_is_a_stranger_is_led_to_sign_in(shop):
    answer = shop.ask("/history", by=None, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert shop.ask("/sign-in", by=None).status_code == 200
