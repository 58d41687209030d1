"""Sources: where events come from. One file each; this table lists them."""

from __future__ import annotations

from penstock.model import Source
from penstock.sources.files import Files
from penstock.sources.synthetic import Synthetic

SOURCES: dict[str, type[Source]] = {
    "files": Files,
    "synthetic": Synthetic,
}
