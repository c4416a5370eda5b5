"""What tests of the service ask it with, and a service to ask."""

from __future__ import annotations

import threading
from contextlib import contextmanager

HERE = "http://127.0.0.1"


def bearer(secret):
    """The header that shows a token."""
    return {"Authorization": f"Bearer {secret}"}


@contextmanager
def running(app, *, tokens=None):
    """A service in a thread of this process; gives `host:port`."""
    from blemish.serving.server import Address, Server

    up, addresses = threading.Event(), []

    def ready(url):
        addresses.append(url.split("//")[1])
        up.set()

    server = Server(app, Address(), ready=ready)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert up.wait(60)
        yield addresses[0]
    finally:
        server.end()
        thread.join(60)
        assert not thread.is_alive()


def chromium(playwright):
    """A browser; skips where there is none."""
    import shutil

    import pytest

    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium")
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


def routes_of(app):
    """Methods and paths of all routes, however they were added."""
    from fastapi import routing

    flat = getattr(routing, "iter_route_contexts", list)(app.routes)  # nested in newer versions
    return {(method, route.path) for route in flat for method in route.methods - {"HEAD"}}
