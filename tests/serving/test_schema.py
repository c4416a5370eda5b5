"""Requests made from the description, by a program that was not made for blemish."""

from __future__ import annotations

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by_operation", "cases"), [(15, 300), pytest.param(100, 2000, marks=pytest.mark.long)]
)
def test_no_request_makes_the_service_fail(models, by_operation, cases):
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")
    import requests
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from schemathesis import GenerationMode

    from blemish.serving.app import make_app
    from served import running

    app = make_app(models)
    schema = schemathesis.openapi.from_dict(app.openapi())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 15
    counted, failed = 0, []

    def ask_of(operation, *, cases, mode, by_chance):
        quick = settings(
            max_examples=cases,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        @seed(by_chance)
        @quick
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case):
            nonlocal counted
            counted += 1
            answer = case.call(session=session, base_url=f"http://{address}", timeout=60)
            if answer.status_code >= 500:
                failed.append((case.as_curl_command(), answer.text))

        ask()

    with running(app) as address, requests.Session() as session:
        for operation in operations:
            ask_of(operation, cases=by_operation, mode=GenerationMode.POSITIVE, by_chance=0)
        wide = [one for one in operations if one.method == "post"]
        for number in range(100):
            mode = (GenerationMode.NEGATIVE, GenerationMode.POSITIVE)[number // len(wide) % 2]
            ask_of(wide[number % len(wide)], cases=cases // 30, mode=mode, by_chance=number)
            if counted >= cases:
                break
    assert not failed, failed[:3]
    assert counted >= cases
