"""A model behind the service, and its clients."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
httpx = pytest.importorskip("httpx", reason="needs httpx")

from fastapi.testclient import TestClient  # noqa: E402

from blemish.serving.app import make_app  # noqa: E402
from blemish.serving.models import Models  # noqa: E402
from blemish.serving.tokens import Role, Tokens, new_token  # noqa: E402
from served import HERE  # noqa: E402


@pytest.fixture(scope="session")
def model_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "noise.onnx"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def image(category):
    """The bytes of a defect."""
    return (category / "test" / "spot" / "000.png").read_bytes()


@pytest.fixture(scope="session")
def models(model_file):
    """One model, to be left as it is."""
    return Models.load({"noise": model_file})


@pytest.fixture
def client(models):
    with TestClient(make_app(models), base_url=HERE) as client:
        yield client


@pytest.fixture
def secrets(tmp_path):
    """A token of each role, and the file of their hashes under `path`."""
    path = tmp_path / "tokens.toml"
    made = {str(role): new_token(path, f"the {role}", role) for role in Role}
    return made | {"path": path}


@pytest.fixture
def guarded(models, secrets):
    """A client of a service that asks for tokens."""
    app = make_app(models, tokens=Tokens.load(secrets["path"]))
    with TestClient(app, base_url=HERE) as client:
        yield client
