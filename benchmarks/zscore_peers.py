"""Others that can say a rolling z-score: pandas and river, where they are installed, and plain Python."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import polars as pl

from benchmarks.harness import Answer, Contender


def contenders(
    rows: pl.DataFrame,
    few: pl.DataFrame,
    size_and_least: tuple[int, int],
    answer: Callable[[pl.DataFrame], Answer],
    like: Callable[[], Answer],
) -> list[Contender]:
    """Make contenders on `rows`, and on a `few` of them where each is taken by itself."""
    size, least = size_and_least
    events = list(zip(few["key"].to_list(), few["value"].to_list(), strict=True))
    made = []
    if find_spec("pandas"):
        frame = rows.select("key", "value").to_pandas(use_pyarrow_extension_array=False)
        made.append(
            Contender(
                name="pandas groupby.rolling",
                run=lambda: _pandas(frame, size, least),
                answer=lambda said: answer(pl.from_pandas(said)),
                events=len(rows),
            )
        )
    if find_spec("river"):
        made.append(
            Contender(
                name="river, event by event",
                run=lambda: _river(events, size, least),
                answer=lambda said: answer(_frame(said)),
                events=len(few),
                like=like,
            )
        )
    made.append(
        Contender(
            name="Python, a deque a key",
            run=lambda: _deques(events, size, least),
            answer=lambda said: answer(_frame(said)),
            events=len(few),
            like=like,
        )
    )
    return made


def _frame(said: list[tuple[float | None, float | None]]) -> pl.DataFrame:
    schema = {"score": pl.Float64, "expected": pl.Float64}
    return pl.DataFrame(said, schema=schema, orient="row")


def _pandas(frame: Any, size: int, least: int) -> Any:
    import pandas  # noqa: PLC0415 it is optional

    windows = frame.groupby("key", sort=False)["value"].rolling(size, min_periods=least)
    # By key, then as they came; the rows before a row are those up to the one before it.
    said = pandas.DataFrame({"mean": windows.mean(), "deviation": windows.std()})
    said = said.groupby(level=0, sort=False).shift(1).droplevel(0).reindex(frame.index)
    score = (frame["value"] - said["mean"]) / said["deviation"]
    return pandas.DataFrame({"score": score, "expected": said["mean"]})


def _river(events: list[tuple[str, float]], size: int, least: int) -> list[tuple[float | None, float | None]]:
    from river import stats, utils  # noqa: PLC0415 it is optional

    windows: dict[str, Any] = defaultdict(lambda: utils.Rolling(stats.Var(), window_size=size))
    said: list[tuple[float | None, float | None]] = []
    for key, value in events:
        window = windows[key]
        if len(window.window) >= least:
            mean = window.mean.get()
            said.append(((value - mean) / math.sqrt(window.get()), mean))
        else:
            said.append((None, None))
        window.update(value)
    return said


def _deques(
    events: list[tuple[str, float]], size: int, least: int
) -> list[tuple[float | None, float | None]]:
    windows: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=size))
    said: list[tuple[float | None, float | None]] = []
    for key, value in events:
        window = windows[key]
        count = len(window)
        if count >= least:
            mean = sum(window) / count
            squares = sum((before - mean) ** 2 for before in window)
            said.append(((value - mean) / math.sqrt(squares / (count - 1)), mean))
        else:
            said.append((None, None))
        window.append(value)
    return said
