"""The building blocks of the kernels that read text: wide loads, searches 64 bytes at a time, Arrow views.

A text is an array of bytes with 128 bytes behind its end that may be read, and each of its lines ends with
a newline (the last one's may stand right behind the end). So a search that also stops at newlines never needs
to ask where the text ends. Nothing here checks bounds unless Numba is told to (NUMBA_BOUNDSCHECK=1).

The compares are written as vectors of 64 bytes; LLVM makes of them what the machine has (AVX-512, AVX2, SSE2,
NEON). After "SIMD-based parsing": G. Langdale, D. Lemire, Parsing Gigabytes of JSON per Second, 2019.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.cpython.unsafe.numbers import trailing_zeros as _trailing_zeros
from numba.extending import intrinsic
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part

_CHECKED = bool(config.BOUNDSCHECK)
_I8, _I64 = ir.IntType(8), ir.IntType(64)
_WIDE = ir.VectorType(_I8, 64)
_NONE = np.uint64(0)
_INLINE = 12
"""An Arrow view holds a text of up to so many bytes itself."""


def _address(context, builder, kind, array, at):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [at])


@intrinsic
def _load_word(typing, data, at):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        place = _address(context, builder, signature.args[0], *arguments)
        loaded = builder.load(builder.bitcast(place, _I64.as_pointer()))
        loaded.align = 1
        return loaded

    return types.uint64(data, types.int64), generate


@intrinsic
def _store_word(typing, data, at, value):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        place = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(place, _I64.as_pointer())).align = 1
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), generate


def _matcher(*wanted: int):  # type: ignore[no-untyped-def] # noqa: ANN202
    """Make an intrinsic that says which of 64 bytes are one of `wanted`; -1 stands for all above 127."""

    @intrinsic
    def match(typing, data, at):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
            place = _address(context, builder, signature.args[0], *arguments)
            loaded = builder.load(builder.bitcast(place, _WIDE.as_pointer()))
            loaded.align = 1
            found = None
            for byte in wanted:
                if byte < 0:
                    one = builder.icmp_signed("<", loaded, ir.Constant(_WIDE, [0] * 64))
                else:
                    one = builder.icmp_unsigned("==", loaded, ir.Constant(_WIDE, [byte] * 64))
                found = one if found is None else builder.or_(found, one)
            return builder.bitcast(found, _I64)

        return types.uint64(data, types.int64), generate

    return match


_newlines = _matcher(10)
_spaces = _matcher(32, 10)
_quotes = _matcher(34, 10)
_quotes_or_escapes = _matcher(34, 92, 10)
_equals = _matcher(61, 32, 10)
_escapes = _matcher(92, 10)
_high = _matcher(-1)


@intrinsic
def _count_ones(typing, value):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        return builder.call(builder.module.declare_intrinsic("llvm.ctpop", [_I64]), arguments)

    return types.uint64(types.uint64), generate


@intrinsic
def _match_two(typing, data, at, first, second):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Say which of 64 bytes are a newline or one of two that are known only when it runs."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        place = _address(context, builder, signature.args[0], *arguments[:2])
        loaded = builder.load(builder.bitcast(place, _WIDE.as_pointer()))
        loaded.align = 1
        found = builder.icmp_unsigned("==", loaded, ir.Constant(_WIDE, [10] * 64))
        nowhere = ir.Constant(_WIDE, ir.Undefined)
        to_all = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
        for byte in arguments[2:]:
            one = builder.insert_element(nowhere, byte, ir.Constant(ir.IntType(32), 0))
            everywhere = builder.shuffle_vector(one, nowhere, to_all)
            found = builder.or_(found, builder.icmp_unsigned("==", loaded, everywhere))
        return builder.bitcast(found, _I64)

    return types.uint64(data, types.int64, types.uint8, types.uint8), generate


@part
def _check(data: NDArray[np.uint8], at: int, size: int) -> None:
    if _CHECKED and (at < 0 or at + size > data.shape[0]):
        raise IndexError("a wide load out of bounds")


@part
def first_bit(mask: np.uint64) -> int:
    """Return the number of the lowest bit that is set; `mask` is not 0."""
    return np.int64(_trailing_zeros(mask))


@part
def word(data: NDArray[np.uint8], at: int) -> np.uint64:
    """Return the 8 bytes from `at` on, the first one lowest."""
    _check(data, at, 8)
    return _load_word(data, at)


@part
def put_word(data: NDArray[np.uint8], at: int, value: np.uint64) -> None:
    """Write 8 bytes from `at` on, the lowest first."""
    _check(data, at, 8)
    _store_word(data, at, value)


@part
def find_newline(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next newline, from `at` on."""
    _check(data, at, 64)
    found = _newlines(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = _newlines(data, at)
    return at + first_bit(found)


@part
def find_space(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next space or newline, from `at` on."""
    _check(data, at, 64)
    found = _spaces(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = _spaces(data, at)
    return at + first_bit(found)


@part
def find_quote(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next double quote or newline, from `at` on."""
    _check(data, at, 64)
    found = _quotes(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = _quotes(data, at)
    return at + first_bit(found)


@part
def find_quote_or_escape(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next double quote, backslash or newline, from `at` on."""
    _check(data, at, 64)
    found = _quotes_or_escapes(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = _quotes_or_escapes(data, at)
    return at + first_bit(found)


@part
def find_escape(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next backslash or newline, from `at` on."""
    _check(data, at, 64)
    found = _escapes(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = _escapes(data, at)
    return at + first_bit(found)


@part
def find_equals(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next equals sign, space or newline, from `at` on."""
    _check(data, at, 64)
    found = _equals(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = _equals(data, at)
    return at + first_bit(found)


@part
def separators(data: NDArray[np.uint8], at: int, first: np.uint8, second: np.uint8) -> np.uint64:
    """Return which of the 64 bytes from `at` on are a newline, `first` or `second`, from the lowest bit on."""
    _check(data, at, 64)
    return _match_two(data, at, first, second)


@kernel
def survey(data: NDArray[np.uint8], start: int, stop: int) -> tuple[int, bool]:
    """Return how many newlines there are in `data[start:stop]`, and whether all bytes are ASCII."""
    newlines, high = np.uint64(0), _NONE
    at = start
    while at + 64 <= stop:
        newlines += _count_ones(_newlines(data, at))
        high |= _high(data, at)
        at += 64
    if at < stop:
        _check(data, at, 64)
        rest = (np.uint64(1) << np.uint64(stop - at)) - np.uint64(1)
        newlines += _count_ones(_newlines(data, at) & rest)
        high |= _high(data, at) & rest
    return np.int64(newlines), high == _NONE


@kernel
def last_newline(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Return the place of the last newline in `data[start:stop]`, -1 if there is none."""
    at = stop - 1
    while at >= start:
        if data[at] == 10:
            return at
        at -= 1
    return -1


@part
def digits(value: np.uint64) -> tuple[int, int]:
    """Return the number that the leading ASCII digits of 8 bytes are, and how many there are, 0 to 8."""
    # Each step joins neighbours: digits to pairs, pairs to fours, fours to eight.
    flat = value ^ np.uint64(0x3030303030303030)
    other = ((flat + np.uint64(0x7676767676767676)) | flat) & np.uint64(0x8080808080808080)
    if other == _NONE:
        count = 8
    else:
        count = first_bit(other) >> 3
        if count == 0:
            return 0, 0
        flat <<= np.uint64(64 - 8 * count)
    flat = flat * np.uint64(10) + (flat >> np.uint64(8))
    low = (flat & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    high = ((flat >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return np.int64(((low + high) >> np.uint64(32)) & np.uint64(0xFFFFFFFF)), count


@part
def low_bytes(value: np.uint64, count: int) -> np.uint64:
    """Return `value` with all but its lowest `count` bytes, 0 to 8, put to 0."""
    if count >= 8:
        return value
    return value & ((np.uint64(1) << np.uint64(8 * count)) - np.uint64(1))


@part
def put_view(
    views: NDArray[np.uint64], column: int, row: int, data: NDArray[np.uint8], start: int, stop: int, buffer: int
) -> None:
    """Make `views[column, row]`, of shape (2,), the Arrow view of `data[start:stop]`, `data` being buffer number `buffer`.

    By Arrow's columnar format: 4 bytes of length, then up to 12 bytes of the text itself, or its first 4, the
    buffer's number and the place in it. `data` is shorter than 2 GiB.
    """
    size = stop - start
    first = word(data, start)
    if size > _INLINE:
        views[column, row, 0] = np.uint64(size) | (first << np.uint64(32))
        views[column, row, 1] = np.uint64(buffer) | (np.uint64(start) << np.uint64(32))
    else:
        views[column, row, 0] = np.uint64(size) | (low_bytes(first, min(size, 4)) << np.uint64(32))
        views[column, row, 1] = low_bytes(word(data, start + 4), max(size - 4, 0))


@part
def clear_bit(bits: NDArray[np.uint8], column: int, row: int) -> None:
    """Mark a row as null in the bitmap `bits[column]`, by Arrow's order of bits."""
    bits[column, row >> 3] &= np.uint8(~(1 << (row & 7)) & 0xFF)
