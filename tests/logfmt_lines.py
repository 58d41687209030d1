"""What Python's `re` makes of a line of logfmt: the oracle. No code of ours."""

from __future__ import annotations

import re

from readings import bool_of, float_of, int_of, micros_of, unescaped

SEPARATOR = r"\x00-\x20"
PAIR = re.compile(rf'([^{SEPARATOR}="]*)(?:(=)(?:"((?:[^"\\]|\\.)*)"|([^{SEPARATOR}"]*)))?', re.DOTALL)
ONES = {"s": 1_000_000.0, "ms": 1_000.0}


def pairs_of(line: str) -> dict[str, str | bool] | str:
    """Return the last value of each key, as it is written, True for none; or why it is no line."""
    found: dict[str, str | bool] = {}
    at, equals = 0, 0
    while at < len(line):
        if line[at] <= " ":
            at += 1
            continue
        match = PAIR.match(line, at)
        key, equal, quoted, plain = match.groups()
        at = match.end()
        behind = line[at : at + 1]
        if not equal and behind == '"':
            return "a quote in a key"
        if not key:
            return "an equals sign without a key"
        if equal and quoted is None and behind == '"':
            return (
                "a quoted value without an end"
                if not plain
                else "a quote in a value that does not begin with one"
            )
        if behind > " ":
            return "more right behind a quoted value"
        equals += bool(equal)
        found[key] = True if not equal else plain if quoted is None else f'"{quoted}"'
    if not equals:
        return "no key=value pair" if line else "an empty line"
    return found


def value_of(text: str, of: str) -> object:
    if of in ("int64", "timestamp[us]", "timestamp[ns]"):
        number = int_of(text)
        if of == "timestamp[us]" and number == -(2**63):
            return None
        return number if number is None or of != "timestamp[ns]" else number // 1000
    if of == "timestamp":
        return micros_of(text)
    if of == "bool":
        return bool_of(text)
    double = float_of(text)
    if double is None or of == "float64":
        return double if double is None else double.hex()
    micros = double * ONES[of[10:-1]]
    return round(micros) if -9.2e18 < micros < 9.2e18 else None


def row_of(line: str, schema: dict[str, str]) -> list[object] | str:
    """Return the values of the columns, or why the line is a reject."""
    found = pairs_of(line)
    if isinstance(found, str):
        return found
    row: list[object] = []
    for name, of in schema.items():
        text = found.get(name)
        wrong = f'column "{name}": not {"an" if of == "int64" else "a"} {of}'
        if text is True:
            if of not in ("bool", "string"):
                return wrong
            text = "true"
        if text is not None and text[:1] == '"':
            text = unescaped(text[1:-1])
            if text is None:
                return f'column "{name}": a broken escape'
        if text is None or of == "string":
            row.append(text)
            continue
        value = value_of(text, of)
        if value is None and text != "" and text.lower() != "null":
            return wrong
        row.append(value)
    return row
