from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from penstock.kernels import folding

INT64 = np.iinfo(np.int64)
STARTS = {
    "floats": np.array([0.0, 0.0, math.inf, -math.inf]),
    "integers": np.array([0, 0, INT64.max, INT64.min]),
    "moments": np.zeros(3),
}


@pytest.mark.parametrize("many", [False, True])
def test_entries_are_one_for_each_pane_and_key(many: bool) -> None:
    for seed in range(400):
        rng = random.Random(seed)
        keys, steps = rng.choice([1, 5]), rng.choice([[0], [0, 0, 1], [0, 1, 10**6], [*[0] * 30, 1]])
        at, times = rng.choice([0, -(10**15)]), list[int]()
        for _ in range(200):
            at += rng.choice(steps)
            times.append(at)
        codes = [rng.randrange(keys) for _ in times]
        newest, count, got = np.full(keys, -1), 0, list[int]()
        panes, of_keys, rows = np.full(501, 99), np.full(501, 99), np.zeros(501, np.int64)
        while len(got) < len(times):
            part = slice(len(got), len(got) + rng.choice([1, 7, 40, 200]))
            entries = np.empty(len(times[part]), np.int64)
            some, ends = np.unique(times[part], return_index=True)
            ends = np.append(ends[1:], len(times[part]))
            if not count or panes[count - 1] < some[0]:  # and a pane that has no row
                some, ends = np.insert(some, 0, some[0] - 1), np.insert(ends, 0, 0)
            known = keys if many else 10**6  # of that many no batch has enough rows
            arrays = some, ends, np.array(codes[part])
            count = folding.entries_of(*arrays, newest, known, panes, of_keys, rows, count, entries)
            got += entries.tolist()
        of_entries = [*zip(panes[:count].tolist(), of_keys[:count].tolist(), strict=True)]
        pairs = list(zip(times, codes, strict=True))
        assert [of_entries[entry] for entry in got] == pairs
        assert len(set(of_entries)) == count
        assert of_entries == (
            sorted(of_entries, key=lambda of: of[0]) if many else list(dict.fromkeys(pairs))
        )
        assert rows.tolist() == np.bincount(got, minlength=501).tolist()


def folded(kind: str, entries: Sequence[int], values: Sequence[float | None], room: int) -> np.ndarray:  # type: ignore[type-arg]
    start = STARTS[kind]
    known = np.tile(start, (room, 1))
    nulls = np.array([value is None for value in values]) if None in values else np.empty(0, np.bool_)
    numbers = np.array([0 if value is None else value for value in values], start.dtype)
    getattr(folding, f"fold_{kind}")(np.array(entries, np.int64), numbers, nulls, known)
    return known


@pytest.mark.parametrize("kind", STARTS)
def test_what_is_known_is_what_python_computes_and_merges(kind: str) -> None:
    for seed in range(400):
        rng = random.Random(seed)
        drawn = [0, 1, -5, 2**62, -(2**63), 2**63 - 1] if kind == "integers" else [0.1, -7.5, 1e9, 3.0, 3.0]
        if kind == "floats":
            drawn += [math.nan, math.inf]
        values = [rng.choice([*drawn, None] if seed % 2 else drawn) for _ in range(rng.choice([0, 1, 50]))]
        entries = [rng.randrange(8) for _ in values]
        known = folded(kind, entries, values, 8)
        groups = np.array([0, 1, 1, 0, 2, 2, 2, 2])
        merged = np.tile(STARTS[kind], (3, 1))
        getattr(folding, f"merge_{kind}")(np.arange(8), groups, known, merged)
        for rows, of in ((known, entries), (merged, [int(groups[entry]) for entry in entries])):
            for entry in range(len(rows)):
                own = [v for v, e in zip(values, of, strict=True) if e == entry and v is not None]
                check(kind, rows[entry].tolist(), own)


def check(kind: str, row: list[float], own: list[float]) -> None:
    assert row[folding.COUNT] == len(own)
    if kind == "integers":
        assert row[folding.SUM] == (int(sum(own)) + 2**63) % 2**64 - 2**63
        assert row[folding.LOWEST] == min(own, default=INT64.max)
        assert row[folding.HIGHEST] == max(own, default=INT64.min)
    elif kind == "moments":
        mean = math.fsum(own) / len(own) if own else 0.0
        assert row[folding.MEAN] == pytest.approx(mean)
        assert row[folding.SQUARES] == pytest.approx(
            math.fsum((v - mean) ** 2 for v in own), rel=1e-6, abs=1e-6
        )
    else:
        total = 0.0
        for value in own:
            total += value
        assert row[folding.SUM] == pytest.approx(total, nan_ok=True)
        numbers = [value for value in own if not math.isnan(value)]
        for place, wanted in (
            (folding.LOWEST, min(numbers, default=math.inf)),
            (folding.HIGHEST, max(numbers, default=-math.inf)),
        ):
            assert row[place] == pytest.approx(wanted, nan_ok=True)


def test_sums_of_floats_follow_the_rows_to_the_bit() -> None:
    rng = random.Random(1)
    values = [rng.choice([1e16, -1e16, 0.1, 3.3]) for _ in range(1000)]
    total = 0.0
    for value in values:
        total += value
    assert folded("floats", [0] * 1000, values, 1)[0, folding.SUM] == total


def test_ends_are_the_first_and_the_last_row_null_or_not() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        values = [rng.choice([None, 1, 2, 3]) for _ in range(rng.choice([0, 1, 30]))]
        entries = [rng.randrange(6) for _ in values]
        known, kinds = np.zeros((6, 2), np.int64), np.zeros((6, 2), np.uint8)
        nulls = np.array([value is None for value in values], np.bool_)
        numbers = np.array([value or 0 for value in values], np.int64)
        folding.fold_ends(np.array(entries, np.int64), numbers, nulls, known, kinds)
        groups = np.array([0, 0, 0, 1, 1, 1])
        merged, merged_kinds = np.zeros((2, 2), np.int64), np.zeros((2, 2), np.uint8)
        folding.merge_ends(np.arange(6), groups, known, kinds, merged, merged_kinds)
        for entry in range(6):
            own = [value for value, e in zip(values, entries, strict=True) if e == entry]
            assert_ends(known[entry].tolist(), kinds[entry].tolist(), own)
        for group in range(2):  # of the entries in their order, as panes are
            inside = [[v for v, e in zip(values, entries, strict=True) if e == entry] for entry in range(6)]
            of = [own for own in inside[3 * group : 3 * group + 3] if own]
            ends = [of[0][0], of[-1][-1]] if of else []
            assert_ends(merged[group].tolist(), merged_kinds[group].tolist(), ends)


def assert_ends(known: list[int], kinds: list[int], own: list[int | None]) -> None:
    if not own:
        assert kinds == [folding.NONE, folding.NONE]
        return
    for place, value in ((folding.FIRST, own[0]), (folding.LAST, own[-1])):
        assert kinds[place] == (folding.NULL if value is None else folding.VALUE)
        assert value is None or known[place] == value
