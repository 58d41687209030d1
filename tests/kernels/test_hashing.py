from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from penstock.kernels import hashing, text_hashing
from penstock.kernels.hashing import COUNT, NULL, number_codes, refill
from penstock.kernels.packing import pack, words_needed
from penstock.kernels.text_hashing import few_text_codes, text_codes, text_hashes, text_views
from penstock.kernels.text_order import leading_words, settle

SEED = np.uint64(0x1234_5678_9ABC_DEF1)


def viewed(texts: Sequence[bytes | None], rng: random.Random) -> tuple[NDArray[np.uint64], ...]:
    """Lay texts out in three buffers, one after the other in one array; return views, nulls, data, begins."""
    buffers = [bytearray(rng.randbytes(rng.randrange(9))) for _ in range(3)]
    views = np.zeros((len(texts), 4), np.uint32)
    for row, text in enumerate(texts):
        if text is None:
            views[row] = rng.choice([0, 2**31])  # whatever
            continue
        views[row, 0] = len(text)
        inline = text if len(text) <= 12 else text[:4]
        views[row, 1:] = np.frombuffer(inline.ljust(12, b"\0"), np.uint32)
        if len(text) > 12:
            number = rng.randrange(3)
            views[row, 2:] = number, len(buffers[number])
            buffers[number] += text
    begins = np.cumsum([0, *map(len, buffers)])[:3].astype(np.uint64)
    data = np.frombuffer(b"".join(buffers).ljust(12, b"?"), np.uint8)
    nulls = np.array([text is None for text in texts]) if None in texts else np.empty(0, np.bool_)
    return views.view(np.uint64), nulls, data, begins


def texts_in(views: NDArray[np.uint64], buffers: Sequence[bytes]) -> list[bytes]:
    words, texts = views.view(np.uint32), []
    for row in range(len(words)):
        length, _, number, at = (int(word) for word in words[row])
        texts.append(words[row, 1:].tobytes()[:length] if length <= 12 else buffers[number][at : at + length])
    return texts


def first_come(values: Sequence[object]) -> list[int]:
    known: dict[object, int] = {}
    return [known.setdefault(value, len(known)) for value in values]


def drawn_texts(rng: random.Random, count: int) -> list[bytes | None]:
    """Draw texts that are alike at their beginnings, their ends or both, of lengths around the limits."""
    made: list[bytes | None] = [None] * rng.choice([0, 0, 1])
    for _ in range(rng.choice([1, 3, 40])):
        length = rng.choice([0, 1, 3, 4, 5, 11, 12, 13, 16, 19, 20, 21, 28, 29, 60])
        text = bytearray(b"a" * length)
        if length and rng.random() < 0.8:
            text[rng.randrange(length)] = rng.choice(b"\0ab\xff")
        made.append(bytes(text))
    return [rng.choice(made) for _ in range(count)]


class Table:
    """A table with little room that is enlarged as it fills."""

    def __init__(self, numbers: bool) -> None:
        self.slots, self.hashes = np.zeros(4, np.uint64), np.empty(2, np.uint64)
        self.keys = np.empty(2, np.int64) if numbers else np.empty((2, 4), np.uint64)
        self.texts, self.state = np.empty(3, np.uint8), np.array([0, -1, 0, 0])

    def enlarge(self) -> None:
        if self.state[COUNT] == len(self.keys):
            self.hashes = np.append(self.hashes, np.empty_like(self.hashes))
            self.keys = np.append(self.keys, np.empty_like(self.keys), axis=0)
            self.slots = np.zeros(2 * len(self.hashes), np.uint64)
            refill(self.hashes, self.state, self.slots)
        else:
            self.texts = np.append(self.texts, np.empty_like(self.texts))

    def codes(self, *rows: NDArray[np.generic], few: bool = False) -> list[int]:
        numbers = len(rows) == 2
        codes, row = np.full(len(rows[0]), -1), 0
        kernel, texts = (number_codes, ()) if numbers else (text_codes, (self.texts,))
        lately = (np.zeros((4, 3), np.uint64),) if few else ()
        if few:
            kernel = few_text_codes
        if numbers or few:
            rows = (*rows, SEED)
        else:
            text_hashes(*rows, SEED, codes)
        while True:
            arrays = (self.slots, self.hashes, self.keys, *texts, self.state)
            row = kernel(*rows, *arrays, *lately, row, codes)
            if row == len(codes):
                return codes.tolist()
            self.enlarge()
            texts = () if numbers else (self.texts,)


@pytest.mark.parametrize("few", [False, True])
def test_texts_have_the_codes_of_a_dictionary(few: bool) -> None:
    for seed in range(600):
        rng = random.Random(seed)
        texts = drawn_texts(rng, rng.choice([0, 1, 20, 200]))
        table, at, codes = Table(numbers=False), 0, []
        while at < len(texts):
            size = rng.choice([1, 7, 100])
            codes += table.codes(*viewed(texts[at : at + size], rng), few=few)
            at += size
        assert codes == first_come(texts)
        keys = list(dict.fromkeys(texts))
        views = np.empty((len(keys), 2), np.uint64)
        text_views(table.keys, np.arange(len(keys)), views)
        assert texts_in(views, [table.texts.tobytes()]) == [key or b"" for key in keys]
        words = np.empty(len(keys), np.uint64)
        leading_words(table.keys, table.texts, np.arange(len(keys)), 8, words)
        assert [int(word).to_bytes(8) for word in words] == [
            (key or b"")[8:16].ljust(8, b"\0") for key in keys
        ]
        leading_words(table.keys, table.texts, np.arange(len(keys)), 0, words)
        assert [int(word).to_bytes(8) for word in words] == [(key or b"")[:8].ljust(8, b"\0") for key in keys]
        order = np.argsort(words)
        settle(table.keys, table.texts, table.state[NULL], words[order], order)
        assert [keys[code] for code in order] == sorted(keys, key=lambda key: (key is not None, key or b""))


def test_numbers_have_the_codes_of_a_dictionary() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        of = rng.choice([[0], [0, 1, -1], [-(2**63), 2**63 - 1, 0], range(1000), range(0, 2**40, 2**33)])
        values = [rng.choice(of) for _ in range(rng.choice([0, 1, 300]))]
        null = [rng.random() < 0.1 for _ in values] if rng.random() < 0.5 else []
        table = Table(numbers=True)
        got = table.codes(np.array(values, np.int64), np.array(null, np.bool_))
        told = [None if null and null[i] else value for i, value in enumerate(values)]
        assert got == first_come(told)
        assert [key for i, key in enumerate(table.keys[: table.state[COUNT]]) if i != table.state[NULL]] == [
            key for key in dict.fromkeys(told) if key is not None
        ]


def words_of(
    length: np.uint64, inner: np.uint64, data: NDArray[np.uint8], begins: NDArray[np.uint64]
) -> tuple[np.uint64, np.uint64, np.uint64]:
    if length <= 12:
        return inner, np.uint64(0), np.uint64(0)
    at = int(begins[int(inner) & 0xFFFFFFFF]) + (int(inner) >> 32)
    second, last = (
        int.from_bytes(data[i : i + 8].tobytes(), "little") for i in (at + 4, at + int(length) - 8)
    )
    return np.uint64(second), np.uint64(last), np.uint64(at)


def in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("word_at", "_same_middle", "_hash_of", "_null_code", "_code_of"):
        monkeypatch.setattr(text_hashing, name, getattr(text_hashing, name).py_func)


def test_keys_are_compared_where_hashes_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    # In Python, with a hash that is the same for all.
    for module in (hashing, text_hashing):
        monkeypatch.setattr(module, "mixed", lambda hashed, word: np.uint64(7) << np.uint64(40))
    in_python(monkeypatch)
    monkeypatch.setattr(text_hashing, "_words_of", words_of)
    for seed in range(30):
        rng = random.Random(seed)
        texts = drawn_texts(rng, 30)
        codes = np.empty(30, np.int64)
        room = (np.zeros(128, np.uint64), np.empty(64, np.uint64), np.empty((64, 4), np.uint64))
        arrays = (*room, np.empty(4096, np.uint8), np.array([0, -1, 0, 0]))
        rows = viewed(texts, rng)
        text_hashes.py_func(*rows, SEED, codes)
        assert text_codes.py_func(*rows, *arrays, 0, codes) == 30
        assert codes.tolist() == first_come(texts)
        arrays = (*room, np.empty(4096, np.uint8), np.array([0, -1, 0, 0]), np.zeros((8, 3), np.uint64))
        arrays[0][:] = 0
        with np.errstate(over="ignore"):
            assert few_text_codes.py_func(*rows, SEED, *arrays, 0, codes) == 30
        assert codes.tolist() == first_come(texts)
        values = np.array([rng.randrange(9) for _ in texts])
        arrays = (*room[:2], np.empty(64, np.int64), np.array([0, -1, 0, 0]))
        arrays[0][:] = 0
        assert number_codes.py_func(values, np.empty(0, np.bool_), SEED, *arrays, 0, codes) == 30
        assert codes.tolist() == first_come(values.tolist())


def test_rows_that_are_asked_for_ahead_collide() -> None:
    # Slots are asked for 32 rows ahead, keys 16: whatever lies there. All or many have one hash here.
    for seed in range(300):
        rng = random.Random(seed)
        texts = drawn_texts(rng, rng.choice([31, 32, 33, 48, 49, 64, 200]))
        views, nulls, data, begins = viewed(texts, rng)
        hashes = np.empty(len(texts), np.int64)
        text_hashes(views, nulls, data, begins, SEED, hashes)
        bits = rng.choice([0, 1, 3])  # of the hashes that differ
        low = (hashes.view(np.uint64) & np.uint64(2**bits - 1)).view(np.int64)
        shift = rng.choice([0, 32, 61])  # in the slots, in the halves that stand in them, in neither
        hashes = np.where(hashes == 0, 0, low << shift | rng.choice([0, -1, 7 << 40]) << 3)
        table, row, codes = Table(numbers=False), 0, hashes.copy()
        while True:
            arrays = (table.slots, table.hashes, table.keys, table.texts, table.state)
            row = text_codes(views, nulls, data, begins, *arrays, row, codes)
            if row == len(texts):
                break
            assert (codes[row:] == hashes[row:]).all()
            table.enlarge()
        assert codes.tolist() == first_come(texts)


def test_what_is_asked_for_ahead_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def noted(array: NDArray[np.uint64], at: int) -> None:
        assert 0 <= at < array.size
        asked.append((array.ndim, int(at)))

    monkeypatch.setattr(text_hashing, "prefetch", noted)
    in_python(monkeypatch)
    for seed in range(30):
        rng = random.Random(seed)
        texts = drawn_texts(rng, 80)
        rows, codes = viewed(texts, rng), np.empty(80, np.int64)
        text_hashes(*rows, SEED, codes)
        hashes = codes.copy()
        room = (np.zeros(128, np.uint64), np.empty(64, np.uint64), np.empty((64, 4), np.uint64))
        asked.clear()
        text_codes.py_func(*rows, *room, np.empty(4096, np.uint8), np.array([0, -1, 0, 0]), 0, codes)
        assert codes.tolist() == first_come(texts)
        slots = [at for dimensions, at in asked if dimensions == 1]
        assert slots == [int(bits) & 127 for bits in hashes[32:]]
        assert all(at % 4 == 0 for dimensions, at in asked if dimensions == 2)


def test_texts_are_packed() -> None:
    for seed in range(600):
        rng = random.Random(seed)
        texts = drawn_texts(rng, rng.choice([0, 1, 20, 200]))
        views, nulls, data, begins = viewed(texts, rng)
        words = words_needed(views, nulls)
        assert words == sum(-(-len(text) // 8) for text in texts if text and len(text) > 12)
        packed_views, packed = np.empty_like(views), np.full(words + 1, 2**64 - 1, np.uint64)
        pack(views, nulls, data, begins, packed_views, packed)
        assert packed[-1] == 2**64 - 1
        assert texts_in(packed_views, [packed.tobytes()]) == [text or b"" for text in texts]
