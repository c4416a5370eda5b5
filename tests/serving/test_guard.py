"""Who may do what: by tokens, by sessions of browsers, and by where a request comes from."""

from __future__ import annotations

import pytest

from blemish.serving.guard import MOST_SESSIONS, Guard, bind_error, is_host_here
from blemish.serving.tokens import Role, Tokens
from served import bearer

CSRF = "x-csrf-token"


def test_a_role_may_what_those_before_it_may():
    assert [[one.may(other) for other in Role] for one in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_strangers_are_asked_who_they_are(guarded, image):
    for headers in ({}, bearer("wrong"), {"Authorization": "Basic eDp5"}, bearer("")):
        response = guarded.post("/v1/inspect", content=image, headers=headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_role_below_is_refused_with_the_name_that_is_known(guarded, secrets, image):
    response = guarded.post("/v1/inspect", content=image, headers=bearer(secrets["viewer"]))
    assert response.status_code == 403
    assert "'the viewer' is viewer" in response.json()["error"]
    assert guarded.post(
        "/v1/inspect", content=image, headers=bearer(secrets["operator"])
    ).is_success


def test_a_session_stands_for_its_token(guarded, secrets, image):
    assert guarded.post("/v1/session", json={"token": "wrong"}).status_code == 401
    response = guarded.post("/v1/session", json={"token": secrets["operator"]})
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert secrets["operator"] not in response.text + cookie
    csrf = response.json()["csrf"]
    assert guarded.get("/v1/session").json()["name"] == "the operator"
    assert guarded.post("/v1/inspect", content=image).status_code == 403
    assert guarded.post("/v1/inspect", content=image, headers={CSRF: "x"}).status_code == 403
    assert guarded.post("/v1/inspect", content=image, headers={CSRF: csrf}).is_success
    assert guarded.delete("/v1/session", headers={CSRF: csrf}).status_code == 204
    assert guarded.get("/v1/session").status_code == 401


def test_a_token_that_is_taken_out_of_the_file_ends_its_sessions(guarded, secrets):
    guarded.post("/v1/session", json={"token": secrets["viewer"]})
    assert guarded.get("/v1/models").is_success
    secrets["path"].write_text("")
    assert guarded.get("/v1/models").status_code == 401
    assert guarded.get("/v1/models", headers=bearer(secrets["engineer"])).status_code == 401


def test_who_begins_many_sessions_ends_their_own_oldest_alone(secrets):
    guard = Guard(Tokens.load(secrets["path"]))
    other, _ = guard.open(secrets["engineer"])
    own = [guard.open(secrets["viewer"])[0] for _ in range(MOST_SESSIONS + 3)]
    assert guard.session_of(other) is not None
    assert [guard.session_of(cookie) is None for cookie in own] == [True] * 3 + [False] * (
        MOST_SESSIONS
    )


def test_what_goes_on_long_can_ask_whether_its_token_still_holds(secrets):
    tokens = Tokens.load(secrets["path"])
    guard, token = Guard(tokens), tokens.of(secrets["viewer"])
    assert guard.still(token)
    secrets["path"].write_text(secrets["path"].read_text().replace("viewer", "operator", 2))
    assert not guard.still(token)
    assert Guard(None).still(token)


def test_pages_of_other_sites_change_nothing(client, image):
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert client.post("/v1/inspect", content=image, headers=headers).status_code == 403
    own = {"Origin": "http://127.0.0.1"}
    assert client.post("/v1/inspect", content=image, headers=own).is_success


def test_without_tokens_names_that_lead_here_are_refused(client):
    assert client.get("/v1/models", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/v1/models", headers={"Host": "localhost:8421"}).is_success


def test_with_tokens_any_name_will_do(guarded, secrets):
    headers = bearer(secrets["viewer"]) | {"Host": "inspection.plant.example"}
    assert guarded.get("/v1/models", headers=headers).is_success


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_may_be_served_without_tokens(host):
    assert bind_error(host, None) is None
    assert is_host_here(f"[{host}]:80" if ":" in host else f"{host}:80")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "inspection.plant", ""])
def test_other_machines_may_not(host, secrets):
    assert "tokens=" in str(bind_error(host, None))
    assert bind_error(host, Tokens.load(secrets["path"])) is None


def test_every_answer_keeps_browsers_to_what_is_from_here(client, image):
    for response in (client.get("/healthz"), client.get("/nowhere"), client.post("/v1/inspect")):
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in response.headers
