"""Keeping up with an endless source: when to look, which splits are silent, and which of them are idle."""

from __future__ import annotations

from collections.abc import Callable, Collection

TURN = 100_000
"""How long to wait, in µs, where nothing was new."""
_SHARE = 10
"""A look at what there is (many folders, a slow disk) may take one part in so many of the time."""


class Tide:
    """Knows which splits of an endless source are silent, and since when. Times are µs of the wall clock.

    A clock that is set back only makes it wait anew.
    """

    def __init__(self, now: Callable[[], int], idle_after: int, delay: int) -> None:
        self._now = now
        self._idle_after = idle_after
        self._delay = delay
        self._looked: int | None = None
        self._pause = TURN
        self._silent: dict[int, int] = {}

    def heard(self, split: int) -> None:
        """Note that a split had something new."""
        self._silent.pop(split, None)

    def silent(self, split: int) -> None:
        """Note that a split had nothing new."""
        self._silent.setdefault(split, self._now())

    def rest(self) -> int:
        """Return how long it is, in µs, until it is time to see what is new; 0: it is time."""
        passed = self._pause if self._looked is None else self._now() - self._looked
        return self._pause - passed if 0 <= passed < self._pause else 0

    def looked(self, began: int) -> None:
        """Note that someone has seen what is new, and `began` with it then."""
        self._looked = self._now()
        self._pause = max(TURN, _SHARE * (self._looked - began))

    def idle(self) -> set[int]:
        """Return the splits that have been silent for long enough not to hold others back."""
        return self._silent_for(self._idle_after)

    def is_over(self, splits: Collection[int]) -> bool:
        """Tell whether all of these have been silent for so long that no row can be expected to come."""
        return self._silent_for(self._idle_after + self._delay).issuperset(splits)

    def _silent_for(self, span: int) -> set[int]:
        now = self._now()
        self._silent = {split: min(since, now) for split, since in self._silent.items()}
        return {split for split, since in self._silent.items() if now - since >= span}
