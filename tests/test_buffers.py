from __future__ import annotations

import threading

import numpy as np
import polars as pl
import pyarrow as pa

from penstock.buffers import _MOST_UNUSED, _Buffers


def place(array: np.ndarray) -> int:  # type: ignore[type-arg]
    return int(array.__array_interface__["data"][0])


def test_an_array_comes_back_once_nothing_refers_to_it() -> None:
    buffers = _Buffers()
    first = buffers.take(1000)
    assert 1000 <= len(first) <= 1125
    at = place(first)
    assert place(buffers.take(1000)) != at
    column = pl.Series(pa.Array.from_buffers(pa.int64(), 10, [None, pa.py_buffer(first)]))
    del first
    assert place(buffers.take(1000)) != at, "a column still looks at it"
    part = column[3:5]
    del column
    assert place(buffers.take(1000)) != at, "part of a column still looks at it"
    del part
    assert place(buffers.take(1000)) == at


def test_arrays_have_the_shape_and_the_type_that_are_asked_for() -> None:
    buffers = _Buffers()
    for shape in (0, 7, (3, 5), (2, 0), (4, 3, 2)):
        for dtype in (np.uint8, np.int16, np.int64, np.complex128):
            array = buffers.empty(shape, dtype)
            assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
            assert array.dtype == dtype
            assert array.flags.c_contiguous
            assert array.flags.writeable


def test_what_nothing_uses_is_kept_up_to_a_bound() -> None:
    buffers, each = _Buffers(), _MOST_UNUSED // 8
    for size in range(each, 40 * each, each):  # one at a time, each of another size
        buffers.take(size)
    assert held(buffers) <= _MOST_UNUSED + 2 * 45 * each


def test_as_much_is_kept_as_was_in_use_at_once() -> None:
    buffers, each = _Buffers(), _MOST_UNUSED // 8
    taken = [buffers.take(each) for _ in range(32)]
    places = {place(array) for array in taken}
    del taken
    buffers.take(100)
    again = [buffers.take(each) for _ in range(32)]
    assert {place(array) for array in again} == places
    del again
    for _ in range(3):
        more = [buffers.take(2 * each) for _ in range(16)]
        del more
    assert held(buffers) <= 2 * 32 * each + 1000


def held(buffers: _Buffers) -> int:
    return sum(size * len(arrays) for size, arrays in buffers._arrays.items())


def test_no_two_threads_are_given_the_same_array() -> None:
    buffers, wrong = _Buffers(), []

    def work(number: int) -> None:
        for i in range(2000):
            array = buffers.empty(100, np.int64)
            array[:] = mine = number * 10_000 + i
            if (array != mine).any():
                wrong.append(mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
