"""A progress that remembers what a user is told, and which stages there were."""

from __future__ import annotations

from blemish.progress import LoggedProgress


class Heard(LoggedProgress):
    def __init__(self):
        self.said = []
        self.stages = []

    def stage(self, name, total):
        self.stages.append(name)
        return super().stage(name, total)

    def say(self, message):
        self.said.append(message)
