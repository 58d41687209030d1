from __future__ import annotations

import json
import math
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.kernels import json_lines as kernel
from penstock.kernels.json_numbers import BAD_NUMBER, OUT_OF_RANGE


def codes_of(data: bytes) -> list[int]:
    buffer = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(buffer == ord("\n"))
    if data and not data.endswith(b"\n"):
        newlines = np.append(newlines, len(data))
    codes = np.full(len(newlines), 99, np.uint8)
    kernel.check_lines(buffer, newlines, codes)
    return codes.tolist()


def code_of(line: bytes) -> int:
    [code] = codes_of(line + b"\n")
    return code


def no_constant(name: str) -> None:
    raise ValueError(name)


def bounded_int(text: str) -> int:
    if not -(2**127) <= int(text) < 2**128:
        raise ValueError(text)
    return int(text)


def bounded_float(text: str) -> float:
    _, _, exponent = text.lower().partition("e")
    if math.isinf(float(text)) or abs(int(exponent or 0)) >= 10**9:
        raise ValueError(text)
    return float(text)


def is_object(line: bytes) -> bool:
    """Ask Python. Members come as pairs, so that none is lost where a name stands twice."""
    try:
        pairs = json.loads(
            line.decode(),
            parse_constant=no_constant,
            parse_int=bounded_int,
            parse_float=bounded_float,
            object_pairs_hook=lambda pairs: {"": pairs},
        )
        json.dumps(pairs, ensure_ascii=False).encode()  # UnicodeEncodeError at a lone surrogate
    except (ValueError, RecursionError):
        return False
    return isinstance(pairs, dict)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{}", kernel.FINE),
        (b' \t{"a" : 1 , "b":[ ] }\r', kernel.FINE),
        (rb'{"a":"\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00","a":{"a":[{},[[]],true,false,null]}}', kernel.FINE),
        (b'{"a":-0,"b":0.0,"c":-1.5e+10,"d":1E-5,"e":0e0,"f":10}', kernel.FINE),
        ('{"é€😀\x7f":"é€😀\x7f"}'.encode(), kernel.FINE),
        (b"", kernel.BLANK),
        (b" \t\r", kernel.BLANK),
        (b'{"a":"\xff"}', kernel.NOT_UTF8),
        (b"\xc0\x80", kernel.NOT_UTF8),
        (b"[{}]", kernel.NOT_AN_OBJECT),
        (b"1", kernel.NOT_AN_OBJECT),
        (b"hello", kernel.NOT_AN_OBJECT),
        (b'\xef\xbb\xbf{"a":1}', kernel.NOT_AN_OBJECT),
        (b"{", kernel.UNFINISHED),
        (b'{"a', kernel.UNFINISHED),
        (b'{"a\\', kernel.UNFINISHED),
        (b'{"a"', kernel.UNFINISHED),
        (b'{"a":', kernel.UNFINISHED),
        (b'{"a":tru', kernel.UNFINISHED),
        (b'{"a":[1,', kernel.UNFINISHED),
        (b'{"a":1', kernel.UNFINISHED),
        (b"{a:1}", kernel.UNEXPECTED),
        (b'{"a" 1}', kernel.UNEXPECTED),
        (b'{"a":1,}', kernel.UNEXPECTED),
        (b'{,"a":1}', kernel.UNEXPECTED),
        (b'{"a":[1,]}', kernel.UNEXPECTED),
        (b'{"a":[,1]}', kernel.UNEXPECTED),
        (b'{"a":[1}', kernel.UNEXPECTED),
        (b'{"a":[1}]', kernel.UNEXPECTED),
        (b'{"a":}', kernel.UNEXPECTED),
        (b'{"a":True}', kernel.UNEXPECTED),
        (b'{"a":truth}', kernel.UNEXPECTED),
        (b'{"a":1 2}', kernel.UNEXPECTED),
        (b'{"a":NaN}', kernel.UNEXPECTED),
        (b'{"a":.5}', kernel.UNEXPECTED),
        (b'{"a":+1}', kernel.UNEXPECTED),
        (b'{"a":0x1}', kernel.UNEXPECTED),
        (b'{"a":\x0c1}', kernel.UNEXPECTED),
        (b'{"a":1}{"a":2}', kernel.MORE_THAN_ONE_VALUE),
        (b'{"a":1},', kernel.MORE_THAN_ONE_VALUE),
        (b'{"a":1}\x00', kernel.MORE_THAN_ONE_VALUE),
        (b'{"a":"\t"}', kernel.RAW_CONTROL),
        (b'{"a":"\x00"}', kernel.RAW_CONTROL),
        (rb'{"a":"\x41"}', kernel.BAD_ESCAPE),
        (rb'{"a":"\u12"}', kernel.BAD_ESCAPE),
        (rb'{"a":"\u12G4"}', kernel.BAD_ESCAPE),
        (rb'{"a":"\U0041"}', kernel.BAD_ESCAPE),
        (rb'{"a":"\ud800"}', kernel.LONE_SURROGATE),
        (rb'{"a":"\udc00\ud800"}', kernel.LONE_SURROGATE),
        (rb'{"a":"\ud83d\u0041"}', kernel.LONE_SURROGATE),
        (rb'{"\ud83d\\ude00":1}', kernel.LONE_SURROGATE),
        (b'{"a":01}', BAD_NUMBER),
        (b'{"a":1.}', BAD_NUMBER),
        (b'{"a":-}', BAD_NUMBER),
        (b'{"a":1e}', BAD_NUMBER),
        (b'{"a":1e+}', BAD_NUMBER),
        (b'{"a":[1e309]}', OUT_OF_RANGE),
        (b'{"a":1e4294967296}', OUT_OF_RANGE),
    ],
)
def test_each_rule_has_its_code(line, code):
    assert code_of(line) == code
    assert is_object(line) == (code == kernel.FINE)


def test_nesting_is_bounded():
    for deep, code in ((kernel.MAX_DEPTH, kernel.FINE), (kernel.MAX_DEPTH + 1, kernel.TOO_DEEP)):
        arrays, objects = deep - 1, deep
        assert code_of(b'{"a":' + b"[" * arrays + b"]" * arrays + b"}") == code
        assert code_of(b'{"a":' * objects + b"1" + b"}" * objects) == code
    assert code_of(b'{"a":' + b"[" * 100_000) == kernel.TOO_DEEP


def test_lines_end_at_newlines_and_at_the_end():
    assert codes_of(b"") == []
    assert codes_of(b"\n") == [kernel.BLANK]
    assert codes_of(b'{}\r\n\n{"a"\n:1}\n{}') == [0, kernel.BLANK, kernel.UNFINISHED, kernel.NOT_AN_OBJECT, 0]


SEEDS = [
    rb'{"a":1,"b":-2.5e+3,"c":[true,false,null],"d":{"e":"x\n\u00e9\ud83d\ude00"}}',
    rb' { "" : [ ] , "b" : { } , "c" : [ 0 , 0.0 , -0 , 1E5 ] } ',
    '{"é":"€😀","\\\\":"\\"","u":"\\u0000/\\/"}'.encode(),
    b'{"n":[340282366920938463463374607431768211455,1.7976931348623157e308,1e-400]}',
    b'{"a":{"a":{"a":[[[{"a":"a"}]]]}}}',
]
ALPHABET = [bytes([byte]) for byte in b'{}[]:,"\\-+.eE0129 tfnu/dD8c\t\r\x00\x1f\x7f\x80\xbf\xc3\xed\xff'] + [
    rb"\u", rb"\ud83d", rb"\ude00", rb"\n", b"null", b"true", b"1e400", b'""', b"{}", "é".encode(),
    "😀".encode(),
]  # fmt: skip


def mutated(rng: random.Random) -> bytes:
    line = rng.choice(SEEDS)
    for _ in range(rng.randint(0, 3)):
        at, size = rng.randrange(len(line) + 1), rng.choice((0, 0, 1, 1, 2, 5))
        line = line[:at] + rng.choice((b"", rng.choice(ALPHABET))) + line[at + size :]
    return line


def test_it_agrees_with_python_on_mutated_documents():
    rng = random.Random(20260301)
    lines = [mutated(rng) for _ in range(12_000)]
    found = [code == kernel.FINE for code in codes_of(b"\n".join(lines) + b"\n")]
    expected = [is_object(line) for line in lines]
    assert [line for line, f, e in zip(lines, found, expected, strict=True) if f != e] == []
    assert 2_000 < sum(expected) < 10_000


def test_it_agrees_with_the_conformance_suite(real_logs):
    checked = 0
    for path in sorted((real_logs / "json_conformance").glob("*.json")):
        text = path.read_bytes()
        if b"\n" in text:
            continue
        for line in (text, b'{"v":' + text + b"}"):
            assert (code_of(line) == kernel.FINE) == is_object(line), path.name
        if path.name[0] in "yn":
            assert (code_of(b'{"v":' + text + b"}") == kernel.FINE) == (path.name[0] == "y"), path.name
            checked += 1
    assert checked > 100


pieces = st.sampled_from(
    [b"\\", b"\\u", b"\\ud83d", b"\\uDE00", b"\\ud7ff", b"ud83d", b"\\u0041", b"a", b"{", b"\xff"]
)


@settings(max_examples=200)
@given(st.lists(pieces, max_size=6).map(b"".join))
def test_halves_of_surrogate_pairs_are_seen(data):
    expected = re.search(rb"\\u[dD][^\x00-7]", data) is not None
    assert kernel.may_be_misread(np.frombuffer(data, np.uint8)) == expected


@settings(max_examples=200)
@given(
    st.sampled_from(["1", "-2.5", "0"]),
    st.sampled_from(["e", "E", "x"]),
    st.sampled_from(["", "+", "-"]),
    st.sampled_from(["7", "000000007", "0000000007", "999999999", "1000000000", "4294967296", "1" * 20]),
    st.integers(0, 40),
)
def test_exponents_of_ten_digits_are_seen(mantissa, e, sign, digits, before):
    data = b" " * before + f'{{"a":{mantissa}{e}{sign}{digits}}}'.encode()
    found = kernel.may_be_misread(np.frombuffer(data, np.uint8))
    if e != "x" and len(digits) >= 10:
        assert found
    if e == "x" or len(digits) < 9:
        assert not found
    assert (code_of(data) == kernel.FINE) == is_object(data)


names = st.text(max_size=4) | st.sampled_from(["a", 'q"', "{", "[", ":", ",", "\\", "\n"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.lists(st.dictionaries(names, values, max_size=4), max_size=4), st.booleans(), st.booleans())
def test_outermost_keys_are_found_and_no_others(objects, ascii_only, spaced):
    separators = (" , ", " : ") if spaced else (",", ":")
    lines = [json.dumps(o, ensure_ascii=ascii_only, separators=separators) + "\n" for o in objects]
    data = "".join(lines).encode("utf-8", "surrogatepass")
    keys = np.empty(len(data), np.uint8)
    size = kernel.outermost_keys(np.frombuffer(data, np.uint8), keys)
    expected = "".join(json.dumps(key, ensure_ascii=ascii_only)[1:-1] + "\n" for o in objects for key in o)
    assert keys[:size].tobytes() == expected.encode("utf-8", "surrogatepass")
