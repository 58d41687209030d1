"""What a followed log gives of each thing that may be done to it."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.sources.following import PATIENCE, SETTLED
from penstock.sources.logs import LONGEST
from rotations import Following

LONG = "".join(f"{i} a line that is one of many\n" for i in range(100))


def add(path: str, text: str) -> None:
    with open(path, "a", newline="") as file:
        file.write(text)


def pack(name: str, text: bytes) -> None:
    Path(name).write_bytes(gzip.compress(text))


def new_lines(following: Following, looks: int = 3) -> dict[str, list[str]]:
    """Look a few times; return the lines that came since, by split."""
    before = {split: len(lines) for split, lines in following.lines.items()}
    for _ in range(looks):
        following.step()
    found = {split: lines[before.get(split, 0) :] for split, lines in following.lines.items()}
    return {split: [line.decode() for line in lines] for split, lines in found.items() if lines}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while Following.begun:
        Following.begun.pop().close()


@pytest.fixture
def log(in_tmp: Path) -> Following:
    add("app.log", "one\ntwo\n")
    following = Following()
    assert new_lines(following) == {"app.log": ["one", "two"]}
    return following


def test_a_line_waits_for_its_end(log: Following) -> None:
    for part in "th", "re", "e":
        add("app.log", part)
        assert new_lines(log) == {}
    add("app.log", "\nfo")
    assert new_lines(log) == {"app.log": ["three"]}


def test_a_renamed_file_is_read_to_its_end_before_the_next_begins(log: Following) -> None:
    add("app.log", "three\n")
    os.rename("app.log", "app.log.1")
    log.look()
    add("app.log.1", "four\n")
    add("app.log", "five\n")
    log.look()
    add("app.log.1", "by one who has not yet heard of the new file\n")
    told = ["three", "four", "by one who has not yet heard of the new file", "five"]
    assert new_lines(log) == {"app.log": told}


def test_offsets_tell_the_generation_and_the_byte_in_its_file(log: Following) -> None:
    for name in "app.log.1", "app.log.2":
        os.rename("app.log", name)
        add("app.log", "x\ny\n")
        new_lines(log)
    assert log.offsets == [("app.log", 0), ("app.log", LONGEST), ("app.log", 2 * LONGEST)]
    assert log.positions == {"app.log": 2 * LONGEST + 4}


def test_a_deleted_file_is_read_to_the_end_of_what_is_open(in_tmp: Path) -> None:
    add("app.log", "one\n")
    following = Following("app.log")
    following.step()
    with open("app.log", "a") as writer:
        os.remove("app.log")
        writer.write("two\n")
        writer.flush()
        assert new_lines(following) == {"app.log": ["two"]}
        writer.write("three\nwithout an end")
        writer.flush()
        assert new_lines(following, PATIENCE - 2) == {"app.log": ["three"]}
    assert new_lines(following, PATIENCE) == {"app.log": ["without an end"]}
    add("app.log", "four\n")
    assert new_lines(following) == {"app.log": ["four"]}


def test_a_rotated_file_out_of_sight_is_read_to_its_end(in_tmp: Path) -> None:
    add("app.log", "one\n")
    following = Following("app.log")
    following.step()
    add("app.log", "two\n")
    os.rename("app.log", "elsewhere")
    add("elsewhere", "three\n")
    add("app.log", "four\n")
    assert new_lines(following) == {"app.log": ["two", "three", "four"]}


@pytest.mark.parametrize("again", ["", "1\n", "one\n2\n", "one\nTWO\nthree\n", LONG])
def test_a_file_that_is_emptied_begins_again_however_far_it_has_grown_since(
    log: Following, again: str
) -> None:
    os.truncate("app.log", 0)
    add("app.log", again)
    assert new_lines(log) == ({"app.log": again.splitlines()} if again else {})
    assert not again or log.positions["app.log"] == LONGEST + len(again)


@pytest.mark.parametrize("who_sees_it_first", ["look", "read"])
def test_the_same_beginning_does_not_hide_that_a_file_was_emptied(
    who_sees_it_first: str, in_tmp: Path
) -> None:
    add("app.log", "#" * 2000 + "\n" + "old\n" * 100)
    following = Following()
    following.step()
    os.truncate("app.log", 0)
    add("app.log", "#" * 2000 + "\n" + "new\n" * 1000)
    if who_sees_it_first == "read":
        following.read("app.log")
    assert new_lines(following) == {"app.log": ["#" * 2000, *["new"] * 1000]}


def test_what_was_emptied_before_it_was_read_is_read_from_the_copy(log: Following) -> None:
    add("app.log", "three\n")
    shutil.copyfile("app.log", "app.log.1")
    os.truncate("app.log", 0)
    add("app.log", "four\n")
    assert new_lines(log) == {"app.log": ["three", "four"]}


@pytest.mark.parametrize("copied", [3, 4, 8])
def test_a_copy_that_is_seen_before_its_origin_is_emptied_is_no_log(log: Following, copied: int) -> None:
    Path("app.log.1").write_bytes(Path("app.log").read_bytes()[:copied])
    assert new_lines(log) == {}
    shutil.copyfile("app.log", "app.log.1")
    assert new_lines(log, PATIENCE - 5) == {}
    os.truncate("app.log", 0)
    add("app.log", "three\n")
    assert new_lines(log, PATIENCE + 5) == {"app.log": ["three"]}


def test_a_twin_is_a_log_of_its_own_as_soon_as_it_differs_or_after_a_while(log: Following) -> None:
    add("app.log.old", "one\n")
    assert new_lines(log) == {}
    add("app.log.old", "2\n")
    assert new_lines(log) == {"app.log.old": ["one", "2"]}
    shutil.copyfile("app.log", "app.log.twin")
    assert new_lines(log, PATIENCE - 3) == {}
    assert new_lines(log, 10) == {"app.log.twin": ["one", "two"]}


def test_compressed_files_are_read_once_and_not_if_they_hold_what_was_read(log: Following) -> None:
    os.rename("app.log", "app.log.1")
    pack("app.log.1.gz", b"one\ntwo\n")
    os.remove("app.log.1")
    pack("app.log.2.gz", b"other\nlines\n")
    add("app.log", "three\n")
    assert new_lines(log, SETTLED) == {"app.log": ["three"]}
    assert new_lines(log, 10) == {"app.log.2.gz": ["other", "lines"]}
    log.restart()
    os.rename("app.log.1.gz", "app.log.3.gz")
    assert new_lines(log, PATIENCE + SETTLED) == {}


def test_a_compressed_file_that_is_being_written_is_left_until_it_is_whole(log: Following) -> None:
    packed = gzip.compress(LONG.encode())
    for at in range(0, len(packed), 100):
        with open("app.log.gz", "ab") as file:
            file.write(packed[at : at + 100])
        assert new_lines(log, SETTLED - 2) == {}
    assert new_lines(log, SETTLED + 2) == {"app.log.gz": LONG.splitlines()}


def test_what_was_compressed_while_nobody_read_is_read_on_where_it_was_left(log: Following) -> None:
    def meanwhile() -> None:
        add("app.log", "three\n")
        pack("app.log.1.gz", Path("app.log").read_bytes())
        os.remove("app.log")
        add("app.log", "four\n")

    log.restart(meanwhile=meanwhile)
    assert new_lines(log) == {"app.log": ["three", "four"]}


def test_lines_that_are_added_to_a_rotated_file_too_late_come_under_its_name(log: Following) -> None:
    os.rename("app.log", "app.log.1")
    add("app.log", "three\n")
    assert new_lines(log) == {"app.log": ["three"]}
    add("app.log.1", "a worker that was still busy\n")
    assert new_lines(log) == {"app.log.1": ["a worker that was still busy"]}
    assert log.offsets[-1] == ("app.log.1", len("one\ntwo\n"))


def test_a_file_that_an_editor_replaced_goes_on_if_it_is_long_enough_to_tell(log: Following) -> None:
    def replace(text: str) -> None:
        Path("new").write_text(text)
        os.replace("new", "app.log")

    replace("one\ntwo\nthree\n")
    assert new_lines(log) == {"app.log": ["one", "two", "three"]}
    add("app.log", LONG)
    assert new_lines(log) == {"app.log": LONG.splitlines()}
    replace(Path("app.log").read_text() + "more\n")
    assert new_lines(log) == {"app.log": ["more"]}


def test_a_link_that_points_to_the_next_file(in_tmp: Path) -> None:
    add("monday", "one\n")
    os.symlink("monday", "current")
    following = Following("current")
    following.step()
    add("tuesday", "three\n")
    add("monday", "two\n")
    os.symlink("tuesday", "next")
    os.replace("next", "current")
    assert new_lines(following) == {"current": ["two", "three"]}


def test_files_that_are_not_there_yet_are_waited_for(in_tmp: Path) -> None:
    os.mkdir("logs")
    following = Following("later.log", "logs", "logs/d*p/*.txt")
    assert following.look() == []
    add("later.log", "a\n")
    add("logs/b.log", "b\n")
    add("logs/.hidden", "no\n")
    os.mkdir("logs/deep")
    add("logs/deep/c.txt", "")
    assert following.look() == ["later.log", "logs/b.log"]
    add("logs/deep/c.txt", "c\n")
    os.mkfifo("logs/pipe")
    assert new_lines(following) == {"later.log": ["a"], "logs/b.log": ["b"], "logs/deep/c.txt": ["c"]}
    shutil.rmtree("logs")
    assert new_lines(following, PATIENCE + 3) == {}


def test_from_the_end_and_begun_anew_in_the_middle_of_a_line(in_tmp: Path) -> None:
    add("app.log", "old\nbeg")
    pack("old.gz", b"old\n")
    following = Following("app.log", "*.gz", from_end=True)
    assert new_lines(following, SETTLED + 3) == {}
    following.restart()
    add("app.log", "un")
    assert new_lines(following, SETTLED + 3) == {}
    following.restart()
    add("app.log", " before\nnew\n")
    add("app.log", "newer\n")
    assert new_lines(following) == {"app.log": ["new", "newer"]}
    following.restart()
    assert new_lines(following, SETTLED + 3) == {}
