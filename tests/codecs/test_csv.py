from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csv_records import BAD, GOOD
from decoding import check_cuts, decode, mutated
from penstock.codecs.csv import Csv, Tsv
from penstock.errors import FlowError
from penstock.text import Decoded, Headed, Quoted, Text

FIELDS, UNCLOSED = "not as many fields as its heading names", "a quote that is not closed"
BEHIND = "more behind a closing quote"
Row = tuple[object, ...]


def ends_of(data: str, longest: int = 2**62) -> list[int]:
    """Tell where records end, character by character; what is not closed has no end."""
    ends, opened, record, line, at = [], False, 0, 0, 0
    while at < len(data):
        char = data[at]
        if char == "\n":
            if at + 1 - record > longest and line > record:
                ends.append(line)
                opened, record, at = False, line, line
                continue
            line = at + 1
            if not opened:
                ends.append(line)
                record = line
        elif opened and char == '"':
            if data[at + 1 : at + 2] == '"':
                at += 1
            else:
                opened = False
        elif char == '"' and (at == record or data[at - 1] == ","):
            opened = True
        at += 1
    return ends


def row_of(record: str, count: int, delimiter: str = ",", quote: str = '"') -> Row | str:
    """Take a record without its end apart, character by character; or tell the reason why it is none."""
    if not record:
        return "an empty line"
    fields: list[object] = []
    rest: str | None = record
    while rest is not None:
        if quote and rest.startswith(quote):
            text, at = "", 1
            while at < len(rest) and (rest[at] != quote or rest[at + 1 : at + 2] == quote):
                text += rest[at]
                at += 1 + (rest[at] == quote)
            if at >= len(rest):
                return UNCLOSED
            after = rest[at + 1 :]
            if after and after[0] != delimiter:
                return BEHIND
            fields.append(text)
            rest = after[1:] if after else None
        else:
            field, found, after = rest.partition(delimiter)
            fields.append(field or None)
            rest = after if found else None
    return tuple(fields) if len(fields) == count else FIELDS


def text_of(codec: Csv | Tsv, data: bytes, heading: bytes = b"") -> Text:
    text = Text.of(data, heading)
    return replace(text, ends=codec.ends(text, True)) if codec.quoted else text


def check(data: str) -> Decoded:
    """Compare a file of columns a, b and c, all strings."""
    codec = Csv(schema=dict.fromkeys("abc", "string"))
    data = "a,b,c\n" + data
    text = text_of(codec, data.encode())
    got = decode(codec.decoder(b""), text, others=1)
    ends = ends_of(data)
    if not ends or ends[-1] < len(data):
        ends.append(len(data))
    begins = [0, *ends][1:-1]
    bytes_to = [len(data[:at].encode()) for at in begins]
    records = [data[a:b].removesuffix("\n").removesuffix("\r") for a, b in zip(begins, ends[1:], strict=True)]
    want = [(at, row_of(record, 3)) for at, record in zip(bytes_to, records, strict=True)]
    assert got.rows.rows() == [(*row, at) for at, row in want if not isinstance(row, str)]
    refused = [(at, row) for at, row in want if isinstance(row, str)]
    assert got.rejects.select("_offset", "reason").rows() == refused
    return got


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_records_field_by_field(end: str) -> None:
    for record in GOOD + BAD:
        assert len(check(record + end).rows) == (record in GOOD)
        check(record)
    records = (GOOD + BAD) * 2
    random.Random(1).shuffle(records)
    got = check(end.join(records))
    assert (len(got.rows), len(got.rejects)) == (len(GOOD) * 2, len(BAD) * 2)
    check("")


@pytest.mark.parametrize("tail", ['"a', '1,2,"3', '1,2,"3""', '1,2,"\n\n3\n', '"\n'])
def test_a_quote_that_is_never_closed_takes_the_rest(tail: str) -> None:
    assert check('1,"2",3\n' + tail).rejects["reason"].to_list() == [UNCLOSED]


@given(st.lists(st.lists(st.text(alphabet='ab,"\n\r ü', max_size=15), min_size=3, max_size=3), max_size=8))
def test_what_python_writes_comes_back(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows([["a", "b", "c"], *rows])
    codec = Csv(schema=dict.fromkeys("abc", "string"), null=())
    got = decode(codec.decoder(b""), text_of(codec, written.getvalue().encode()), others=1)
    assert got.rows.drop("_offset").rows() == [tuple(row) for row in rows]
    assert got.rejects.is_empty()


def test_mutations_and_cuts() -> None:
    rng = random.Random(7)
    records = [mutated(rng.choice(GOOD).encode(), rng).decode() for _ in range(3000)]
    rows = refused = 0
    for at in range(0, len(records), 30):  # a quote that is not closed spoils what is behind it
        got = check("\n".join(records[at : at + 30]))
        rows, refused = rows + len(got.rows), refused + len(got.rejects)
    assert min(rows, refused) > 400
    lines = [record.encode() for record in GOOD + BAD]
    cut = [b"c,b,a\r\n", *(line + rng.choice([b"\n", b"\r\n"]) for line in rng.choices(lines, k=40))]
    for codec in Csv(), Csv(quote=""), Csv(schema={"a": "string", "z": "int64"}):
        whole = check_cuts(codec.decoder(b"".join(cut)), cut, b"", rng)
        assert len(whole.rows) + len(whole.rejects) == 40


def test_lines_are_records_if_nobody_says_where_records_end() -> None:
    data = b'a,b\n1,"2\n3",4\n5,6\n'
    got = decode(Csv(schema={"a": "int64"}).decoder(b""), Text.of(data), others=1)
    assert got.rows["a"].to_list() == [5]
    assert got.rejects["reason"].to_list() == [UNCLOSED, 'column "a": not an int64']


def types_of(data: str, **options: object) -> dict[str, str]:
    schema = Csv(**options).decoder(data.encode()).schema
    return {name: str(of) for name, of in schema.items()}


def test_types_are_inferred() -> None:
    row = '{0},{0}.5,true,2024-01-0{0}T00:00:00Z,x{0},,"{0}",0{0},+{0},{0}{1}\n'
    rows = "".join(row.format(i, "?" * (i == 9)) for i in range(1, 10))
    types = types_of("i,f,b,t,s,empty,q,zero,plus,most\n" + rows)
    time = "Datetime(time_unit='us', time_zone='UTC')"
    assert list(types.values()) == [
        "Int64", "Float64", "Boolean", time, "String", "String", "Int64", "String", "String", "String",
    ]  # fmt: skip
    assert types_of("a\n" + "1\n" * 9 + "x\n") == {"a": "Int64"}
    assert types_of("a\n" + "1\n" * 9 + "2.5\n") == {"a": "Float64"}
    assert types_of("a\nF\n") == {"a": "String"}
    assert types_of("t\n01.02.2024 00:00:00\n", time_format="%d.%m.%Y %H:%M:%S") == {"t": time}
    assert types_of("a,b\n1,2\na,b\n3,4\na,b\n") == {"a": "Int64", "b": "Int64"}  # of three splits
    assert types_of("") == types_of("\n") == {}


def test_names_of_a_heading() -> None:
    data = b'"a ""b""",,_own,x,x\r\n1,2,3,4,5\r\n'
    rows = decode(Csv().decoder(data), Text.of(data), others=1).rows
    assert rows.row(0, named=True) == {'a "b"': 1, "column_2": 2, "x": 4, "_offset": 21}


def test_a_split_with_another_heading() -> None:
    decoder = Csv(schema={"a": "int64", "b": "string", "c": "string"}).decoder(b"")
    assert decode(decoder, Text.of(b"c,d,a\nx,y,1\n"), others=1).rows.rows() == [(1, None, "x", 6)]
    assert decode(decoder, Text.of(b"x,y,1\n", b"c,d,a"), 1000).rows.rows() == [(1, None, "x", 1000)]
    assert (
        decode(decoder, Text.of(b"x,y,1\n", b"\n"), 1000).rejects["reason"].str.contains("no heading").all()
    )


def test_a_row_that_looks_like_the_heading_is_a_row() -> None:
    for line in b"a\n", b"ab\n":
        decoder = Csv(schema={line.strip().decode(): "string"}).decoder(b"")
        got = check_cuts(decoder, [line] * 5, b"", random.Random(1))
        assert len(got.rows) == 4


def test_without_a_heading() -> None:
    schema = {"time": "timestamp", "n": "float64"}
    codec = Csv(schema=schema, header=False, delimiter=";", quote="'", null=("NA", "-"))
    data = b"2024-01-01 00:00:00;1e3\n'NA';NA\n-;\n2024-13-01 00:00:00;1\n2024-01-01 00:00:00;'x;'\n"
    got = decode(codec.decoder(b""), text_of(codec, data), 5)
    time = datetime(2024, 1, 1, tzinfo=UTC)
    assert got.rows.rows() == [(time, 1000.0, 5), (None, None, 37)]
    assert got.rejects["reason"].to_list() == [
        'column "time": not a timestamp', 'column "time": not a timestamp', 'column "n": not a float64'
    ]  # fmt: skip
    assert codec.heading is None


def test_tabs() -> None:
    codec = Tsv()
    data = b'a\tb\n1\t"x\ty\n'.replace(b"\ty", b"") + b"2\t\n3\tz\tz\n"
    got = decode(codec.decoder(data), text_of(codec, data), others=1)
    assert got.rows.rows() == [(1, '"x', 4), (2, None, 9)]
    assert got.rejects["reason"].to_list() == [FIELDS]
    assert not codec.quoted
    quoting = Tsv(quote='"', schema={"a": "string"})
    assert (
        decode(quoting.decoder(b""), text_of(quoting, b'a\n"1\t\n2"\n'), others=1).rows["a"].item()
        == "1\t\n2"
    )


def test_what_framing_asks() -> None:
    for codec in Csv(), Tsv():
        assert isinstance(codec, Headed)
        assert isinstance(codec, Quoted)
        assert codec.heading == b""


@example('"\n""', 1)
@given(st.text(alphabet='a,"\n', max_size=40), st.integers(1, 12) | st.just(2**62))
def test_ends(data: str, longest: int) -> None:
    want = ends_of(data + "\n", longest)
    text = Text.of(data.encode())
    got = Csv().ends(text, False, longest).tolist()
    whole = ends_of(data, longest) if data.endswith("\n") or not data else want
    assert got == whole
    last = Csv().ends(text, True, longest).tolist()
    end = len(data) + (not data.endswith("\n"))
    assert last == (whole if not data or whole[-1:] == [end] else [*whole, end])


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        ({"schema": {}}, "schema: must name a column"),
        ({"schema": {"a": "int"}}, 'schema.a: unknown type "int"; did you mean "int64"?'),
        ({"schema": {"_a": "int64"}}, 'schema._a: must not begin with "_"'),
        ({"header": False}, "schema: is missing; header = false needs it, such as schema = {"),
        ({"delimiter": ""}, 'delimiter: must be one ASCII character, got ""'),
        ({"delimiter": "ü"}, "delimiter: must be one ASCII character"),
        ({"delimiter": "\n"}, "delimiter: must be one ASCII character"),
        ({"quote": ","}, "quote: must be one ASCII character other than the delimiter"),
        ({"null": ("NULL", "undefined")}, 'null[1]: must be at most 8 bytes long, got "undefined"'),
        ({"time_format": "%H"}, "time_format: must"),
    ],
)
def test_mistakes(wrong: dict[str, object], mistake: str) -> None:
    with pytest.raises(FlowError) as caught:
        Csv(**wrong)
    assert str(caught.value).startswith(mistake)
    if "delimiter" not in wrong:
        with pytest.raises(FlowError):
            Tsv(**{**wrong, **({"quote": "\t"} if "quote" in wrong else {})})


def test_real_files(real_logs: Path) -> None:
    for path in sorted((real_logs / "csv").glob("csvs__*")):
        data = path.read_text("utf-8", "replace").encode()
        codec = Csv(schema=dict.fromkeys(data.split(b"\n")[0].decode().strip().split(","), "string"))
        got = decode(codec.decoder(b""), text_of(codec, data), others=1)
        rows = got.rows.drop("_offset").fill_null("").to_dicts()
        expected = path.parent / path.name.replace("csvs__", "json__").replace(".csv", ".json")
        said = json.loads(expected.read_text("utf-8", "replace").replace("\\r\\n", "\\n"))
        if "location" in path.name:  # where the collection contradicts itself: another telephone number
            said = [{**said, "Contact Phone Number": "2095257564"}]
        assert rows == said
        assert got.rejects.is_empty()
