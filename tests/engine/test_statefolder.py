"""The state on disk: one run at a time, of one flow, and no damage that goes unnoticed."""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path

import pytest

import penstock as ps
from crashing import make_input, output, write_flow
from penstock.config import load
from penstock.engine.statefolder import LOCK, LOG, StateFolder
from penstock.errors import FlowError, PenstockError, RunError


def test_one_run_at_a_time(in_tmp: Path) -> None:
    folder = StateFolder("state")
    with pytest.raises(RunError, match=rf'"state" is in use by process {os.getpid()} on .* since 20'):
        StateFolder("state")
    assert "process" in (StateFolder("state", look=True).holder or "")
    folder.close()
    assert StateFolder("state", look=True).holder is None
    StateFolder("state").close()


def test_a_lock_that_says_nothing_locks_all_the_same(in_tmp: Path) -> None:
    folder = StateFolder("state")
    Path("state", LOCK).write_text("")
    with pytest.raises(RunError, match="in use by another process"):
        StateFolder("state")
    folder.close()


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('every = "10s"', 'every = "20s"', "stage[0].every"),
        ("SUM(x) AS x", "MAX(x) AS x", "stage[0].aggregate"),
        ("size = 10", "size = 11", "stage[1].detector.size"),
        ('x = "float64"', 'x = "int64"', "source.codec.schema"),
        ('partition_by = ["k"]', "", "sink[0].partition_by"),
        ('paths = ["in*"]', 'paths = ["in0"]', "source"),
        ("[batch]", '[time]\ndelay = "6s"\n[batch]', "time.delay"),
        ('[[sink]]\nfrom = "late"', '[[sink]]\nfrom = "late"\nwhere = "x > 0"', "sink[2].where"),
    ],
)
def test_a_flow_of_another_shape_is_refused(in_tmp: Path, old: str, new: str, place: str) -> None:
    make_input(rows=20)
    flow = Path(write_flow("windows", "out"))
    load(str(flow)).run(state="state")
    before, text = output("out"), flow.read_text()
    assert old in text
    flow.write_text(text.replace(old, new))
    with pytest.raises(FlowError) as caught:
        load(str(flow)).run(state="state")
    assert str(caught.value).startswith(f"out.toml: {place}")
    assert "--fresh" in str(caught.value)
    assert output("out") == before
    load(str(flow)).run(state="state", fresh=True)
    flow.write_text(text)
    load(str(flow)).run(state="state", fresh=True)
    assert output("out") == before


def test_what_shapes_nothing_may_change(in_tmp: Path) -> None:
    make_input(rows=40)
    load(write_flow("windows", "out")).run(state="state")
    before = output("out")
    flow = Path(write_flow("windows", "out", rows=33, bytes='"3kB"'))
    flow.write_text(flow.read_text().replace('"out/w"', '"out/elsewhere"').replace('"1h"', '"2h"'))
    load(str(flow)).run(state="state")
    after = output("out")
    assert {name: rows for name, rows in after.items() if not name.startswith("elsewhere")} == before
    moved = {name.replace("elsewhere/", "w/"): rows for name, rows in after.items() if "elsewhere" in name}
    assert moved == {name: rows for name, rows in before.items() if name.startswith("w/")}


def test_output_that_was_removed_is_made_again(in_tmp: Path) -> None:
    make_input(rows=40)
    flow = write_flow("all", "out")
    load(flow).run(state="state")
    before = output("out")
    for gone in ("out/w", "out/some"):
        shutil.rmtree(gone)
    Path("out/odd.ndjson").unlink()
    load(flow).run(state="state")
    assert output("out") == before


def test_damage_gives_the_right_output_or_is_refused(in_tmp: Path) -> None:
    make_input(rows=30)
    flow = write_flow("all", "out", rows=20)
    load(flow).run(state="state")
    before, rng = output("out"), random.Random(1)
    shutil.copytree("state", "good_state")
    shutil.copytree("out", "good_out")
    data = Path("state", LOG).read_bytes()
    head = data.index(b"\n")
    lengths = [*range(0, head, 97), head, *(rng.randrange(head + 1, len(data)) for _ in range(25))]
    flipped = [(rng.randrange(len(data)), 1 << rng.randrange(8)) for _ in range(30)]
    refused = 0
    for damaged in [
        *(data[:length] for length in lengths),
        *(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :] for at, bit in flipped),
    ]:
        Path("state", LOG).write_bytes(damaged)
        try:
            load(flow).run(state="state")
        except FlowError as error:
            assert "damaged in its first line" in str(error)  # noqa: PT017 it may be right, too
            refused += 1
        assert output("out") == before
        for name in ("state", "out"):
            shutil.rmtree(name)
            shutil.copytree(f"good_{name}", name)
    assert 5 <= refused <= len(lengths) + len(flipped) - 20


def test_every_damage_of_the_log_is_seen(in_tmp: Path) -> None:
    make_input(rows=30)
    load(write_flow("all", "out", rows=20)).run(state="state")
    data, rng = Path("state", LOG).read_bytes(), random.Random(2)
    plans = StateFolder("state", look=True).plans
    for length in range(0, len(data), 3):
        Path("state", LOG).write_bytes(data[:length])
        try:
            assert StateFolder("state", look=True).plans == plans[: data[:length].count(b"\n") - 1]
        except FlowError:
            assert b"\n" not in data[:length]
    for _ in range(500):
        at = rng.randrange(len(data))
        Path("state", LOG).write_bytes(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
        try:
            assert StateFolder("state", look=True).plans == plans[: data[:at].count(b"\n") - 1]
        except FlowError:
            assert b"\n" not in data[:at]


@pytest.mark.parametrize("junk", [b"\0" * 5000, b"x", b"", bytes(range(256)) * 9, b"{}\n{}\n"])
def test_what_is_no_log_is_refused(in_tmp: Path, junk: bytes) -> None:
    make_input(rows=20)
    flow = write_flow("windows", "out")
    os.mkdir("state")
    Path("state", LOG).write_bytes(junk)
    with pytest.raises(FlowError, match="damaged in its first line; begin anew with --fresh"):
        load(flow).run(state="state")
    load(flow).run(state="state", fresh=True)


@pytest.mark.parametrize("fails", range(1, 60, 4))
def test_a_disk_that_is_full_at_any_step(in_tmp: Path, monkeypatch: pytest.MonkeyPatch, fails: int) -> None:
    make_input(rows=30)
    load(write_flow("all", "whole", rows=30)).run(state="state_of_whole")
    flow, steps = write_flow("all", "out", rows=30), iter(range(fails - 1))

    def reached(_: str) -> None:
        if next(steps, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("penstock.durable.on_step", reached)
        with pytest.raises(PenstockError, match="No space left"):
            load(flow).run(state="state")
    load(flow).run(state="state")
    assert output("out") == output("whole")


def test_a_state_asks_for_nothing_that_depends_on_more_than_the_source(in_tmp: Path) -> None:
    make_input(rows=20)
    Path("t.csv").write_text("k,v\na,1\n")
    flow = load(write_flow("windows", "out"))
    flow.join(ps.Join("t.csv", on="k", reload=True))
    with pytest.raises(FlowError, match=r"stage\[2\].reload: must be false in a flow with a state"):
        flow.run(state="state")


def test_a_table_that_has_changed_is_another_flow(in_tmp: Path) -> None:
    make_input(rows=20)
    for value, match in (("1", None), ("1", None), ("2", r"stage\[2\].path \(content\)")):
        Path("t.csv").write_text(f"k,v\na,{value}\n")
        flow = load(write_flow("windows", "out"))
        flow.join(ps.Join("t.csv", on="k"))
        if match:
            with pytest.raises(FlowError, match=match):
                flow.run(state="state")
        else:
            flow.run(state="state")


def test_fresh_is_for_a_state(in_tmp: Path) -> None:
    make_input(rows=20)
    with pytest.raises(FlowError, match="fresh: is for a run with a state"):
        load(write_flow("windows", "out")).run(fresh=True)
