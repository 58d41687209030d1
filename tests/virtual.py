"""A clock that stands still unless someone sleeps."""

from __future__ import annotations


class Clock:
    """Tells seconds; only `sleep` passes them."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.at += seconds
