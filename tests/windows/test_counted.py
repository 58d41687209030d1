from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from penstock.model import EVENT_TIME
from penstock.units import BEGINNING, END
from penstock.windows import keyed
from penstock.windows.counted import CountedWindows
from penstock.windows.keyed import KeyedWindows

COLUMNS = pl.Schema({"time": EVENT_TIME, "k": pl.String})
Row = tuple[int, str | None]


def windows_of(size: int) -> CountedWindows:
    return CountedWindows(size, KeyedWindows(pl.Schema({"k": pl.String}), [pl.len()], COLUMNS), "time")


def pushed(windows: CountedWindows, rows: Sequence[Row], frontier: int) -> list[tuple[object, ...]]:
    made = windows.push(pl.DataFrame(rows, COLUMNS, orient="row"), frontier)
    if made is None:
        return []
    return made.select("k", pl.col("window_start", "window_end").to_physical(), "len").rows()


def test_a_window_comes_out_once_no_row_of_its_last_time_can_come() -> None:
    windows = windows_of(2)
    assert pushed(windows, [(0, "b"), (5, "b")], 5) == []
    # Completed by a later row, but of a key that comes first.
    assert pushed(windows, [(5, "a"), (5, "a")], 6) == [("a", 5, 5, 2), ("b", 0, 5, 2)]
    assert windows.reached(6) == 5


def test_windows_of_one_key_and_time_come_in_the_order_of_their_rows() -> None:
    rows: list[Row] = [(1, "a"), (7, "a"), (7, "a"), (7, None), (7, "a"), (7, "a"), (7, "a")]
    expected = [("a", 1, 7, 2), ("a", 7, 7, 2), ("a", 7, 7, 2), (None, 7, 7, 1)]
    assert pushed(windows_of(2), rows, END) == expected


def test_what_is_not_complete_ends_with_the_stream() -> None:
    windows = windows_of(2)
    rows: list[Row] = [(-9, "z"), (0, "b"), (3, "c"), (4, "c"), (4, None)]
    # The whole window of the last time may come out before it is known that the stream ends here.
    assert pushed(windows, rows, 10**9) == [("c", 3, 4, 2)]
    assert windows.reached(10**9) == 4
    assert pushed(windows, [], END) == [(None, 4, 4, 1), ("b", 0, 4, 1), ("z", -9, 4, 1)]
    assert windows.reached(END) == END
    assert pushed(windows_of(2), rows, END) == [
        ("c", 3, 4, 2),
        (None, 4, 4, 1),
        ("b", 0, 4, 1),
        ("z", -9, 4, 1),
    ]


@pytest.mark.parametrize("frontier", [BEGINNING, -5, 10**15, END])
def test_the_frontier_before_any_row_is_that_of_the_input(frontier: int) -> None:
    assert windows_of(3).reached(frontier) == frontier


def test_keys_without_an_open_window_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "_FEW_KEYS", 10)
    windows = windows_of(2)
    for time in range(1000):
        key = f"key {time}"
        assert pushed(windows, [(time, key), (time, key)], time + 1) == [(key, time, time, 2)]
        assert len(windows._windows._index) <= 11
        assert len(windows._windows) == 0
        assert len(windows._windows.windows) <= 4
