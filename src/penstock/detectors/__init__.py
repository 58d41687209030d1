"""Detectors: how unusual a value is among the values before it. One file each; this table lists them."""

from __future__ import annotations

from penstock.detecting import Detector
from penstock.detectors.auto import Auto
from penstock.detectors.difference_zscore import DifferenceZScore
from penstock.detectors.envelope import Envelope
from penstock.detectors.ewma_zscore import EwmaZScore
from penstock.detectors.record import Record
from penstock.detectors.robust_zscore import RobustZScore
from penstock.detectors.rolling_zscore import RollingZScore
from penstock.detectors.seasonal_zscore import SeasonalZScore
from penstock.detectors.tail import Tail
from penstock.detectors.threshold import Threshold

DETECTORS: dict[str, type[Detector]] = {
    "rolling_zscore": RollingZScore,
    "ewma_zscore": EwmaZScore,
    "difference_zscore": DifferenceZScore,
    "envelope": Envelope,
    "threshold": Threshold,
    "auto": Auto,
    "robust_zscore": RobustZScore,
    "seasonal_zscore": SeasonalZScore,
    "record": Record,
    "tail": Tail,
}
