"""Which pieces of a buffer are UTF-8."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel


@kernel
def utf8_pieces(
    data: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64], valid: NDArray[np.bool_]
) -> None:
    """Fill `valid` with whether each `data[start:stop]` is UTF-8; the other arrays have shape (n,)."""
    for piece in range(starts.shape[0]):
        valid[piece] = is_utf8(data[starts[piece] : stops[piece]])


@kernel
def is_utf8(text: NDArray[np.uint8]) -> bool:
    """Say whether `text` is UTF-8 as RFC 3629 has it: no surrogates, nothing overlong, up to U+10FFFF."""
    seen = np.uint8(0)
    # Without an early return this loop runs on vector registers; most lines of most logs end here.
    for byte in text:
        seen |= byte
    if seen < 0x80:
        return True
    at, stop = 0, text.shape[0]
    while at < stop:
        byte = text[at]
        at += 1
        if byte < 0x80:
            continue
        if byte < 0xC2 or byte > 0xF4:
            return False
        low, high = 0x80, 0xBF
        if byte == 0xE0:
            low = 0xA0
        elif byte == 0xED:
            high = 0x9F
        elif byte == 0xF0:
            low = 0x90
        elif byte == 0xF4:
            high = 0x8F
        for _ in range(1 + (byte >= 0xE0) + (byte >= 0xF0)):
            if at == stop or text[at] < low or text[at] > high:
                return False
            low, high = 0x80, 0xBF
            at += 1
    return True
