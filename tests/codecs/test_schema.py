from __future__ import annotations

import polars as pl
import pytest

from penstock.codecs.schema import TYPES, check_declared, likeliest, mistyped, schema_of
from penstock.errors import FlowError
from penstock.model import EVENT_TIME


def test_mistakes_in_a_schema_name_their_column():
    with pytest.raises(FlowError) as caught:
        check_declared({"a": "int", "_b": "bool", "c": "string", "d": "timestamps"})
    places = {mistake.place: mistake.rule for mistake in caught.value.mistakes}
    assert list(places) == ["schema.a", "schema._b", "schema.d"]
    assert places["schema.a"].startswith('unknown type "int"; did you mean "int64"? known: int64, float64,')
    assert places["schema._b"].startswith('must not begin with "_"')
    with pytest.raises(FlowError, match=r"^schema: must name a column"):
        check_declared({})


def test_every_type_may_be_declared():
    check_declared({of: of for of in TYPES})
    assert schema_of({"t": "timestamp[ns]", "b": "bool"}) == {"t": EVENT_TIME, "b": pl.Boolean}
    assert list(schema_of({of: of for of in TYPES})) == list(TYPES)


def test_nine_in_ten_make_a_type():
    assert likeliest(20, {"int64": 2, "string": 3}) == "int64"
    assert likeliest(20, {"int64": 3, "string": 4}) == "string"
    assert likeliest(20, {"int64": 2, "string": 0, "float64": 0}) == "string"
    assert likeliest(20, {"string": 2, "bool": 1, "float64": 1}) == "bool"
    assert likeliest(0, {"int64": 0}) == "string"


def test_a_reason_names_the_column():
    assert mistyped("a", "int64") == 'column "a": not an int64'
    assert mistyped("b", "timestamp[s]") == 'column "b": not a timestamp[s]'
