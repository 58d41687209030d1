"""Stages: steps from one stream to another. One file each; this table lists them."""

from __future__ import annotations

from penstock.model import Stage
from penstock.stages.derive import Derive
from penstock.stages.detect import Detect
from penstock.stages.join import Join
from penstock.stages.select import Select
from penstock.stages.where import Where
from penstock.stages.window import Window

STAGES: dict[str, type[Stage]] = {
    "derive": Derive,
    "detect": Detect,
    "join": Join,
    "select": Select,
    "where": Where,
    "window": Window,
}
