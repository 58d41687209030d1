"""Arrow's batches as frames, and its schemas as those of frames."""

from __future__ import annotations

from typing import cast

import polars as pl
import pyarrow as pa
from polars.exceptions import PanicException, PolarsError

from penstock.errors import FlowError
from penstock.fields import first_line
from penstock.sources.places import Place


def frame_of(batch: pa.RecordBatch) -> pl.DataFrame:
    """Return the rows of a batch; values that a column names by number, of a dictionary, are as they are."""
    arrays = [
        array.dictionary_decode() if pa.types.is_dictionary(array.type) else array for array in batch.columns
    ]
    if not arrays:
        return pl.DataFrame(height=batch.num_rows)
    return cast(pl.DataFrame, pl.from_arrow(pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)))


def schema_of(schema: pa.Schema, place: Place) -> pl.Schema:
    """Return the columns of a file as frames have them; FlowError names one that they cannot hold."""
    if len(set(schema.names)) < len(schema.names):
        twice = next(name for name in schema.names if schema.names.count(name) > 1)
        raise FlowError.at("paths", f'"{place.name}" has the column "{twice}" twice; rename one')
    columns: dict[str, pl.DataType] = {}
    for field in schema:
        try:
            frame = frame_of(pa.RecordBatch.from_pylist([], pa.schema([field])))
        except (pa.ArrowException, PolarsError, PanicException, ValueError, TypeError) as error:
            rule = f'"{place.name}" has a column "{field.name}" of type {field.type}, which cannot be read'
            raise FlowError.at("paths", f"{rule}: {first_line(error)}; write the file without it") from None
        columns[field.name] = frame.schema[field.name]
    return pl.Schema(columns)
