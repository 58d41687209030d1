"""Sources: where events come from. One file each; this table lists them."""

from __future__ import annotations

from penstock.model import Source
from penstock.sources.csv import CsvFiles
from penstock.sources.files import Files
from penstock.sources.ipc import IpcFiles
from penstock.sources.parquet import ParquetFiles
from penstock.sources.synthetic import Synthetic

SOURCES: dict[str, type[Source]] = {
    "csv": CsvFiles,
    "files": Files,
    "ipc": IpcFiles,
    "parquet": ParquetFiles,
    "synthetic": Synthetic,
}
