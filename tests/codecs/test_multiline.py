from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from penstock.codecs.multiline import MultilineRule
from penstock.errors import FlowError
from penstock.text import Text

START = rb"^\[?[0-9]{4}-[0-9]{2}"
CONTINUES = rb"^\s|^Caused by|^[a-z.]+Exception"


def ends_of(data: bytes, begins: re.Pattern[bytes], goes_on: bool, last: bool) -> list[int]:
    """Walk over the lines with Python's `re`."""
    ends, at = [], 0
    for number, line in enumerate(data.splitlines(keepends=True) if data else []):
        if number and (begins.search(line.rstrip(b"\r\n")) is None) == goes_on:
            ends.append(at)
        at += len(line)
    return [*ends, at + (not data.endswith(b"\n"))] if last and data else ends


def check(data: bytes) -> None:
    for last in True, False:
        for rule, pattern, goes_on in (
            (MultilineRule(start=START.decode()), START, False),
            (MultilineRule(continues=CONTINUES.decode()), CONTINUES, True),
        ):
            got = rule.ends(Text.of(data), last)
            assert got.dtype == np.int64
            assert got.tolist() == ends_of(data, re.compile(pattern), goes_on, last)


LINES = [
    b"2024-01-01 a", b"[2024-01-01 b", b"\tat c", b" d", b"", b"Caused by: e", b"java.io.IOException: f",
    b"g", "2024-01 ü".encode(), b"2024-01 \xff", b"\xff\xfe", b" \xc3", b"\0",
]  # fmt: skip


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_any_lines_in_any_order(end: bytes) -> None:
    rng = random.Random(4)
    for _ in range(100):
        data = end.join(rng.choices(LINES, k=rng.randint(0, 12)))
        check(data)
        check(data + end)


def test_what_may_go_on_is_found_again_wherever_the_text_is_cut() -> None:
    rng = random.Random(5)
    rule = MultilineRule(start=START.decode())
    for _ in range(50):
        lines = [line + b"\n" for line in rng.choices(LINES, k=20)]
        whole = rule.ends(Text.of(b"".join(lines)), True).tolist()
        found, done, carried = [], 0, b""
        for line in lines:
            carried += line
            if rng.random() < 0.3:
                ends = rule.ends(Text.of(carried), False).tolist()
                found += [done + end for end in ends]
                carried, done = carried[ends[-1] if ends else 0 :], found[-1] if found else 0
        found += [done + end for end in rule.ends(Text.of(carried), True).tolist()]
        assert found == whole


def test_real_files(real_logs: Path) -> None:
    for path in sorted((real_logs / "multiline_app").iterdir()):
        check(path.read_bytes())
    data = (real_logs / "multiline_app" / "kafka0__state-change.log.2016-12-19-16").read_bytes()
    ends = MultilineRule(start=START.decode()).ends(Text.of(data), True)
    assert len(ends) == len(re.findall(rb"(?m)^\[2016", data))


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        ({}, 'must have either start, such as start = "^[0-9]{4}-", or continues'),
        ({"start": "a", "continues": "b"}, "must have either start, "),
        ({"start": "("}, 'start: is no regular expression: unclosed group, at "("; the syntax is https'),
        ({"continues": "(?<!a)b"}, "continues: is no regular expression: look-around"),
    ],
)
def test_mistakes(wrong: dict[str, str], mistake: str) -> None:
    with pytest.raises(FlowError) as caught:
        MultilineRule(**wrong)
    assert str(caught.value).startswith(mistake)
