from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.kernels.field_names import column_of, prepare_names

words = st.text(alphabet="ab", min_size=1, max_size=40) | st.text(alphabet="abé", min_size=1, max_size=9)


@settings(max_examples=300, derandomize=True)
@given(st.lists(words, unique=True, max_size=30), st.lists(words, max_size=9))
def test_a_name_is_found_where_it_stands(names: list[str], others: list[str]) -> None:
    written = [name.encode() for name in names]
    bounds = np.cumsum([0, *map(len, written)], dtype=np.int64)
    prints = np.empty((len(names), 3), np.uint64)
    padded = np.frombuffer(b"".join(written) + bytes(128), np.uint8).copy()
    prepare_names(padded, bounds, prints)
    for word in [*names, *others]:
        text = np.frombuffer(b"b" + word.encode() + b"a=1\n" + bytes(128), np.uint8).copy()
        got = column_of(text, 1, 1 + len(word.encode()), padded, bounds, prints)
        assert got == (names.index(word) if word in names else -1)
