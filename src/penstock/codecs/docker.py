r"""Lines of Docker's json-file log driver: `{"log":"a message\n","stream":"stdout","time":"2019-01-01T..."}`.

https://docs.docker.com/engine/logging/drivers/json-file/
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import polars as pl

from penstock.codecs.columns import are_few
from penstock.codecs.json_columns import JsonDecoder
from penstock.fields import description
from penstock.model import EVENT_TIME, OFFSET
from penstock.strings import owned
from penstock.text import Decoded, Text

_MEMBERS = {"log": "string", "stream": "string", "attrs": "string", "time": "timestamp"}


@description
class Docker:
    """Lines of Docker's json-file log driver, as in /var/lib/docker/containers.

    Columns: `time`, `stream` (stdout or stderr), `partial`, `log` and `attrs`. `log` is the line as the
    container wrote it, without its newline; `partial` is true where there was none, as Docker cuts long
    lines: the next `log` of the same stream goes on with it. The parts are rows of their own. `attrs` is the
    JSON text of the labels and variables that the driver was told to add. What a line lacks is null.
    """

    EXAMPLE: ClassVar[str] = 'type = "docker"'

    def decoder(self, sample: bytes) -> _DockerDecoder:
        """Make a decoder; the sample is not needed."""
        del sample
        return _DockerDecoder()


_COLUMNS = {
    "time": EVENT_TIME,
    "stream": pl.String(),
    "partial": pl.Boolean(),
    "log": pl.String(),
    "attrs": pl.String(),
}


class _DockerDecoder:
    def __init__(self, columns: Collection[str] = _COLUMNS) -> None:
        self.schema = pl.Schema({name: of for name, of in _COLUMNS.items() if name in columns})
        self._few = are_few(self.schema, _COLUMNS)
        read = {"log" if name == "partial" else name for name in self.schema}
        self._objects = JsonDecoder(_MEMBERS, read, self._few)

    def only(self, columns: Collection[str]) -> _DockerDecoder:
        """Return a decoder of these columns alone; see `Selective.only`."""
        return _DockerDecoder(columns)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn lines into rows and rejects; see `Decoder.decode`."""
        read = self._objects.decode(text, start)
        log = pl.col("log")
        made = {"partial": log.str.ends_with("\n").not_(), "log": log.str.strip_suffix("\n")}
        rows = read.rows.select(*(made.get(name, pl.col(name)).alias(name) for name in self.schema), OFFSET)
        return Decoded(owned(rows) if self._few else rows, read.rejects)
