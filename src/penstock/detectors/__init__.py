"""Detectors: how unusual a value is among the values before it. One file each; this table lists them."""

from __future__ import annotations

from penstock.detectors.rolling_zscore import RollingZScore
from penstock.model import Detector

DETECTORS: dict[str, type[Detector]] = {
    "rolling_zscore": RollingZScore,
}
