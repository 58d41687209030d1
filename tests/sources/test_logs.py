"""The files of a log are framed each by itself: byte order marks, headings, long lines, what is no UTF-8."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.codecs.framing import Framing
from penstock.errors import RunError
from penstock.sources import logs
from penstock.sources.following import FileFollower
from penstock.sources.logs import LONGEST
from penstock.text import Text


def add(path: str, text: str) -> None:
    with open(path, "a", newline="") as file:
        file.write(text)


def test_bytes_are_taken_as_from_any_file_in_each_generation(in_tmp: Path) -> None:
    text = b"\xef\xbb\xbffirst\r\n" + b"x" * 200 + b"\r\n\xff\xfe\r\nlast\r\n"
    Path("app.log").write_bytes(text)
    follower = FileFollower(["app.log*"], Framing(longest=100))
    follower.look()
    reader = follower.open("app.log", 0, 64)
    for number in range(3):
        lines, rejects = b"", []
        while not (chunk := reader.read()).idle:
            assert isinstance(chunk.data, Text)
            lines += chunk.data.to_bytes()
            rejects += [] if chunk.rejects is None else chunk.rejects.rows()
        assert lines == b"first\r\nlast\r\n"
        base = number * LONGEST
        assert [(at, raw[:3]) for at, raw, _ in rejects] == [(base + 10, b"xxx"), (base + 212, b"\xff\xfe")]
        assert chunk.position == base + len(text)
        os.rename("app.log", f"app.log.{number}")
        Path("app.log").write_bytes(text)
        follower.look()
        follower.look()
    follower.close()


def test_each_generation_has_a_heading_of_its_own_and_one_is_found_from_any_position(in_tmp: Path) -> None:
    def headings(state: object, position: int) -> list[tuple[bytes, bytes]]:
        follower = FileFollower(["app.log*"], Framing(longest=100, heading=b""), state=state)
        follower.look()
        follower.look()
        reader, found = follower.open("app.log", position, 1000), []
        while not (chunk := reader.read()).idle:
            assert isinstance(chunk.data, Text)
            found.append((chunk.data.heading, chunk.data.to_bytes()))
        states.append(follower.state({"app.log": chunk.position}))
        follower.close()
        return found

    states: list[object] = []
    add("app.log", "a,b\n1,2\n")
    assert headings(None, 0) == [(b"", b"a,b\n1,2\n")]
    add("app.log", "3,4\n")
    os.rename("app.log", "app.log.1")
    add("app.log", "b,a\n5,6\n")
    assert headings(states[-1], 8) == [(b"a,b", b"3,4\n"), (b"", b"b,a\n5,6\n")]
    add("app.log", "7,8\n")
    assert headings(states[-1], LONGEST + 8) == [(b"b,a", b"7,8\n")]


def test_a_file_longer_than_offsets_can_tell_ends_the_run_in_one_line(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LONGEST", 10)
    add("app.log", "a line and more\n")
    follower = FileFollower(["app.log"], Framing(longest=100))
    follower.look()
    with pytest.raises(RunError, match=r'"app\.log" is longer than 1 TiB'):
        follower.open("app.log", 0, 1000).read()
    follower.close()
