"""Rows written as lines of bytes: CSV, logfmt, and the access log of a web server that never was.

Polars writes the lines, on all its threads; no Python runs per row.
"""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from penstock.codecs.time_texts import rfc3339_text

_PATHS = (
    "/",
    "/index.html",
    "/login",
    "/cart",
    "/search?q=turbine",
    "/api/v1/orders",
    "/static/site.css",
    "/images/logo.png",
)
_METHODS = ("GET", "GET", "POST", "GET", "GET", "POST", "GET", "GET")
_STATUSES = (*[200] * 54, *[304] * 5, *[404] * 3, *[301] * 2)
_PLANTED_STATUS = 500
_REFERERS = ("-", "https://www.example.com/", "https://search.example.net/?q=penstock", "-")
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
    " Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.5 Mobile/15E148 Safari/604.1",
    "curl/8.8.0",
)
_REQUESTS = pl.Series([f'"{method} {path} HTTP/1.1"' for method, path in zip(_METHODS, _PATHS, strict=True)])
_CLIENTS = pl.Series([f'"{referer}" "{agent}"' for referer in _REFERERS for agent in _AGENTS])
_MOST_BYTES = 2**53
_LOGFMT_QUOTED = r'[\x00-\x20\x7f"=]|^$'
_MIX = np.uint64(0x9E3779B97F4A7C15)


def csv(frame: pl.DataFrame, header: bool) -> bytes:
    """Write rows as CSV (RFC 4180, but with LF), with a line of column names before them if `header`.

    Times are RFC 3339 in UTC with six decimals and `Z`; a time without a zone is taken to be in UTC. Null
    is an empty field, an empty string is `""`. A nested column (list, struct) or a binary one is a
    polars ComputeError.
    """
    in_utc = frame.with_columns(cs.datetime(time_zone="*").dt.convert_time_zone("UTC"))
    written = io.BytesIO()
    in_utc.write_csv(written, include_header=header, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
    return written.getvalue()


def logfmt(frame: pl.DataFrame) -> bytes:
    """Write rows as logfmt, `key=value` for every column in a line each; what is null is left out.

    Times are RFC 3339 in UTC with six decimals and `Z`. A text is in quotes, with JSON's escapes, where it
    has to be. Columns are named by the keys as they are; nested ones are a polars ComputeError.
    """
    pairs = [f"{name}=" + _logfmt_text(frame[name]) for name in frame.columns]
    lines = pl.DataFrame([pair.alias(str(i)) for i, pair in enumerate(pairs)])
    return _lines(lines.select(pl.concat_str(pl.all(), separator=" ", ignore_nulls=True)))


def combined(frame: pl.DataFrame, key: str = "key", value: str = "value") -> bytes:
    """Write synthetic rows as an Apache combined access log, a line each.

    Takes of the columns of `sources.Synthetic` `time` (cut to whole seconds), `key` (the number at its end
    becomes the host: `key-0258` is 10.0.1.2, distinct below 2^24 keys), `value` (rounded, at least 0: the
    bytes) and `planted` (status 500). No nulls. Request, status, referer and agent are drawn by a hash of
    the row's time and value, so that a row gives the same line wherever it stands.
    """
    drawn = _draws(frame["time"], frame[value])
    columns = {
        "host": _hosts(frame[key]),
        "time": _times(frame["time"]),
        "request": _REQUESTS.gather(drawn & 7),
        "status": _statuses(frame["planted"], drawn >> 3 & 63),
        "bytes": frame[value].cast(pl.Float64).clip(0, _MOST_BYTES).round().cast(pl.Int64),
        "client": _CLIENTS.gather(drawn >> 9 & 15),
    }
    return _lines(pl.DataFrame(columns))


def _lines(fields: pl.DataFrame) -> bytes:
    """Write fields that need no quotes, with a space between."""
    # BytesIO: asked for a string, Polars would copy and decode what is encoded and copied again here.
    written = io.BytesIO()
    fields.write_csv(written, include_header=False, separator=" ", quote_style="never")
    return written.getvalue()


def _logfmt_text(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        return rfc3339_text(column)
    text = column.cast(pl.String)
    if column.dtype != pl.String:
        return text
    quoted = text.str.contains(_LOGFMT_QUOTED).fill_null(False)
    if not quoted.any():
        return text
    # What JSON would write of an object {"t": text}, without what is around the text.
    escaped = text.alias("t").to_frame().select(pl.struct("t").struct.json_encode().str.slice(5))
    return escaped.to_series().str.head(-1).zip_with(quoted, text)


def _draws(times: pl.Series, values: pl.Series) -> NDArray[np.uint64]:
    """Return 13 well-mixed bits for each row, shape (n,): the top of a Fibonacci hash of time and value."""
    time = times.dt.epoch("us").to_numpy().astype(np.uint64)
    value = values.cast(pl.Float64).to_numpy().view(np.uint64)
    mixed = (time * _MIX ^ value) * _MIX
    return mixed >> np.uint64(51)


def _hosts(keys: pl.Series) -> pl.Series:
    """Return `10.0.1.2 - -` for `key-0258`."""
    distinct = keys.unique()
    number = distinct.str.extract(r"(\d+)$").cast(pl.Int64).alias("number")
    octets = [pl.col("number") // 2**shift % 256 for shift in (16, 8, 0)]
    hosts = pl.select(pl.lit(number)).select(pl.format("10.{}.{}.{} - -", *octets)).to_series()
    return keys.replace_strict(distinct, hosts)


def _times(times: pl.Series) -> pl.Series:
    """Return `[17/May/2015:10:05:03 +0000]`; Polars' `%b` is English under every locale.

    Made once for each second: at 1,000 rows a second that is four times as fast as for each row.
    """
    seconds = times.dt.convert_time_zone("UTC").dt.truncate("1s")
    distinct = seconds.unique()
    return seconds.replace_strict(distinct, distinct.dt.strftime("[%d/%b/%Y:%H:%M:%S +0000]"))


def _statuses(planted: pl.Series, drawn: NDArray[np.integer]) -> NDArray[np.int64]:
    ordinary = np.array(_STATUSES)[drawn]
    return np.where(planted.to_numpy(), _PLANTED_STATUS, ordinary)
