r"""The structured data of RFC 5424: elements `[name parameter="value" ...]` and the escapes in values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import find_quote_or_escape

_SPACE, _QUOTE, _EQUALS, _OPEN, _BACKSLASH, _CLOSE = 32, 34, 61, 91, 92, 93


@kernel
def data_end(
    text: NDArray[np.uint8],
    at: int,
    head: int,
    wanted: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    spans: NDArray[np.int64],
    first: int,
) -> int:
    """Return where the elements end that begin at `at`, -1 if they are malformed; `head` is the line's end.

    Parameter i is asked for by its element's name, `wanted[bounds[2 * i]:bounds[2 * i + 1]]`, and its own,
    from there to `bounds[2 * i + 2]`. Row `first + i` of `spans`, shape (.., 3), gets where its last value
    begins and ends and whether it has a backslash in it.
    """
    while at < head and text[at] == _OPEN:
        element = at + 1
        element_end = _name_end(text, element, head)
        at = element_end
        while element < at < head and text[at] == _SPACE:
            name = at + 1
            name_end = _name_end(text, name, head)
            value = name_end + 2
            if name_end == name or value > head or text[name_end] != _EQUALS or text[name_end + 1] != _QUOTE:
                return -1
            escapes = False
            at = find_quote_or_escape(text, value)
            while at < head and text[at] == _BACKSLASH:
                escapes = True
                if at + 1 >= head:
                    return -1
                at = find_quote_or_escape(text, at + 2)
            if at >= head:
                return -1
            for i in range((bounds.shape[0] - 1) // 2):
                middle = bounds[2 * i + 1]
                if _equal(text, name, name_end, wanted, middle, bounds[2 * i + 2]) and _equal(
                    text, element, element_end, wanted, bounds[2 * i], middle
                ):
                    spans[first + i, 0], spans[first + i, 1], spans[first + i, 2] = value, at, escapes
            at += 1
        if element_end == element or at >= head or text[at] != _CLOSE:
            return -1
        at += 1
    return at


@kernel
def unescape_parameter(
    text: NDArray[np.uint8], start: int, stop: int, out: NDArray[np.uint8], at: int
) -> int:
    r"""Write `text[start:stop]` without its escapes to `out` from `at` on; return where it ends.

    A backslash before another character than `"`, `\` and `]` is no escape (RFC 5424, 6.3.3).
    """
    while start < stop:
        if text[start] == _BACKSLASH and start + 1 < stop:
            after = text[start + 1]
            if after in (_QUOTE, _BACKSLASH, _CLOSE):
                start += 1
        out[at] = text[start]
        start, at = start + 1, at + 1
    return at


@part
def _name_end(text: NDArray[np.uint8], at: int, head: int) -> int:
    while at < head:
        byte = text[at]
        if byte in (_SPACE, _CLOSE, _EQUALS, _QUOTE):
            break
        at += 1
    return at


@part
def _equal(
    text: NDArray[np.uint8], start: int, stop: int, other: NDArray[np.uint8], first: int, last: int
) -> bool:
    if stop - start != last - first:
        return False
    for place in range(stop - start):  # noqa: SIM110
        if text[start + place] != other[first + place]:
            return False
    return True
