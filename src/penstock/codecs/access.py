"""Access logs of Apache and nginx: the `common` and the `combined` format.

The formats are those of Apache's mod_log_config (https://httpd.apache.org/docs/2.4/logs.html):
`%h %l %u %t "%r" %>s %b`, and for combined also `"%{Referer}i" "%{User-agent}i"`.
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from penstock.codecs.lines import BLANK, NO_REJECTS, NOT_UTF8, lines_of, rejected
from penstock.codecs.text import utf8_text
from penstock.fields import description
from penstock.model import EVENT_TIME, OFFSET, Decoded, joined

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMMON = (
    r"^(\S+) (\S+) (\S+) "
    r"\[([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4})\] "
    rf"{_QUOTED} ([0-9]{{3}}|-) ([0-9]+|-)"  # \d would be the digits of every script
)
_COMMON_SCHEMA = joined(
    {
        "host": pl.String,
        "ident": pl.String,
        "user": pl.String,
        "time": EVENT_TIME,
        "method": pl.String,
        "path": pl.String,
        "protocol": pl.String,
        "status": pl.Int16,
        "bytes": pl.Int64,
    }
)
_COMBINED_SCHEMA = joined(_COMMON_SCHEMA, {"referer": pl.String, "user_agent": pl.String})
_REQUEST = r"^([A-Z][A-Z_-]*) (.*) (HTTP/[0-9](?:\.[0-9])?)$"
_TIME = "%d/%b/%Y:%H:%M:%S %z"


class _AccessDecoder:
    def __init__(self, pattern: str, schema: pl.Schema) -> None:
        self._pattern = pattern
        self.schema = schema

    def decode(self, data: bytes, start: int) -> Decoded:
        lines = lines_of(data, start)
        lines = lines.with_columns(utf8_text(lines["raw"]).alias("text"))
        parts = pl.col("text").str.extract_groups(self._pattern).alias("parts")
        rows = (
            lines.select(OFFSET, "raw", "text", parts)
            .unnest("parts")
            .with_columns(
                pl.col("4").str.to_datetime(_TIME, time_unit="us", strict=False).alias("time"),
                pl.col("7").cast(pl.Int64, strict=False).alias("bytes"),
            )
        )
        # The pattern has matched where the time's text is; what is then still null did not convert.
        unread = pl.col("time").is_null() | (pl.col("bytes").is_null() & (pl.col("7") != "-"))
        bad = rows.filter(unread)
        good = rows.filter(~unread) if len(bad) else rows
        reason = (
            pl.when(pl.col("raw").bin.size() == 0)
            .then(pl.lit(BLANK))
            .when(pl.col("text").is_null())
            .then(pl.lit(NOT_UTF8))
            .when(pl.col("4").is_null())
            .then(pl.lit("not an access log line"))
            .when(pl.col("time").is_null())
            .then(pl.format("not a time: {}", pl.col("4")))
            .otherwise(pl.format("not a size in bytes: {}", pl.col("7")))
        )
        return Decoded(self._columns(good), rejected(bad, reason) if len(bad) else NO_REJECTS)

    def _columns(self, rows: pl.DataFrame) -> pl.DataFrame:
        request = pl.col("5").str.extract_groups(_REQUEST).alias("request")
        whole = rows.with_columns(request).with_columns(
            pl.col("request").struct.field("1").alias("method"),
            # What is no HTTP request (a TLS handshake, a scan) is kept whole, as the path.
            pl.coalesce(pl.col("request").struct.field("2"), "5").alias("path"),
            pl.col("request").struct.field("3").alias("protocol"),
        )
        names = {"1": "host", "2": "ident", "3": "user", "8": "referer", "9": "user_agent"}
        renamed = whole.rename({old: new for old, new in names.items() if old in whole.columns})
        return renamed.with_columns(
            pl.col("6").cast(pl.Int16, strict=False).alias("status"),
            *(
                pl.when(pl.col(name) != "-").then(pl.col(name)).alias(name)
                for name, dtype in self.schema.items()
                if dtype == pl.String and name not in ("method", "protocol")
            ),
        ).select(*self.schema.names(), OFFSET)


@description
class Common:
    """Access log lines of Apache and nginx in the common format.

    Columns: host, ident, user, time, method, path, protocol, status, bytes; `-` is null. A request that is
    not HTTP stands whole in `path`, with a null method and protocol. Quoted fields keep their escapes.
    """

    EXAMPLE: ClassVar[str] = 'type = "common"'

    def decoder(self, sample: bytes) -> _AccessDecoder:
        """Make a decoder; the sample is not needed."""
        del sample
        return _AccessDecoder(f"{_COMMON}$", _COMMON_SCHEMA)


@description
class Combined:
    """Access log lines of Apache and nginx in the combined format.

    The columns of `common`, and referer and user_agent, which are null on a line in the common format.
    """

    EXAMPLE: ClassVar[str] = 'type = "combined"'

    def decoder(self, sample: bytes) -> _AccessDecoder:
        """Make a decoder; the sample is not needed."""
        del sample
        return _AccessDecoder(f"{_COMMON}(?: {_QUOTED} {_QUOTED})?$", _COMBINED_SCHEMA)
