"""Requests made from the description, by a program that was not made for blemish."""

from __future__ import annotations

import pytest

CASES = 2000


@pytest.mark.slow
def test_no_request_makes_the_service_fail(models):
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings
    from starlette.testclient import TestClient

    from blemish.serving.app import make_app
    from served import HERE

    app = make_app(models)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 15
    counted, failed = 0, []
    quick = settings(
        max_examples=-(-CASES // len(operations)),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        for operation in operations:

            @quick
            @given(case=operation.as_strategy())
            def ask(case):
                nonlocal counted
                counted += 1
                answer = case.call(session=client, base_url=HERE)
                if answer.status_code >= 500:
                    failed.append((case.as_curl_command(), answer.text))

            ask()
    assert not failed, failed[:3]
    assert counted >= CASES
