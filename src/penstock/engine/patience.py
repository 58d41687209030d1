"""Patience with sinks: what fails and may pass is tried again, for a while."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import polars as pl

from penstock.errors import PenstockWarning, RunError, StoppedError, TransientError
from penstock.model import GoingOn, Writer

T = TypeVar("T")
_GLANCE = 0.1
"""Seconds of a wait after which it is asked whether to go on waiting."""


@dataclass(frozen=True)
class Patience:
    """How often, and for how long, a sink is asked again; in seconds.

    Before the n-th further try a random half to the whole of `first` doubled n - 1 times passes, at most
    `longest`. After so many `tries`, or `total` seconds, the run ends. `clock` never goes back.
    """

    tries: int = 12
    first: float = 0.1
    longest: float = 10.0
    total: float = 60.0
    clock: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = random.random

    def pause(self, tried: int) -> float:
        """Return how long to wait after so many tries."""
        return float(min(self.longest, self.first * 2 ** (tried - 1))) * (1 + self.draw()) / 2


class Retries:
    """Calls what may fail for a moment until it does not."""

    def __init__(
        self, patience: Patience, wait: Callable[[float], None], stopped: Callable[[], bool]
    ) -> None:
        self._patience, self._wait, self._stopped = patience, wait, stopped
        self._closing = False

    def close(self) -> None:
        """Wait no longer, on any thread: the run is over."""
        self._closing = True

    def call(self, place: str, call: Callable[[], T]) -> T:
        """Return what a call returns; RunError if it fails for too long, StoppedError if told to stop."""
        patience, tried = self._patience, 0
        began = patience.clock()
        while True:
            try:
                return call()
            except TransientError as error:
                tried += 1
                pause, spent = patience.pause(tried), patience.clock() - began
                if tried >= patience.tries or spent + pause > patience.total:
                    times = f"{tried} times in {spent:.0f} s" if tried > 1 else "once"
                    raise RunError(f"{error} (tried {times})") from error
                if tried == 1:
                    rule = f"{place}: {error}; it is tried again for up to {patience.total:.0f} s"
                    warnings.warn(rule, PenstockWarning, stacklevel=2)
                self._pause(pause, error)

    def _pause(self, seconds: float, error: TransientError) -> None:
        while not (self._closing or self._stopped()):
            if seconds <= 0:
                return
            self._wait(min(seconds, _GLANCE))
            seconds -= _GLANCE
        raise StoppedError(f"stopped while it was tried again: {error}") from error


class PatientWriter:
    """A `Writer` whose calls are made again where they fail for a moment; the others come out."""

    def __init__(self, writer: Writer, place: str, retries: Retries) -> None:
        self._writer, self._place, self._retries = writer, place, retries

    def write(self, rows: pl.DataFrame) -> None:
        """Hand rows over; see `Writer.write`."""
        self._retries.call(self._place, lambda: self._writer.write(rows))

    def commit(self, epoch: int) -> None:
        """Commit an epoch; see `Writer.commit`."""
        self._retries.call(self._place, lambda: self._writer.commit(epoch))

    def close(self) -> None:
        """Close the sink. Once only: what is not committed is dropped, and made again by the next run."""
        self._writer.close()

    def has(self, epoch: int) -> bool | None:
        """Tell whether the sink has an epoch; see `GoingOn.has`."""
        return cast(GoingOn, self._writer).has(epoch)
