from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import FlowError
from penstock.units import BEGINNING, END, YEAR_1, YEAR_9999
from penstock.windows.grid import Closed, Grid, Panes, grid_of

GRIDS = [
    ("1us", "2us", "-1d", None),
    ("1us", "3us", "1d", None),
    ("10us", "50us", "3us", None),
    ("1h", "1h", "0s", None),
    ("1d", "7d", "-36h", None),
    ("1d", "1d", "0s", "America/Havana"),
    ("1d", "2d", "6h", "Pacific/Apia"),
    ("2w", "4w", "3d", "America/St_Johns"),
    ("1mo", "1q", "0s", None),
    ("100y", "100y", "-100y", "Europe/Zurich"),
]
AROUND = [0, -(10**15), YEAR_1, YEAR_9999 - 10**15, 1_325_200_000_000_000, 1_730_610_000_000_000]


def make_times(rng: random.Random, count: int) -> np.ndarray:
    steps = rng.choice([[0], [0, 1], [0, 7, 10**9], [3600 * 10**6], [10**9, 10**11], [1, 10**14, 10**16]])
    walk = rng.choice(AROUND) + np.cumsum([rng.choice(steps) for _ in range(count)], dtype=np.int64)
    return np.minimum(walk, YEAR_9999)


@pytest.mark.parametrize("closed", ["left", "right"])
@pytest.mark.parametrize("spans", GRIDS)
@settings(max_examples=60, derandomize=True)
@given(st.integers(0, 2**48))
def test_panes_of_rows_in_any_cut(spans: tuple[str, str, str, str | None], closed: Closed, seed: int) -> None:
    rng = random.Random(seed)
    grid = grid_of(*spans, closed)
    times = make_times(rng, rng.choice([1, 30, 400]))
    edges = grid.starts(grid.runs(times).by_row())
    times = np.sort(
        np.where(np.array([rng.random() < 0.3 for _ in times]), edges + rng.choice([-1, 0, 1]), times)
    )
    panes = grid.runs(times).by_row()
    assert panes.dtype == np.int64
    assert (np.diff(panes) >= 0).all()
    before, after = grid.starts(panes), grid.starts(panes + 1)
    left = closed == "left"
    assert (before <= times if left else before < times).all()
    assert (times < after if left else times <= after).all()
    cuts = sorted(rng.randrange(len(times) + 1) for _ in range(4))
    again = grid if rng.random() < 0.5 else grid_of(*spans, closed)
    assert (
        np.concatenate([again.runs(part).by_row() for part in np.split(times, cuts) if len(part)]).tolist()
        == panes.tolist()
    )
    shuffled = rng.sample(panes.tolist(), len(panes))
    assert grid.starts(np.array(shuffled)).tolist() == [
        int(grid.starts(np.array([pane]))[0]) for pane in shuffled
    ]


@pytest.mark.parametrize("closed", ["left", "right"])
@pytest.mark.parametrize("spans", GRIDS)
def test_frontiers(spans: tuple[str, str, str, str | None], closed: Closed) -> None:
    grid, rng = grid_of(*spans, closed), random.Random(4)
    times = [int(time) for _ in range(20) for time in make_times(rng, 5)]
    edges = grid.starts(grid.runs(np.sort(np.array(times))).by_row()).tolist()
    for frontier in [*times, *edges, *(edge + 1 for edge in edges), *(edge - 1 for edge in edges)]:
        last = grid.last_closed(frontier)
        end, following = grid.starts(np.array([last, last + 1]) + grid.overlap).tolist()
        reached = frontier if closed == "left" else frontier - 1  # a row may still be at the frontier
        assert end <= reached < following
        assert grid.first_open(frontier) == grid.starts(np.array([last + 1]))[0]
    assert grid.first_open(END) == END
    assert grid.first_open(BEGINNING) == BEGINNING
    assert grid.last_closed(BEGINNING) < grid.runs(np.array([YEAR_1])).panes[0] - grid.overlap
    assert grid.last_closed(END) >= grid.runs(np.array([YEAR_9999])).panes[0]
    for frontier in (BEGINNING, END):
        assert BEGINNING <= grid.last_closed(frontier) <= END - grid.overlap
    reached = [grid.first_open(frontier) for frontier in sorted([BEGINNING, *times, *edges, YEAR_9999, END])]
    assert reached == sorted(reached)


@pytest.mark.parametrize("closed", ["left", "right"])
@pytest.mark.parametrize("spans", GRIDS)
def test_no_rows(spans: tuple[str, str, str, str | None], closed: Closed) -> None:
    none = np.zeros(0, np.int64)
    grid = grid_of(*spans, closed)
    for made in (grid.starts(none),):
        assert made.dtype == np.int64
        assert made.tolist() == []


@pytest.mark.parametrize("period", [1, 5])
@pytest.mark.parametrize("offset", [0, 1, -(10**16)])
def test_a_grid_of_fixed_length(period: int, offset: int) -> None:
    grid: Panes = Grid(10, 10 * period, offset)
    assert grid.overlap == period
    for at in [YEAR_1, -1, 0, 1, 9, 10, 11, YEAR_9999]:
        pane = grid.runs(np.array([at])).panes
        assert pane.tolist() == [(at - offset) // 10]
        assert grid.starts(pane).tolist() == [(at - offset) // 10 * 10 + offset]
        assert grid.last_closed(at) == (at - offset) // 10 - period


def test_a_zone_of_utc_is_what_days_are_without_one() -> None:
    times = make_times(random.Random(5), 300)
    with_zone, without = (grid_of("1d", "3d", "5h", zone, "left") for zone in ("UTC", None))
    assert with_zone.runs(times).by_row().tolist() == without.runs(times).by_row().tolist()
    weeks = grid_of("1w", "1w", "0s", None, "left"), grid_of("1w", "1w", "4d", None, "left")
    assert [int(grid.starts(np.zeros(1, np.int64))[0]) for grid in weeks] == [0, 4 * 86_400_000_000]


@pytest.mark.parametrize(
    ("fields", "place", "rule"),
    [
        (
            ("6h", "6h", "0s", "Europe/Zurich"),
            "every",
            'such as "1d" or "3mo", or without time_zone, got "6h"',
        ),
        (("1d12h", "3d", "0s", "Europe/Zurich"), "every", "must be so many days, weeks, months"),
        (("1mo2d", "1mo2d", "0s", None), "every", 'such as "1d" or "3mo", got "1mo2d"'),
        (("1mo", "90d", "0s", None), "period", 'must be a multiple of every "1mo", got "90d"'),
        (("1mo", "1mo1s", "0s", None), "period", 'must be a multiple of every "1mo"'),
        (("1q", "4mo", "0s", "UTC"), "period", 'must be a multiple of every "1q"'),
        (("1d", "36h", "0s", "UTC"), "period", 'must be a multiple of every "1d"'),
        (("1d", "48h", "0s", "UTC"), "period", 'must be a multiple of every "1d"'),
        (("1d", "1mo", "0s", "UTC"), "period", 'must be a multiple of every "1d"'),
        (("1d", "1mo", "0s", None), "period", 'must be a multiple of every "1d"'),
        (("10s", "25s", "0s", None), "period", 'must be a multiple of every "10s", got "25s"'),
        (
            ("1d", "1d", "1mo", "UTC"),
            "offset",
            'must be in weeks, days or less, since every is "1d"; got "1mo"',
        ),
        (("1h", "1h", "1y", None), "offset", "must be in weeks, days or less"),
    ],
)
def test_what_does_not_fit(fields: tuple[str, str, str, str | None], place: str, rule: str) -> None:
    with pytest.raises(FlowError) as caught:
        grid_of(*fields, "left")
    [mistake] = caught.value.mistakes
    assert mistake.place == place
    assert rule in mistake.rule


@pytest.mark.parametrize("spans", GRIDS)
def test_a_batch_is_cheap_and_silence_costs_nothing(spans: tuple[str, str, str, str | None]) -> None:
    times = np.arange(1_700_000_000_000_000, 1_700_000_000_000_000 + 131_072 * 10**6, 10**6)
    far = np.array([YEAR_1, 0, YEAR_9999])

    def seconds(of: np.ndarray) -> float:
        grid, began = grid_of(*spans, "left"), time.process_time()
        grid.runs(of)
        return time.process_time() - began

    # Either would take seconds if it were worked out for each row or each pane.
    assert min(seconds(times) for _ in range(5)) < 0.05
    assert min(seconds(far) for _ in range(5)) < 0.05
