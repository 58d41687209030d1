r"""Lines of Docker's json-file log driver: `{"log":"a message\n","stream":"stdout","time":"2019-01-01T..."}`.

https://docs.docker.com/engine/logging/drivers/json-file/
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from penstock.codecs.ndjson import NdJson
from penstock.fields import description
from penstock.model import EVENT_TIME, OFFSET
from penstock.text import Decoded, Decoder, Text

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
        return _DockerDecoder(NdJson(schema=_MEMBERS).decoder(sample))


class _DockerDecoder:
    schema = pl.Schema(
        {
            "time": EVENT_TIME,
            "stream": pl.String(),
            "partial": pl.Boolean(),
            "log": pl.String(),
            "attrs": pl.String(),
        }
    )

    def __init__(self, objects: Decoder) -> None:
        self._objects = objects

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn lines into rows and rejects; see `Decoder.decode`."""
        read = self._objects.decode(text, start)
        log = pl.col("log")
        partial = log.str.ends_with("\n").not_().alias("partial")
        rows = read.rows.select("time", "stream", partial, log.str.strip_suffix("\n"), "attrs", OFFSET)
        return Decoded(rows, read.rejects)
