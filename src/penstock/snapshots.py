"""State as Arrow tables: rows and numbers to tables and back, to the bit, and of which format they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.errors import RunError
from penstock.strings import views_of

_FORMAT, _VERSION = b"penstock.format", b"penstock.version"
_NOT_IN_ARROW = (pl.Int128, pl.UInt128)
_OF_A_LIST = (pl.Categorical, pl.Enum)
"""Types whose values Arrow has as places in a list; as texts they say all there is."""
_WAY_OUT = "go on with the penstock that saved it, or start anew without it"


@dataclass(frozen=True)
class Format:
    """What the tables of a snapshot are: the state of what, and in which version of its layout."""

    name: str
    version: int = 1

    def sealed(self, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """Return tables that say, in the metadata of their schemas, of which format they are."""
        told = {_FORMAT: self.name.encode(), _VERSION: str(self.version).encode()}
        return {
            name: table.replace_schema_metadata({**(table.schema.metadata or {}), **told})
            for name, table in tables.items()
        }

    def opened(self, tables: Mapping[str, pa.Table]) -> Mapping[str, pa.Table]:
        """Return tables that were sealed alike; RunError if there are none, or one is of another format."""
        if not tables:
            raise RunError(f"the saved state has nothing of {self.name}; {_WAY_OUT}")
        for table in tables.values():
            told = table.schema.metadata or {}
            name, version = (told.get(key, b"?").decode(errors="replace") for key in (_FORMAT, _VERSION))
            if (name, version) != (self.name, str(self.version)):
                rule = f"the saved state is {name} in version {version} of its format"
                raise RunError(f"{rule}, and must be {self.name} in version {self.version}; {_WAY_OUT}")
        return tables


def no_state(tables: Mapping[str, pa.Table]) -> None:
    """Take up the state of what has none; RunError if there is some."""
    if tables:
        raise RunError(f"the saved state has {', '.join(tables)} of a stage that has no state; {_WAY_OUT}")


def table_of(rows: pl.DataFrame) -> pa.Table:
    """Return rows as a table that owns its texts; `rows_of` makes the same of it again.

    Any types but Object, nested ones too. What Arrow lacks (Int128, categories of one's own) is text in it.
    """
    columns = {column.name: _array_of(column) for column in rows}
    return pa.Table.from_arrays([*columns.values()], names=[*columns])


def rows_of(table: pa.Table, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return the rows that `table_of` made a table of; `columns` says of what type each was."""
    # Polars gives columns of a table without a name one; of a dict they keep it.
    made = {
        name: pl.Series(name, table[at]).rechunk().cast(columns[name])
        for at, name in enumerate(table.column_names)
    }
    return pl.DataFrame(made)


def numbers_table(**columns: NDArray[Any]) -> pa.Table:
    """Return arrays of numbers, shape (n,) or (n, m) each, as a table that owns them."""
    arrays = {}
    for name, numbers in columns.items():
        arrays[name] = pa.array(numbers.flatten())  # a copy: state changes, and a snapshot does not
        if numbers.ndim == 2:
            arrays[name] = pa.FixedSizeListArray.from_arrays(arrays[name], numbers.shape[1])
    return pa.table(arrays)


def numbers_in(table: pa.Table, name: str) -> NDArray[Any]:
    """Return an array of `numbers_table`, to be written to."""
    column, shape = table[name].combine_chunks(), [len(table)]
    if isinstance(column, pa.FixedSizeListArray):
        shape.append(column.type.list_size)
        column = column.flatten()
    numbers: NDArray[Any] = column.to_numpy().reshape(shape).copy()
    return numbers


def nbytes_of(frames: Iterable[pl.DataFrame]) -> int:
    """Return how many bytes of memory frames keep; what several texts point into counts once."""
    plain, buffers = 0, dict[int, int]()
    for frame in frames:
        for column in frame:
            if column.dtype in (pl.String, pl.Binary):
                buffers |= {of.address: of.size for of in views_of(column).column.buffers() if of is not None}
            else:
                plain += int(column.estimated_size())
    return plain + sum(buffers.values())


def _array_of(column: pl.Series) -> pa.Array:
    plain = _plain(column.dtype)
    column = column if plain == column.dtype else column.cast(plain)
    # Arrow's older strings lie one after the other: a copy, which keeps nothing of what they pointed into.
    return column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())


def _plain(dtype: Any) -> Any:
    """Return the type that stands for one in tables."""
    if dtype in _NOT_IN_ARROW or dtype in _OF_A_LIST:
        return pl.String()
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _plain(field.dtype) for field in dtype.fields})
    if isinstance(dtype, pl.List):
        return pl.List(_plain(dtype.inner))
    if isinstance(dtype, pl.Array):
        inner = _plain(dtype.inner)
        return pl.Array(inner, dtype.size) if dtype.size else pl.List(inner)  # Polars reads none back
    return dtype
