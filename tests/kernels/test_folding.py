from __future__ import annotations

import random

import numpy as np

from penstock.kernels.folding import entries_of, fold_count, fold_extreme, fold_sum


def test_an_entry_for_each_pane_of_a_key() -> None:
    for seed in range(800):
        rng = random.Random(seed)
        every, offset = rng.choice([1, 3, 10, 10**9]), rng.choice([0, 1, -7, 10**12])
        at, times = rng.choice([0, -100, 10**15]), list[int]()
        for _ in range(rng.choice([0, 1, 5, 100])):
            at += rng.choice([0, 0, 1, every, 50 * every])
            times.append(at)
        codes = [rng.randrange(rng.choice([1, 3, 20])) for _ in times]
        newest = np.full(20, -1)
        panes, keys, count = np.zeros(100, np.int64), np.zeros(100, np.int64), 0
        entries, cut = list[int](), 0
        while cut < len(times):
            size = rng.choice([1, 10, 100])
            part = np.array(times[cut : cut + size]), np.array(codes[cut : cut + size])
            of_rows = np.empty(len(part[0]), np.int64)
            count = entries_of(*part, every, offset, newest, panes, keys, count, of_rows)
            entries += of_rows.tolist()
            cut += size
        pairs = [((time - offset) // every, code) for time, code in zip(times, codes, strict=True)]
        numbers = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
        assert entries == [numbers[pair] for pair in pairs]
        assert list(zip(panes[:count].tolist(), keys[:count].tolist(), strict=True)) == list(numbers)
        assert newest.tolist() == [
            max((number for (_, key), number in numbers.items() if key == code), default=-1)
            for code in range(20)
        ]


def test_totals() -> None:
    for seed in range(800):
        rng = random.Random(seed)
        count = rng.choice([0, 1, 50])
        entries = [rng.randrange(8) for _ in range(count)]
        values = [rng.choice([0, 1, -5, 2**62, -(2**63), 2**63 - 1]) for _ in entries]
        null = [rng.random() < 0.2 for _ in entries] if rng.random() < 0.5 else []
        rows = np.array(entries, np.int64)
        numbers, nulls = np.array(values, np.int64), np.array(null, np.bool_)
        of = [
            [v for i, v in enumerate(values) if entries[i] == e and not (null and null[i])] for e in range(8)
        ]
        totals = np.zeros(8, np.int64)
        fold_count(rows, nulls, totals)
        assert totals.tolist() == [len(own) for own in of]
        totals = np.zeros(8, np.int64)
        fold_sum(rows, numbers, nulls, totals)
        assert totals.tolist() == [(sum(own) + 2**63) % 2**64 - 2**63 for own in of]
        for highest in (False, True):
            totals, seen = np.zeros(8, np.int64), np.zeros(8, np.bool_)
            fold_extreme(rows, numbers, nulls, highest, totals, seen)
            assert seen.tolist() == [bool(own) for own in of]
            assert totals[seen].tolist() == [(max if highest else min)(own) for own in of if own]
