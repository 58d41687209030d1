"""The errors penstock raises for its users' mistakes and for a world that refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PenstockError(Exception):
    """An error that is told to a person in plain lines, without a traceback."""


class RunError(PenstockError):
    """The run could not go on: a full disk, a broken file, a server that refuses."""


class StoppedError(RunError):
    """The run was told to stop while it waited for a sink that failed: the present epoch is not committed."""


class TransientError(PenstockError):
    """What a sink could not do now, and may be able to do soon: a lock, a server that is away for a moment.

    A `Writer` raises it only where the same call may be made again; see there.
    """


class PenstockWarning(UserWarning):
    """Something the user should know of that does not stop the run, and loses no row."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in a description: where it stands, and the rule it breaks with the way out."""

    place: str
    rule: str

    def __str__(self) -> str:
        return _one_line(f"{self.place}: {self.rule}" if self.place else self.rule)


class FlowError(PenstockError):
    """The description of a flow is wrong. Holds every mistake found; its text is one line for each."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))

    @classmethod
    def at(cls, place: str, rule: str) -> FlowError:
        """Make the error of a single mistake."""
        return cls([Mistake(place, rule)])

    def within(self, place: str) -> FlowError:
        """Return the same mistakes, their places seen from further out: `period` in `stage[0]`."""
        return FlowError([Mistake(join_place(place, m.place), m.rule) for m in self.mistakes])


def _one_line(text: str) -> str:
    """Escape what would break the line or the terminal: values come from files, and names from disks."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def join_place(outer: str, inner: str) -> str:
    """Join two places as TOML would write them: `stage[0]` and `by` give `stage[0].by`."""
    if not outer or not inner:
        return outer or inner
    return f"{outer}{inner}" if inner.startswith("[") or outer.endswith(": ") else f"{outer}.{inner}"
