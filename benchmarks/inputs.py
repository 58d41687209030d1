"""What the cases read: events in memory, NDJSON and access logs in files. Seeded: the same in every run."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.model import EVENT_TIME

BATCH_ROWS = 131_072
START = 1_772_323_200_000_000
"""2026-03-01T00:00:00Z, in µs."""
_SECOND = 1_000_000
_HOSTS, _PATHS, _TAILS = 20_000, 5_000, 60_000
_REQUESTS = 1_000
_BLOCK_ROWS = 32_768
_METHODS = ["GET"] * 86 + ["POST"] * 9 + ["HEAD"] * 3 + ["PUT", "DELETE"]
_PROTOCOLS = ["HTTP/1.1"] * 60 + ["HTTP/2.0"] * 36 + ["HTTP/1.0"] * 4
_STATUSES = [200] * 82 + [304] * 6 + [404] * 4 + [301] * 3 + [302] * 2 + [206, 403, 500]
_WORDS = (
    "images",
    "blog",
    "api",
    "v1",
    "products",
    "static",
    "js",
    "articles",
    "tags",
    "user",
    "search",
    "cart",
)


def events(count: int, keys: str, rate: int = 10_000, distinct: int = 1_000) -> pl.DataFrame:
    """Make `count` events in time order: columns `time`, `key` (`distinct` ones, at random) and `value`.

    `keys` is "int" or "string" (IPv4 addresses), `rate` events per second of event time, no two at once.
    """
    random = np.random.default_rng(20260301)
    step = _SECOND // rate
    times = START + np.arange(count) * step + random.integers(0, step, count)
    key = pl.Series(random.integers(0, distinct, count))
    if keys == "string":
        key = _addresses(distinct).gather(key)
    values = random.normal(100.0, 10.0, count)
    return pl.DataFrame({"time": pl.Series(times).cast(EVENT_TIME), "key": key, "value": values})


def batches(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut rows into the batches that penstock is fed with."""
    return list(rows.iter_slices(BATCH_ROWS))


def write_ndjson(path: Path, size: int) -> int:
    """Write about `size` bytes of JSON objects in time order, 10,000 a second; return how many."""
    tails = [
        f'"status":{status},"path":{json.dumps(name)},"agent":"{agent}"}}'
        for status, name, agent in _requests()
    ]
    return _write_events(path, size, ('{"time":"', '","key":"', '","value":', ","), tails)


def write_logfmt(path: Path, size: int) -> int:
    """Write about `size` bytes of logfmt, the same events; return how many lines."""
    tails = [f'status={status} path={name} agent="{agent}"' for status, name, agent in _requests()]
    return _write_events(path, size, ("time=", " key=", " value=", " "), tails)


def _requests() -> list[tuple[int, str, str]]:
    random = np.random.default_rng(20260302)
    paths = _paths(random)
    return [
        (int(random.choice(_STATUSES)), path, agent)
        for path, agent in zip(paths, _cycle(_agents(), _PATHS), strict=True)
    ]


def _write_events(path: Path, size: int, between: tuple[str, str, str, str], tails: list[str]) -> int:
    """Write lines of time, key and value, what stands before each and behind, and one of the tails."""
    random = np.random.default_rng(20260304)
    pool, hosts = pl.Series(tails), _addresses(1_000)

    def lines(first: int, count: int) -> pl.DataFrame:
        times = pl.Series(START + (first + np.arange(count)) * 100).cast(EVENT_TIME)
        values = pl.Series(random.normal(100.0, 10.0, count)).round(4).cast(pl.String)
        columns = {
            "time": between[0] + times.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
            "key": between[1] + hosts.gather(random.integers(0, len(hosts), count)),
            "value": between[2] + values + between[3],
            "tail": pool.gather(random.integers(0, len(pool), count)),
        }
        return pl.DataFrame(columns).select(pl.concat_str(pl.all()))

    return _write(path, size, lines)


def write_access_log(path: Path, size: int, odd: bool = True) -> int:
    """Write about `size` bytes of access log in the combined format; return how many lines.

    1,000 requests a second from 20,000 hosts, the n-th of which comes by 1/n (Zipf). As in real logs, every
    tenth line is out of order, by up to two seconds; requests that are no HTTP, escaped quotes and `-` for a
    size occur, and one line in 10,000 is cut short; not so if not `odd`.
    """
    random = np.random.default_rng(20260303)
    hosts, tails = _hosts(random), _tails(random, odd)
    weight = np.cumsum(1 / np.arange(1, _HOSTS + 1))

    def lines(first: int, count: int) -> pl.DataFrame:
        seconds = (first + np.arange(count)) // _REQUESTS - random.choice([0] * 18 + [1, 2], count)
        drawn = np.searchsorted(weight, random.random(count) * weight[-1])
        tail = tails.gather(random.integers(0, len(tails), count))
        whole = random.random(count) >= 1e-4 * odd
        return pl.DataFrame(
            {
                "host": hosts.gather(drawn),
                "time": _clock(seconds),
                "tail": pl.select(pl.when(pl.Series(whole)).then(tail)).to_series(),
            }
        )

    return _write(path, size, lines)


def _write(path: Path, size: int, lines: Callable[[int, int], pl.DataFrame]) -> int:
    count = 0
    with path.open("wb") as file:
        while file.tell() < size:
            lines(count, _BLOCK_ROWS).write_csv(
                file, include_header=False, separator=" ", quote_style="never", null_value='"GET /cut'
            )
            count += _BLOCK_ROWS
    return count


def _clock(seconds: NDArray[np.int64]) -> pl.Series:
    """Return seconds since the start as access logs write them; made once for each second."""
    first = int(seconds.min())
    each = pl.Series(START + np.arange(first, int(seconds.max()) + 1) * _SECOND).cast(EVENT_TIME)
    return each.dt.strftime("[%d/%b/%Y:%H:%M:%S +0000]").gather(seconds - first)


@functools.cache
def _addresses(count: int) -> pl.Series:
    parts = np.random.default_rng(7).choice(223 * 256 * 256 * 256, count, replace=False) + (1 << 24)
    return pl.Series(
        [".".join(str(part >> shift & 255) for shift in (24, 16, 8, 0)) for part in parts.tolist()]
    )


def _hosts(random: np.random.Generator) -> pl.Series:
    """Return the first three fields of a line: an address, now and then IPv6, and seldom a user's name."""
    names = _addresses(_HOSTS).to_list()
    for i in range(0, _HOSTS, 97):
        names[i] = f"2001:db8:{i:x}::{i * 7 % 65_521:x}"
    users = random.choice(["-"] * 98 + ["alice", "dave@example.com"], _HOSTS)
    return pl.Series([f"{name} - {user}" for name, user in zip(names, users, strict=True)])


def _tails(random: np.random.Generator, with_odd: bool) -> pl.Series:
    """Return what follows the time of a line: request, status, size, referer, agent."""
    sizes = np.exp(random.normal(8.5, 1.8, _TAILS)).astype(np.int64)
    paths = _cycle(_paths(random), _TAILS)
    referers = ["-"] * 60 + [f"https://www.example.com{path}" for path in paths[:200]]
    agents = _agents()
    tails = []
    for i, (path, size) in enumerate(zip(paths, sizes.tolist(), strict=True)):
        method, protocol, status, referer, agent = (
            choices[int(random.integers(len(choices)))]
            for choices in (_METHODS, _PROTOCOLS, _STATUSES, referers, agents)
        )
        odd = {
            0: r'"\x16\x03\x01\x02" 400 0 "-" "-"',
            1: f'"{method} {path} {protocol}" {status} {size} "{referer}" "Mozilla/5.0 (\\"x\\" \\\\ y)"',
            2: f'"{method} {path} {protocol}" {status} - "{referer}" "{agent}"',
            3: '"-" 408 - "-" "-"',
        }
        usual = f'"{method} {path} {protocol}" {status} {size} "{referer}" "{agent}"'
        tails.append(odd.get(i % 1_000, usual) if with_odd else usual)
    return pl.Series(tails)


def _paths(random: np.random.Generator) -> list[str]:
    paths = []
    for i in range(_PATHS):
        depth = int(random.integers(1, 5))
        path = "/" + "/".join(str(word) for word in random.choice(_WORDS, depth))
        paths.append(path + (f"?id={i}&page={i % 9}" if i % 4 == 0 else f"/{i}.html"))
    return paths


def _agents() -> list[str]:
    systems = ("X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7")
    browsers = [
        f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        for system in systems
        for version in range(90, 130)
    ]
    return [
        *browsers,
        "curl/8.8.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ]


def _cycle(items: list[str], count: int) -> list[str]:
    return [items[i % len(items)] for i in range(count)]
