"""Stage `derive`: columns added to each row."""

from __future__ import annotations

from typing import ClassVar

from penstock.fields import Expressions, description
from penstock.model import Stream
from penstock.stages.rows import RowByRow, bind_columns


@description
class Derive:
    """Columns added to each row, or replaced, by expressions."""

    EXAMPLE: ClassVar[str] = 'type = "derive"\ncolumns = ["status >= 500 AS failed"]'

    columns: Expressions

    def bind(self, stream: Stream) -> RowByRow:
        """Check the expressions; see `Stage.bind`."""
        return bind_columns("with_columns", self.columns, stream)
