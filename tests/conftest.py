"""Fixtures and settings for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "here", deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), database=None
)
settings.load_profile("here")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def real_logs() -> Path:
    """Return the folder of real logs of others; the test is skipped where it is not there."""
    folder = SHARED / "logs" / "visible"
    if not folder.is_dir():
        pytest.skip("the collection of real logs is not here")
    return folder


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


os.environ.setdefault("POLARS_MAX_THREADS", "2")
