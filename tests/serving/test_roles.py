"""Every route with every role: what is not in the table fails."""

from __future__ import annotations

import pytest

from blemish.serving.tokens import Role
from served import bearer, routes_of

NOBODY = None
# What each route asks for at least.
NEEDED = {
    ("GET", "/healthz"): NOBODY,
    ("GET", "/docs"): NOBODY,
    ("GET", "/docs/page.css"): NOBODY,
    ("GET", "/docs/page.js"): NOBODY,
    ("GET", "/openapi.json"): NOBODY,
    ("GET", "/metrics"): Role.VIEWER,
    ("POST", "/v1/session"): NOBODY,
    ("GET", "/v1/session"): Role.VIEWER,
    ("DELETE", "/v1/session"): Role.VIEWER,
    ("GET", "/v1/models"): Role.VIEWER,
    ("GET", "/v1/models/{name}"): Role.VIEWER,
    ("POST", "/v1/models/{name}/reload"): Role.ENGINEER,
    ("POST", "/v1/models/{name}/rollback"): Role.ENGINEER,
    ("POST", "/v1/inspect"): Role.OPERATOR,
    ("POST", "/v1/models/{model}/inspect"): Role.OPERATOR,
    ("GET", "/v2/health/live"): NOBODY,
    ("GET", "/v2/health/ready"): NOBODY,
    ("GET", "/v2"): Role.VIEWER,
    ("GET", "/v2/models/{name}"): Role.VIEWER,
    ("GET", "/v2/models/{name}/versions/{version}"): Role.VIEWER,
    ("GET", "/v2/models/{name}/ready"): Role.VIEWER,
    ("GET", "/v2/models/{name}/versions/{version}/ready"): Role.VIEWER,
    ("POST", "/v2/models/{name}/infer"): Role.OPERATOR,
    ("POST", "/v2/models/{name}/versions/{version}/infer"): Role.OPERATOR,
}


def test_every_route_is_in_the_table(guarded):
    assert routes_of(guarded.app) == set(NEEDED)


def test_the_description_says_the_same(guarded):
    paths = guarded.get("/openapi.json").json()["paths"]
    for (method, path), role in NEEDED.items():
        if path in paths:
            assert bool(paths[path][method.lower()].get("security")) == (role is not NOBODY), path


@pytest.mark.parametrize("caller", [None, *Role])
@pytest.mark.parametrize(("route", "needed"), NEEDED.items())
def test_only_who_may_gets_there(guarded, secrets, caller, route, needed):
    method, path = route
    address = path.format(name="none", model="none", version="1")
    headers = {} if caller is None else bearer(secrets[caller])
    status = guarded.request(method, address, headers=headers, json={}).status_code
    if needed is NOBODY:
        assert status != 403
        assert path == "/v1/session" or status != 401
    elif caller is None:
        assert status == 401
    else:
        assert (status == 403) == (not caller.may(needed))
