from __future__ import annotations

import gzip
import io
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.errors import FlowError, RunError
from penstock.text import Text

SIZES = [1, 7, 1000, 65_536, 1 << 20]


def files(*paths: str, longest: str = "1MiB") -> ps.Files:
    return ps.Files(list(paths), codec="combined", max_line_bytes=longest)


def read(
    path: Path, size: int, position: int = 0, longest: str = "1MiB"
) -> tuple[bytes, list[tuple[int, bytes, str]], list[int]]:
    """Return all bytes of whole lines, all rejects and all positions that a reader gives."""
    reader = files(str(path), longest=longest).open(str(path), position, size)
    parts, rejects, positions = [], [], [position]
    while (chunk := reader.read()) is not None:
        assert isinstance(chunk.data, Text)
        if chunk.data.size:
            assert chunk.position == chunk.start + chunk.data.size
        parts.append(chunk.data.to_bytes())
        assert chunk.position >= positions[-1]
        positions.append(chunk.position)
        if chunk.rejects is not None:
            rejects += chunk.rejects.rows()
    assert reader.read() is None
    reader.close()
    reader.close()
    return b"".join(parts), rejects, positions


@pytest.fixture
def tree(in_tmp: Path) -> Path:
    for name in [
        "a.log", "b.log", "b.log.1", "B.LOG", "two.dots.log", "a[1].log", "a*.log", "what?", "no ending",
        ".hidden.log", "logs/x.log", "logs/y.txt", "logs/.hidden", "logs/deep/er/z.log", "logs/.git/config",
        "-rf", "ü.log", "new\nline.log",
    ]:  # fmt: skip
        path = in_tmp / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (in_tmp / "empty" / ".only" / "hidden").mkdir(parents=True)
    return in_tmp


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a.log"], ["a.log"]),
        (["a.log", "b.log", "a.log"], ["a.log", "b.log"]),
        (["b.log", "a.log"], ["a.log", "b.log"]),
        (["?.log"], ["a.log", "b.log", "ü.log"]),
        (["[ab].log"], ["a.log", "b.log"]),
        (["b*"], ["b.log", "b.log.1"]),
        (["*.dots.*"], ["two.dots.log"]),
        (["a[1].log"], ["a[1].log"]),
        (["a*.log"], ["a*.log"]),  # a file of that name is there: it is meant
        (["what?", "-rf", "no ending"], ["-rf", "no ending", "what?"]),
        (["new\nline.log"], ["new\nline.log"]),
        ([".hidden.log"], [".hidden.log"]),
        (["logs"], ["logs/deep/er/z.log", "logs/x.log", "logs/y.txt"]),
        (["logs/"], ["logs/deep/er/z.log", "logs/x.log", "logs/y.txt"]),
        (["log[s]"], ["logs/deep/er/z.log", "logs/x.log", "logs/y.txt"]),
        (["logs/*"], ["logs/deep/er/z.log", "logs/x.log", "logs/y.txt"]),
        (["logs/*.log"], ["logs/x.log"]),
        (["logs/**/*.log"], ["logs/deep/er/z.log", "logs/x.log"]),
        (["logs/.git"], ["logs/.git/config"]),
        (["logs", "logs/x.log", "logs/*"], ["logs/deep/er/z.log", "logs/x.log", "logs/y.txt"]),
        (["a.log", "./a.log", "logs/../a.log"], ["./a.log"]),
        (["./logs/x.log", "logs"], ["./logs/x.log", "logs/deep/er/z.log", "logs/y.txt"]),
    ],
)
def test_which_files(tree: Path, paths: list[str], found: list[str]) -> None:
    assert files(*paths).splits() == found


def test_links_to_one_file_are_one_split(tree: Path) -> None:
    os.symlink("a.log", "current.log")
    os.link("a.log", "hard.log")
    os.symlink("logs", "more")
    assert files("a.log", "current.log", "hard.log").splits() == ["a.log"]
    assert files("more", "logs/x.log").splits() == [
        "logs/x.log",
        "more/deep/er/z.log",
        "more/y.txt",
    ]


@pytest.mark.parametrize(
    ("paths", "place", "rule"),
    [
        ([], "paths", "is empty"),
        (["nope.log"], "paths[0]", 'there is no file "nope.log"'),
        (["a.log", "*.gz"], "paths[1]", '"*.gz" is a pattern that matches no file'),
        (["empty"], "paths[0]", '"empty" is a directory without files'),
        (["a.log/x"], "paths[0]", 'cannot read "a.log/x": Not a directory'),
        (["dangling"], "paths[0]", 'there is no file "dangling"'),
        (["/dev/null"], "paths[0]", "must be a regular file"),
        (["pipe"], "paths[0]", "must be a regular file"),
    ],
)
def test_nothing_to_read(tree: Path, paths: list[str], place: str, rule: str) -> None:
    os.symlink("gone", "dangling")
    os.mkfifo("pipe")
    with pytest.raises(FlowError) as caught:
        files(*paths).splits()
    [mistake] = caught.value.mistakes
    assert mistake.place == place
    assert mistake.rule.startswith(rule)
    assert "\n" not in str(caught.value)


def test_a_folder_that_may_not_be_listed_is_not_passed_over(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(FlowError, match='cannot read "logs/deep": Permission denied'):
        files("logs").splits()


def test_a_file_that_goes_away_before_its_turn(tree: Path) -> None:
    source = files("a.log")
    os.remove("a.log")
    with pytest.raises(FlowError, match=r'there is no file "a\.log"'):
        source.open("a.log", 0, 10)


class Dying(io.BytesIO):
    def readinto(self, buffer: object) -> int:
        raise OSError(5, "Input/output error")


def test_a_device_that_fails(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = files("a.log").open("a.log", 0, 10)
    reader.close()
    monkeypatch.setattr(reader, "_unpacked", Dying())
    with pytest.raises(RunError, match=r'cannot read "a\.log": Input/output error'):
        reader.read()
    with pytest.raises(FlowError, match=r'cannot read "/proc/self/mem": Input/output error'):
        files("a.log").open("/proc/self/mem", 0, 10)


def plain(path: Path, text: bytes) -> None:
    path.write_bytes(text)


def packed(path: Path, text: bytes) -> None:
    path.write_bytes(gzip.compress(text[: len(text) // 3], 1) + gzip.compress(text[len(text) // 3 :], 1))


def in_ascii(data: bytes) -> bytes:
    return bytes(byte & 127 for byte in data)


STORED = pytest.mark.parametrize("store", [plain, packed])
Store = Callable[[Path, bytes], None]
TEXTS = st.lists(
    st.one_of(st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.binary(max_size=30).map(in_ascii)), max_size=20
).map(b"".join)


@STORED
@settings(max_examples=60, derandomize=True)
@given(text=TEXTS, size=st.sampled_from(SIZES))
def test_every_read_size_gives_the_bytes_that_are_there(
    tmp_path_factory: pytest.TempPathFactory, store: Store, text: bytes, size: int
) -> None:
    path = tmp_path_factory.mktemp("a") / "log"
    store(path, text)
    assert read(path, size)[:2] == (text, [])


@STORED
@pytest.mark.parametrize(
    "text", [b"", b"\n", b"\n" * 5000, b"no end", b"a\nno end", b"\r\n\r\n", b"\r", b"\0" * 4000]
)
@pytest.mark.parametrize("size", SIZES)
def test_odd_files(tmp_path: Path, store: Store, text: bytes, size: int) -> None:
    store(tmp_path / "log", text)
    assert read(tmp_path / "log", size)[:2] == (text, [])


@STORED
@pytest.mark.parametrize("size", [1, 10, 64, 1000])
def test_reading_on_at_every_position(tmp_path: Path, store: Store, size: int) -> None:
    rng, path = random.Random(2), tmp_path / "log"
    text = b"".join(
        in_ascii(rng.randbytes(rng.choice([0, 3, 30, 90]))).translate(None, b"\r\n") + b"\n"
        for _ in range(40)
    )
    store(path, text + b"the last")
    data, rejects, positions = read(path, size, longest="50")
    assert rejects
    assert positions[-1] == len(text) + len(b"the last")
    starts = {0, *(i + 1 for i, byte in enumerate(text) if byte == 10), positions[-1]}
    assert set(positions) <= starts
    for position in set(positions):
        rest, more, _ = read(path, 17, position, longest="50")
        assert data.endswith(rest)
        assert more == [reject for reject in rejects if reject[0] >= position]
        whole = sum(len(raw) + 1 for _, raw, _ in more)
        assert position + len(rest) + whole == positions[-1]


@STORED
def test_a_position_past_the_end(tmp_path: Path, store: Store) -> None:
    store(tmp_path / "log", b"a\nb\n")
    assert read(tmp_path / "log", 10, position=4)[:2] == (b"", [])
    assert read(tmp_path / "log", 10, position=900)[:2] == (b"", [])


@STORED
def test_binary_garbage(tmp_path: Path, store: Store) -> None:
    text = in_ascii(random.Random(4).randbytes(5_000_000))
    store(tmp_path / "log", text)
    results = [read(tmp_path / "log", size, longest="1000") for size in (10_000, 1 << 20)]
    assert results[0][:2] == results[1][:2]
    data, rejects, _ = results[0]
    lines = text.split(b"\n")
    long = [line for line in lines if len(line.removesuffix(b"\r")) > 1000]
    assert [raw for _, raw, _ in rejects] == [line.removesuffix(b"\r")[:1024] for line in long]
    assert data == b"".join(line + b"\n" for line in lines if line not in set(long)).removesuffix(b"\n")


@STORED
def test_a_line_of_100_mb(tmp_path: Path, store: Store) -> None:
    path, size = tmp_path / "log", 100_000_000
    with path.open("wb") if store is plain else gzip.open(path, "wb", 1) as file:
        file.write(b"good\n")
        if store is plain:
            file.truncate(size)
            file.seek(size)
        else:
            for _ in range(100):
                file.write(bytes(1_000_000))
        file.write(b"\ngood\n")
    read(path, 1 << 20)  # what is compiled and imported once is not counted
    tracemalloc.start()
    data, rejects, _ = read(path, 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data == b"good\ngood\n"
    assert rejects == [(5, bytes(1024), "a line longer than max_line_bytes, 1048576")]
    assert peak < 8_000_000


def test_the_description_says_whether_files_are_followed() -> None:
    assert files("a").follower() is None
    assert ps.Files("a", codec="combined", follow=True).follower() is not None
