"""The score of the Numenta Anomaly Benchmark, of anomaly scores and labelled windows.

From A. Lavin and S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly
Benchmark", 2015 (https://arxiv.org/abs/1510.03336), section II, with what the benchmark's own code adds: the
rows at the beginning of a series that do not count. A row is detected if its score is a threshold or more.
A window counts by its earliest detection, the more the earlier that is, and costs if it has none; a detection
outside of windows costs, the less the closer it follows one. One threshold, the best, holds for all series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PROBATION, _MOST_ON_PROBATION = 0.15, 5000
_FAR = 3.0
"""So many lengths of a window behind it, a detection has nothing to do with it any more."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a window found is worth at most, what one missed costs, and a false detection at most."""

    found: float
    missed: float
    false: float


PROFILES = {
    "standard": Profile(found=1.0, missed=1.0, false=0.11),
    "reward_low_FP_rate": Profile(found=1.0, missed=1.0, false=0.22),
    "reward_low_FN_rate": Profile(found=1.0, missed=2.0, false=0.11),
}


@dataclass(frozen=True, kw_only=True)
class Series:
    """A score of each row, NaN for none, and the windows: numbers of their first and last rows, ascending."""

    scores: NDArray[np.float64]
    windows: Sequence[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the best threshold makes: 100 for all windows found at once and nothing else, 0 for no detection.

    `threshold` is infinite where it is best to detect nothing; `found` counts windows, `false` rows.
    """

    score: float
    threshold: float
    found: int
    windows: int
    false: int


_SCORE, _FOUND, _MISSED, _FALSE = range(4)
"""Columns of what changes as the threshold falls to a score: by how much each kind of worth then rises."""


def score(series: Sequence[Series]) -> dict[str, Score]:
    """Return the score of all series together by each profile.

    Only a row's score can be the best threshold, so each is tried: what changes where is put in order of the
    scores and added up.
    """
    changes = np.concatenate([_changes(one) for one in series])
    changes = changes[np.argsort(-changes[:, _SCORE], kind="stable")]
    windows = sum(len(one.windows) for one in series)
    if not windows:
        raise ValueError("nothing is labelled: there is nothing to find")
    # The one wholly on probation is neither found nor missed, though the best there could be has it as found.
    open_windows = sum(last >= _start(one) for one in series for _, last in one.windows)
    return {name: _best(changes, profile, windows, open_windows) for name, profile in PROFILES.items()}


def _best(changes: NDArray[np.float64], profile: Profile, windows: int, open_windows: int) -> Score:
    scores = changes[:, _SCORE]
    falls = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)[: len(scores)])
    weights = np.array([profile.found, profile.missed, profile.false])
    nothing = -profile.missed * open_windows
    made = nothing + np.append(0.0, np.cumsum(changes[:, _FOUND:] @ weights)[falls])
    best = int(np.argmax(made))
    detected = changes[: falls[best - 1] + 1 if best else 0]
    return Score(
        score=100.0 * float(made[best] - nothing) / (profile.found * windows - nothing),
        threshold=float(detected[-1, _SCORE]) if best else float("inf"),
        found=int(detected[:, _MISSED].sum()),
        windows=windows,
        false=int((detected[:, _FALSE] < 0).sum()),
    )


def _changes(series: Series) -> NDArray[np.float64]:
    """Return what changes in one series: at each false detection, and where a window is found, or sooner."""
    rows, start = len(series.scores), _start(series)
    false = np.full(rows, -1.0)
    made = []
    until = [*(first for first, _ in series.windows[1:]), rows]
    for (first, last), following in zip(series.windows, until, strict=False):
        behind = np.arange(last + 1, following)
        false[behind] = _worth((behind - last) / (last - first)) if last > first else -1.0
        false[first : last + 1] = 0.0
        inside = np.arange(max(first, start), last + 1)
        made.append(_in_window(series.scores[inside], (inside - last - 1) / (last - first + 1)))
    false[:start] = 0.0
    lone = np.flatnonzero((false < 0) & ~np.isnan(series.scores))
    outside = np.zeros((len(lone), 4))
    outside[:, _SCORE], outside[:, _FALSE] = series.scores[lone], false[lone]
    return np.concatenate([outside, *made])


def _in_window(scores: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what changes in a window: at the rows with a higher score than all before them in it."""
    scores = np.where(np.isnan(scores), -np.inf, scores)
    highest = np.maximum.accumulate(np.append(-np.inf, scores))
    rises = np.flatnonzero(scores > highest[:-1])
    made = np.zeros((len(rises), 4))
    made[:, _SCORE] = scores[rises]
    made[:, _FOUND] = _worth(places[rises]) / _worth(np.array(-1.0))
    made[:-1, _FOUND] -= made[1:, _FOUND].copy()  # the later row had found it already
    made[-1:, _MISSED] = 1.0
    return made


def _worth(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the paper's scaled sigmoid of places: -1 is where a window begins, 0 just behind its end."""
    return np.where(places > _FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(places, _FAR))) - 1.0)


def _start(series: Series) -> int:
    """Return the first row that counts: 15 % of the rows are on probation, of at most 5,000."""
    rows = len(series.scores)
    return int(np.ceil(min(np.floor(_PROBATION * rows), _PROBATION * _MOST_ON_PROBATION)))
