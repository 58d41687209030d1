"""What a line of JSON is by the json of Python: a row of some columns, or no row and why."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fractions import Fraction

import polars as pl

from penstock.model import EVENT_TIME
from penstock.text import Decoded
from readings import micros_of
from texts import decoded

SURROGATE = re.compile("[\ud800-\udfff]")
MICROS = {
    "timestamp[s]": 1_000_000,
    "timestamp[ms]": 1_000,
    "timestamp[us]": 1,
    "timestamp[ns]": Fraction(1, 1000),
}
NESTED, NO_JSON, NO_OBJECT = "nested", "not JSON", "not a JSON object"


class Whole(str):
    """A number without point and exponent, as it is written."""


class Broken(str):
    """Any other number, NaN and the infinities too."""


class Pairs(list):
    """The members of an object, in their order, one that stands twice twice."""


def parsed(text: str) -> object:
    return json.loads(
        text, parse_int=Whole, parse_float=Broken, parse_constant=Broken, object_pairs_hook=Pairs
    )


def plain(text: str) -> str:
    return SURROGATE.sub("\ufffd", text)


def row_of(line: str, types: Mapping[str, str]) -> dict[str, object] | str:
    """Return the values of a line's columns, of a nested one (NESTED, value), or why it is a reject."""
    try:
        members = parsed(line)
    except (ValueError, RecursionError):
        return NO_JSON
    if not isinstance(members, Pairs):
        return NO_OBJECT
    row = {}
    for name, of in types.items():
        value = member_of(members, name)
        if value is not None:
            value = value_of(value, of)
            if value is None:
                return name
        row[name] = value
    return row


def last(members: Pairs, name: str) -> tuple[int, object]:
    found = [(place, value) for place, (key, value) in enumerate(members) if plain(key) == name]
    return found[-1] if found else (-1, None)


def member_of(members: Pairs, name: str) -> object:
    """Return the member `name`, or the member `b` of the member `a` for `a.b`: the last one of these."""
    found = [last(members, name)]
    for at in (at for at, letter in enumerate(name) if letter == "."):
        place, outer = last(members, name[:at])
        if isinstance(outer, Pairs):
            inside, value = last(outer, name[at + 1 :])
            if inside >= 0:
                found.append((place, value))
    return max(found, key=lambda each: each[0])[1]


def value_of(value: object, of: str) -> object:  # noqa: PLR0911
    """Return a value as its column has it (times in µs), None if it is not of the column's type."""
    number = isinstance(value, Whole | Broken)
    if of == "string":
        if number:
            return str(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return plain(value) if isinstance(value, str) else (NESTED, value)
    if of == "bool":
        return value if isinstance(value, bool) else None
    if of == "timestamp":
        return micros_of(value) if isinstance(value, str) and not number else None
    if not number:
        return None
    if of == "float64":
        return float(value)
    if isinstance(value, Whole):
        exact = int(value) if len(value) < 30 else 2**99
        if of != "int64" and -(2**63) <= exact < 2**63:
            exact = int(exact * MICROS[of] // 1)
            return exact if abs(exact) < 2**63 else None
        return exact if -(2**63) <= exact < 2**63 else None
    if of in ("timestamp[s]", "timestamp[ms]"):
        micros = float(value) * MICROS[of]
        return round(micros) if abs(micros) < 2**63 else None
    return None


def check(lines: list[str], types: Mapping[str, str], decoder: object, start: int = 0) -> Decoded:
    """Decode lines, all at once: each must be the row or the reject that it is by Python."""
    got = decoded(decoder, "\n".join(lines).encode() + b"\n", start)
    rows = iter(got.rows.with_columns(pl.col(EVENT_TIME).to_physical()).rows(named=True))
    rejects = iter(got.rejects.rows())
    row, reject, offset = next(rows, None), next(rejects, None), start
    for line in lines:
        want = row_of(line, types)
        if isinstance(want, str):
            assert reject is not None, f"a row: {line!r}"
            at, raw, reason = reject
            assert (at, raw) == (offset, line.removesuffix("\r").encode()), line
            check_reason(line, want, reason, types)
            reject = next(rejects, None)
        else:
            assert row is not None, f"a reject: {line!r}"
            assert row.pop("_offset") == offset, line
            assert row.keys() == want.keys()
            for name, value in want.items():
                assert same(row[name], value, line), f"{name}: {row[name]!r}, not {value!r}, in {line!r}"
            row = next(rows, None)
        offset += len(line.encode()) + 1
    assert row is None
    assert reject is None
    return got


def check_reason(line: str, want: str, reason: str, types: Mapping[str, str]) -> None:
    blank = not line.strip(" \t\r")
    if want == NO_JSON:
        assert reason.startswith("not JSON: ") or reason in (NO_OBJECT, "nested deeper than 1000") or blank, (
            line
        )
    elif want == NO_OBJECT:
        assert reason == NO_OBJECT, line
    else:
        an = "an" if types[want] == "int64" else "a"
        assert reason == f'column "{want}": not {an} {types[want]}', line
    assert blank == (reason == "an empty line"), line


def same(value: object, want: object, line: str) -> bool:
    if isinstance(want, tuple):
        return isinstance(value, str) and value in line and value[0] in "{[" and parsed(value) == want[1]
    return type(value) is type(want) and repr(value) == repr(want)  # repr: floats to the bit
