"""Stage `select`: the columns of a stream."""

from __future__ import annotations

from typing import ClassVar

from penstock.fields import Expressions, description
from penstock.model import Stream
from penstock.stages.rows import RowByRow, bind_columns


@description
class Select:
    """Only the columns named or computed by expressions, in their order."""

    EXAMPLE: ClassVar[str] = 'type = "select"\ncolumns = ["time", "bytes / 1024 AS kib"]'

    columns: Expressions

    def bind(self, stream: Stream) -> RowByRow:
        """Check the expressions; see `Stage.bind`."""
        return bind_columns("select", self.columns, stream)
