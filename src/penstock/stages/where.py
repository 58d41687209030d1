"""Stage `where`: rows for which a condition is true."""

from __future__ import annotations

from typing import ClassVar, cast

import polars as pl

from penstock.errors import FlowError
from penstock.expressions import check_row_by_row, checked_schema
from penstock.fields import Expression, description
from penstock.model import Stream
from penstock.stages.rows import RowByRow


@description
class Where:
    """Only the rows for which a condition is true; null counts as false."""

    EXAMPLE: ClassVar[str] = 'type = "where"\ncondition = "status >= 500"'

    condition: Expression

    def bind(self, stream: Stream) -> RowByRow:
        """Check the condition; see `Stage.bind`."""
        condition = cast("pl.Expr", self.condition)
        check_row_by_row(condition, stream.columns, "condition")
        query = stream.columns.to_frame().lazy()
        made = checked_schema(query.select(condition), stream.columns, "condition")
        if [*made.values()] != [pl.Boolean]:
            rule = f"must be true or false, got {condition}, which is {made.dtypes()[0]}"
            raise FlowError.at("condition", rule)
        return RowByRow("filter", [condition], stream, stream)
