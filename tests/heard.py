"""A progress that remembers what a user is told."""

from __future__ import annotations

from blemish.progress import LoggedProgress


class Heard(LoggedProgress):
    def __init__(self):
        self.said = []

    def say(self, message):
        self.said.append(message)
