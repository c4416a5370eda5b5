"""`python -m blemish`: the console script, where it is not on the path."""

from __future__ import annotations

from blemish.cli.main import run

if __name__ == "__main__":
    run()
