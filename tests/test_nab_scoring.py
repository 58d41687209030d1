"""The score of the Numenta Anomaly Benchmark: cases worked out by hand, and another scorer where there is."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from conftest import ROOT, SHARED

NAB = SHARED / "anomaly" / "nab"
STANDARD, FEW_FALSE, FEW_MISSED = "standard", "reward_low_FP_rate", "reward_low_FN_rate"


@pytest.fixture(scope="module")
def scoring() -> ModuleType:
    return loaded(ROOT / "benchmarks" / "nab_scoring.py")


@pytest.fixture(scope="module")
def judge() -> ModuleType:
    path = SHARED / "tools" / "nab_score.py"
    if not path.is_file():
        pytest.skip("the other scorer is not here")
    return loaded(path)


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def scores(scoring: ModuleType) -> Callable[..., dict]:
    def of(rows: int, windows: Sequence[tuple[int, int]], detected: dict[int, float]) -> dict:
        values = np.full(rows, np.nan)
        values[list(detected)] = list(detected.values())
        return scoring.score([scoring.Series(scores=values, windows=windows)])

    return of


def sigmoid(place: float) -> float:
    return 2 / (1 + math.exp(5 * place)) - 1


WINDOW = (50, 59)


def test_a_window_found_in_its_first_row_is_all_there_is(scores):
    for made in scores(100, [WINDOW], {50: 1.0}).values():
        assert made.score == pytest.approx(100)
        assert (made.found, made.windows, made.false, made.threshold) == (1, 1, 0, 1.0)


def test_what_detects_nothing_has_zero(scores):
    for made in scores(100, [WINDOW], {}).values():
        assert (made.score, made.found, made.false, made.threshold) == (0, 0, 0, math.inf)


@pytest.mark.parametrize(("row", "place"), [(51, -0.9), (55, -0.5), (59, -0.1)])
def test_a_window_found_later_is_worth_less(scores, row: int, place: float):
    worth = sigmoid(place) / sigmoid(-1)
    made = scores(100, [WINDOW], {row: 1.0, 59: 2.0})
    assert made[STANDARD].score == pytest.approx(100 * (1 + worth) / 2)
    assert made[FEW_MISSED].score == pytest.approx(100 * (2 + worth) / 3)
    assert made[STANDARD].threshold == (1.0 if row < 59 else 2.0)


@pytest.mark.parametrize(
    ("row", "worth"), [(30, -1), (49, -1), (60, sigmoid(1 / 9)), (69, sigmoid(10 / 9)), (87, -1), (99, -1)]
)
def test_a_false_detection_costs_less_close_behind_a_window(scores, row: int, worth: float):
    made = scores(100, [WINDOW], {50: 1.0, row: 1.0})
    assert made[STANDARD].score == pytest.approx(100 * (2 + 0.11 * worth) / 2)
    assert made[FEW_FALSE].score == pytest.approx(100 * (2 + 0.22 * worth) / 2)
    assert made[STANDARD].false == 1


def test_a_detection_counts_from_the_window_before_it_and_only_up_to_the_next(scores):
    made = scores(100, [(50, 59), (70, 71)], {50: 1.0, 70: 1.0, 69: 1.0, 72: 1.0})
    expected = 4 + 0.11 * (sigmoid(10 / 9) + sigmoid(1))
    assert made[STANDARD].score == pytest.approx(100 * expected / 4)
    assert (made[STANDARD].found, made[STANDARD].false) == (2, 2)


def test_rows_on_probation_do_not_count_and_they_are_15_percent_of_at_most_5000(scores):
    for rows, start in ((100, 15), (10_000, 750)):
        window = (start - 2, start + 7)
        early = scores(rows, [window], {start - 1: 1.0, 0: 1.0})
        assert early[STANDARD].score == 0
        on_time = scores(rows, [window], {start - 1: 1.0, start: 1.0})
        assert on_time[STANDARD].score == pytest.approx(100 * (1 + sigmoid(-0.8) / sigmoid(-1)) / 2)


def test_the_best_threshold_is_taken_by_each_profile(scores):
    detected = {50: 3.0, 20: 2.0, 21: 2.0, 22: 2.0, 23: 2.0, 24: 2.0, 25: 2.0, 26: 2.0, 27: 2.0, 80: 1.0}
    lone = scores(100, [(50, 59), (80, 81)], detected)
    assert lone[STANDARD].threshold == 1.0  # 8 · 0.11 < 2
    assert lone[FEW_MISSED].threshold == 1.0
    detected |= dict.fromkeys(range(28, 40), 2.0)
    crowded = scores(100, [(50, 59), (80, 81)], detected)
    assert crowded[STANDARD].threshold == 3.0  # 20 · 0.11 > 2, but < 3
    assert crowded[FEW_MISSED].threshold == 1.0
    assert crowded[FEW_MISSED].false == 20


def test_infinite_scores_are_the_highest_and_equal_ones_fall_together(scores):
    made = scores(100, [WINDOW], {50: math.inf, 30: math.inf, 31: 1.0})[STANDARD]
    assert (made.threshold, made.found, made.false) == (math.inf, 1, 1)


def test_nothing_to_find_is_said(scores):
    with pytest.raises(ValueError, match="nothing is labelled"):
        scores(100, [], {50: 1.0})


@pytest.mark.parametrize("seed", range(40))
def test_another_scorer_says_the_same_of_any_scores(scoring: ModuleType, judge: ModuleType, seed: int):
    random = np.random.default_rng(seed)
    series, files, given = [], {}, {}
    for number in range(int(random.integers(1, 5))):
        rows = int(random.integers(60, 900))
        cuts = np.sort(random.choice(rows, size=2 * int(random.integers(0, 5)), replace=False))
        windows = [(int(a), int(b)) for a, b in cuts.reshape(-1, 2) if b - a > 1]
        values = random.choice([random.normal(size=rows) ** 2, random.integers(0, 4, rows)], axis=0)
        values[random.random(rows) < 0.1] = random.choice([0.0, np.nan, 1e300])
        series.append(scoring.Series(scores=values, windows=windows))
        files[str(number)], given[str(number)] = judge.FileLabels(rows, windows), values
    if not any(one.windows for one in series):
        series.append(scoring.Series(scores=np.zeros(99), windows=[(40, 50)]))
        files["more"], given["more"] = judge.FileLabels(99, [(40, 50)]), np.zeros(99)
    wanted = judge.score_corpus(given, judge.Corpus(files))
    for profile, made in scoring.score(series).items():
        told = wanted[profile]
        assert made.score == pytest.approx(told["score"], abs=1e-9)
        assert (made.found, made.windows) == (told["windows_hit"], told["windows"])
        assert (made.threshold, made.false) == (told["threshold"], told["fp_rows"])


def benchmark(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_scores_the_real_series_as_the_other_scorer_does(judge: ModuleType):
    if not NAB.is_dir():
        pytest.skip("the series are not here")
    import polars as pl

    import penstock as ps

    made = json.loads(benchmark("nab", NAB, "--json").stdout)
    corpus, data = judge.load_corpus(NAB, with_values=True)
    given = {}
    for name, (times, values) in data.items():
        order = np.argsort(times, kind="stable")
        rows = pl.DataFrame({"time": np.arange(len(values)).astype("M8[us]"), "value": values[order]})
        flow = ps.Pipeline(ps.Frames(rows))
        found = flow.detect(ps.RollingZScore("value", size=300)).name
        scores = flow.collect()[found]["score"]
        given[name] = np.empty(len(values))
        given[name][order] = scores.abs().fill_null(0.0)
    for profile, told in judge.score_corpus(given, corpus).items():
        assert made["rolling_zscore"][profile] == pytest.approx(told["score"], abs=1e-9)
    # What the README says: one setting for all series, and nothing looks ahead.
    for detector, least in (("rolling_zscore", 40), ("record", 57), ("auto", 70)):
        assert made[detector]["standard"] >= least


def test_the_command_takes_any_root_and_says_what_is_none(tmp_path: Path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "data" / "some").mkdir(parents=True)
    rows = "".join(f"2026-01-01 {i // 60:02}:{i % 60:02}:00,{i % 7 + 50 * (i == 300)}\n" for i in range(400))
    (tmp_path / "data" / "some" / "one.csv").write_text("timestamp,value\n" + rows)
    window = [["2026-01-01 05:00:00.000000", "2026-01-01 05:20:00.000000"]]
    labels = tmp_path / "labels" / "combined_windows.json"
    labels.write_text(json.dumps({"some/one.csv": window}))
    shown = benchmark("nab", tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "rolling_zscore" in shown.stdout
    made = json.loads(benchmark("nab", tmp_path, "--json").stdout)
    assert list(made["rolling_zscore"]) == [STANDARD, FEW_FALSE, FEW_MISSED]
    assert made["rolling_zscore"][STANDARD] == pytest.approx(100)
    labels.write_text(json.dumps({"some/one.csv": [["2026-01-02 05:00:00", "2026-01-02 05:20:00"]]}))
    assert "has not the times of all its windows" in benchmark("nab", tmp_path).stderr
    labels.write_text(json.dumps({"some/other.csv": window}))
    missing = benchmark("nab", tmp_path)
    assert missing.returncode == 1
    assert missing.stderr.startswith("Error: ")
    nothing = benchmark("nab", tmp_path / "data")
    assert nothing.returncode == 2
    assert "is no root of NAB" in nothing.stderr
