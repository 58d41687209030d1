"""Detectors: how unusual a value is among the values before it. One file each; this table lists them."""

from __future__ import annotations

from penstock.detecting import Detector
from penstock.detectors.rolling_zscore import RollingZScore

DETECTORS: dict[str, type[Detector]] = {
    "rolling_zscore": RollingZScore,
}
