"""JSON lines of all kinds, good and bad, made by the thousand from a seed."""

from __future__ import annotations

import json
import random
import struct

from penstock.codecs.json_columns import JsonDecoder

LONG = "a key that is longer than any vector of bytes that a machine has, and longer than a stranger's may be"
TYPES = {
    "i": "int64", "f": "float64", "b": "bool", "s": "string", "t": "timestamp", "e": "timestamp[ms]",
    "sec": "timestamp[s]", "us": "timestamp[us]", "n": "timestamp[ns]", "o": "string", "o.x": "int64",
    "o.y": "string", "p.q": "float64", "p.q.r": "string", "i.": "bool", ".": "string", "": "string",
    'é"\\\n': "string", "\ufffd": "string", LONG: "int64", "reason": "string", "t2": "timestamp",
}  # fmt: skip
DECODER = JsonDecoder(TYPES)
KEYS = [
    *TYPES, "o", "p", "o", "x", "y", "q", "r", "q.r", "i", "unknown", "_x", LONG + "!", "longer than 8",
    "\ud800",
]  # fmt: skip
TEXTS = [
    "", "x", "7", "true", "null", "plain text", "é", "😀", "\u2028", 'q"\\', "\n\t\r\b\f/", "\x00\x1f\x7f",
    "\ud800", "\udc00\ud800", "a text that is longer than a view can hold", "x" * 70 + '"' + "y" * 70,
    "é" * 40, "2026-03-01T12:00:00Z", "2026-03-01 12:00:00.123456789+01:00", "2026-02-30T12:00:00Z",
    "0000-01-01t00:00:60z", "9999-12-31T23:59:59-23:59", "2026-03-01T24:00:00Z", "2026-03-01T12:00:00",
    "1969-12-31T23:59:59.9Z",
]  # fmt: skip
NUMBERS = [
    "0", "-0", "7", "-12", "123456789", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "1" * 25, "9" * 400, "0.0", "-0.0", "1.50", "1e5",
    "1E+05", "-0.0e-0", "0e999", "1e-999", "1e308", "1.7976931348623159e308", "-2e308", "4.9e-324",
    "2.4703282292062328e-324", "0.1", "1700000000", "1700000000.123456", "1700000000123", "1700000000123.5",
    "1700000000123456789", "0." + "0" * 30 + "1", "1e22", "1e23", "123456789012345678901234567890.5", "NaN",
    "Infinity", "-Infinity", "0.30000000000000004", "9223372036854775.807", "9223372036854.775",
    "9223372036854.776", "1e300", "2.5e-6", "3.5e-6",
]  # fmt: skip
JUNK = [
    '"', "\\", "{", "}", "[", "]", ",", ":", " ", "\t", "\r", "\x00", "\x1f", "0", "1", "-", "+", ".", "e",
    "E", "é", "NaN", "-Infinity", "Infinity", "true", "false", "null", "nul", '\\"', "\\u", "\\ud83d\\ude00",
    "\\u00e9", "\\udead", "\\x", "😀", '{"o":{"x":1}}', '"o":{"x":2},', '"o":5,', '"i":1,', '"o.x":9,',
    "[[]]", "{}", '""', "\ufeff", "\u00a0", "//", "'", "",
]  # fmt: skip


def number(rng: random.Random) -> str:
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return repr(struct.unpack("d", rng.randbytes(8))[0]).replace("nan", "NaN").replace("inf", "Infinity")
    if kind == 2:
        return str(rng.getrandbits(rng.randrange(1, 70)) * rng.choice([1, -1]))
    if kind == 3:
        return repr(round(rng.uniform(-1e6, 1e6), rng.randrange(9)))
    figures = "".join(rng.choices("0123456789", k=rng.choice([1, 3, 9, 20, 40])))
    return f"{rng.choice(['', '-'])}{rng.randrange(10)}.{figures}e{rng.randrange(-330, 310)}"


def text(rng: random.Random) -> str:
    """Write a string, with escapes where there must be some, and where there need be none."""
    string = rng.choice(TEXTS) if rng.random() < 0.7 else rng.choice(TEXTS) + rng.choice(TEXTS)
    return quoted(string, rng)


def quoted(string: str, rng: random.Random) -> str:
    ascii_only = rng.random() < 0.5 or any("\ud800" <= letter <= "\udfff" for letter in string)
    written = json.dumps(string, ensure_ascii=ascii_only)
    if string and rng.random() < 0.1:
        written = (
            f'"\\u{ord(string[0]):04X}' + json.dumps(string[1:])[1:] if ord(string[0]) < 0x10000 else written
        )
    return written


def value(rng: random.Random, depth: int = 0) -> str:
    kind = rng.randrange(10 if depth < 3 else 7)
    if kind < 3:
        return number(rng)
    if kind < 5:
        return text(rng)
    if kind < 7:
        return rng.choice(["true", "false", "null"])
    if kind == 7:
        return "[" + ",".join(value(rng, depth + 1) for _ in range(rng.randrange(3))) + "]"
    return an_object(rng, depth + 1)


def fitting(key: str, rng: random.Random) -> str:
    """Write a value that is of its column's type, mostly."""
    of = TYPES.get(key)
    if rng.random() < 0.1 or of is None:
        return value(rng)
    if of == "bool":
        return rng.choice(["true", "false"])
    if of == "timestamp":
        return quoted(rng.choice(TEXTS[-8:-5]), rng)
    if of == "string":
        return text(rng)
    if of in ("float64", "timestamp[s]", "timestamp[ms]"):
        return repr(rng.uniform(0, 2e9) if of != "float64" else rng.uniform(-1, 1))
    return str(rng.randrange(-(10**9), 10**9))


def an_object(rng: random.Random, depth: int = 0) -> str:
    keys = [rng.choice(KEYS) for _ in range(rng.choice([0, 1, 2, 3, 6]))]
    space = rng.choice(["", "", " ", "\t", "\r"])
    colon, comma = rng.choice([":", ": ", " :\t"]), rng.choice([",", ", ", "\r,\t "])
    members = (
        quoted(key, rng) + colon + (fitting(key, rng) if depth == 0 else value(rng, depth)) for key in keys
    )
    return "{" + space + comma.join(members) + space + "}"


def mutated(line: str, rng: random.Random) -> str:
    """Flip, cut, double or insert some characters."""
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 4])):
        at, size = rng.randrange(len(line) + 1), rng.choice([0, 0, 1, 1, 2, 9])
        kind = rng.randrange(8)
        if kind == 0:
            line = line[:at] if rng.random() < 0.3 else line[:at] + line[at : at + size] + line[at:]
        else:
            piece = rng.choice(JUNK) if kind < 6 else chr(rng.randrange(128))
            line = line[:at] + piece + line[at + size :]
    return line.replace("\n", " ")


def lines(count: int, seed: int) -> list[str]:
    """Make JSON lines, near a half of them with something wrong."""
    rng = random.Random(seed)
    some = [an_object(rng) for _ in range(count // 4)]
    return [mutated(rng.choice(some), rng) for _ in range(count)]
