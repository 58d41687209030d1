"""Lines of Kubernetes' container runtimes, on a kernel.

The format is that of the Container Runtime Interface
(https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md):
time, stream and tags, and the line as the container wrote it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import numpy as np
import polars as pl

from penstock.codecs.columns import (
    are_few,
    bitmaps,
    bool_column,
    frame,
    own_frame,
    text_column,
    time_column,
)
from penstock.codecs.records import BLANK, rejects_at
from penstock.fields import description
from penstock.kernels import cri as kernel
from penstock.model import EVENT_TIME
from penstock.text import Decoded, Text

_REASONS = {
    kernel.BLANK: BLANK,
    kernel.NOT_A_LINE: "not a line of a container runtime",
    kernel.NOT_A_TIME: "not a time",
}


@description
class Cri:
    """Lines of Kubernetes' container runtimes (CRI: containerd, CRI-O), as in /var/log/pods.

    Columns: `time`, `stream` (stdout or stderr), `partial` and `message`. `partial` is true where the runtime
    cut a long line: the next message of the same stream goes on with it. The parts are rows of their own.
    """

    EXAMPLE: ClassVar[str] = 'type = "cri"'

    def decoder(self, sample: bytes) -> _CriDecoder:
        """Make a decoder; the sample is not needed."""
        del sample
        return _CriDecoder()


_COLUMNS = {"time": EVENT_TIME, "stream": pl.String(), "partial": pl.Boolean(), "message": pl.String()}
_TEXTS = {"stream": kernel.STREAM, "message": kernel.MESSAGE}


class _CriDecoder:
    def __init__(self, columns: Collection[str] = _COLUMNS) -> None:
        self.schema = pl.Schema({name: of for name, of in _COLUMNS.items() if name in columns})
        self._wanted = sum(1 << place for name, place in _TEXTS.items() if name in columns)
        self._frame = own_frame if are_few(self.schema, _COLUMNS) else frame

    def only(self, columns: Collection[str]) -> _CriDecoder:
        """Return a decoder of these columns alone; see `Selective.only`."""
        return _CriDecoder(columns)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn lines into rows and rejects; see `Decoder.decode`."""
        lines = text.count
        times, offsets = np.empty(lines, np.int64), np.empty(lines, np.int64)
        views, partial = np.empty((2, lines, 2), np.uint64), bitmaps(1, lines)
        bad, codes = np.empty((lines, 2), np.int64), np.empty(lines, np.uint8)
        rows, refused = kernel.parse_cri(
            text.buffer, start, text.size, self._wanted, times, offsets, views, partial, bad, codes
        )
        columns = {
            "time": time_column(times, rows),
            "partial": bool_column(partial[0], rows),
            **{name: text_column(views[at], rows, None, text.buffer) for name, at in _TEXTS.items()},
        }
        wanted = {name: columns[name] for name in self.schema}
        rejects = rejects_at(text, start, bad[:refused], codes[:refused], _REASONS)
        return Decoded(self._frame(wanted, offsets, rows), rejects)
