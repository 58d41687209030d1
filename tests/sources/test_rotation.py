"""What became of files is told rightly in thousands of histories of files that exist in memory only."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from penstock.sources.rotation import HEAD, TAIL, Generation, Is, Verdict, verdicts


@dataclass(eq=False)
class File:
    """A file, and what a file that is seen is asked for."""

    inode: int
    content: bytes = b""
    packed: bool = False
    path: str = ""

    @property
    def identity(self) -> tuple[int, int]:
        return 1, self.inode

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def head(self) -> bytes:
        return self.content[:HEAD]

    def before(self, position: int, size: int) -> bytes | None:
        return None if position > len(self.content) else self.content[max(0, position - size) : position]


def known_of(
    file: File, log: str = "log", number: int = 0, position: int | None = None, **more: bool
) -> Generation:
    """Return what is known of a file that was read up to `position`, or its end."""
    content = file.content if position is None else file.content[:position]
    size = len(content)
    return Generation(log, number, *file.identity, file.head[:size], 0, size, size, content[-TAIL:], **more)


@dataclass
class Followed:
    """A generation as one who reads everything at each look knows it."""

    log: str
    number: int
    file: File
    inode: int
    read: bytes
    done: bool = False

    def known(self, named: bool) -> Generation:
        if not self.done and self.file.inode == self.inode and self.file.content.startswith(self.read):
            self.read = self.file.content
        head, size, last = self.read[:HEAD], len(self.read), self.read[-TAIL:]
        return Generation(self.log, self.number, 1, self.inode, head, 0, size, size, last, self.done, named)


@dataclass
class Disk:
    """Files in memory whose inodes are used again, and who follows them."""

    rng: random.Random
    headers: list[bytes]
    files: dict[str, File] = field(default_factory=dict)
    free: list[int] = field(default_factory=lambda: list(range(1, 100)))
    followed: list[Followed] = field(default_factory=list)
    looks: int = 0

    def name(self) -> str:
        return self.rng.choice(sorted(self.files))

    def create(self, path: str, content: bytes, packed: bool = False) -> None:
        self.remove(path)
        self.files[path] = File(self.free.pop(0), content, packed)

    def remove(self, path: str) -> None:
        if path in self.files:
            self.free.insert(0, self.files.pop(path).inode)

    def text(self) -> bytes:
        return self.rng.randbytes(self.rng.choice([3, 40, 1500]))

    def act(self) -> None:
        new = self.rng.choice(["a", "b", "a.1", "a.2", "b.1", "a.gz"])
        acts = [self.write, self.write, self.write, self.rename, self.empty, self.copy_and_empty]
        acts += [self.compress, lambda: self.remove(self.name()), self.replace]
        if not self.files or self.rng.random() < 0.2:
            self.create(new, self.rng.choice(self.headers) + self.rng.choice([b"", self.text()]))
        else:
            self.rng.choice(acts)()

    def write(self) -> None:
        file = self.files[self.name()]
        if not file.packed:
            file.content += self.text()

    def rename(self) -> None:
        old, new = self.name(), self.rng.choice(["a.1", "a.2", "b.1", "out of sight"])
        if old != new:
            self.remove(new)
            self.files[new] = self.files.pop(old)

    def empty(self) -> None:
        file = self.files[self.name()]
        if not file.packed:
            file.content = self.rng.choice([b"", self.rng.choice(self.headers) + self.text()])

    def copy_and_empty(self) -> None:
        name = self.name()
        if not name.endswith("gz"):
            self.create(f"{name}.copy", self.files[name].content)
            self.files[name].content = b""

    def compress(self) -> None:
        name = self.name()
        if not self.files[name].packed:
            self.create(f"{name}.gz", self.files[name].content, packed=True)
            self.remove(name)

    def replace(self) -> None:
        name = self.name()
        self.create(name, self.files[name].content + self.rng.choice([b"", self.text()]))

    def look(self) -> list[tuple[File, Verdict, bytes]]:
        """Look; return what was seen, what was told of it, and what was known to be in it."""
        for path, file in self.files.items():
            file.path = path
        named = [any(file is f.file for file in self.files.values()) for f in self.followed]
        known = [f.known(is_named and not f.done) for f, is_named in zip(self.followed, named, strict=True)]
        seen = [file for path, file in sorted(self.files.items()) if path != "out of sight"]
        told = []
        for file, verdict in zip(seen, verdicts(seen, known, first=self.looks == 0), strict=True):
            followed = next(
                (f for f, g in zip(self.followed, known, strict=True) if g is verdict.generation), None
            )
            told.append((file, verdict, followed.read if followed else b""))
        for file, verdict, _ in told:
            followed = next(
                (f for f, g in zip(self.followed, known, strict=False) if g is verdict.generation), None
            )
            if verdict.what is Is.NEW:
                number = sum(f.log == file.path for f in self.followed)
                self.followed.append(Followed(file.path, number, file, file.inode, file.content))
            elif verdict.what is Is.COPY and followed:
                followed.file, followed.inode = file, file.inode
        here = {id(file) for file, verdict, _ in told if verdict.what is not Is.NOTHING}
        for f in self.followed:
            cut = not f.file.content.startswith(f.read)
            f.done = f.done or cut or (id(f.file) not in here and f.file not in self.files.values())
        self.looks += 1
        return told


@pytest.mark.parametrize("part", range(4))
def test_what_is_left_out_is_what_was_read_byte_for_byte(part: int) -> None:
    told_of = dict.fromkeys(Is, 0)
    for seed in range(part * 700, part * 700 + 700):
        rng = random.Random(seed)
        headers = rng.choice([[b""], [b"", b"time,host\n"], [b"#" * 1200 + b"\n"]])
        disk = Disk(rng, headers)
        for _ in range(40):
            disk.act()
            if rng.random() < 0.5:
                for file, verdict, read in disk.look():
                    told_of[verdict.what] += 1
                    if verdict.what in (Is.SAME, Is.COPY):
                        assert file.content.startswith(read), (seed, file.path, verdict)
                    assert (verdict.what is Is.NOTHING) == (not file.content)
    assert all(count > 20 for count in told_of.values()), told_of


@pytest.mark.parametrize("part", range(4))
def test_what_was_read_is_not_read_again(part: int) -> None:
    for seed in range(part * 700, part * 700 + 700):
        rng = random.Random(seed)
        disk = Disk(rng, [b""])
        taken: list[bytes] = []
        for _ in range(40):
            disk.act()
            if rng.random() < 0.6:
                for file, verdict, _ in disk.look():
                    if verdict.what is Is.NEW:
                        # Shorter ones in the place of a log are read again rather than left out in error.
                        alike = [
                            read for read in taken if len(read) >= HEAD and file.content.startswith(read)
                        ]
                        assert not alike or disk.looks == 1, (seed, file.path)
                taken += [f.read for f in disk.followed if f.read not in taken]


A = b"".join(b"%d a line\n" % i for i in range(300))
CSV = b"time,host,path\n"


def only(sight: File, *known: Generation) -> tuple[Is, Generation | None]:
    [verdict] = verdicts([sight], known)
    return verdict.what, verdict.generation


def test_a_file_is_the_same_under_another_name_and_when_it_has_grown() -> None:
    known = known_of(File(7, A[:1000]))
    for path in ("log", "log.1"):
        assert only(File(7, A, path=path), known) == (Is.SAME, known)


@pytest.mark.parametrize(
    "content",
    [
        A[:999],  # shorter than what was read
        b"x" + A[1:],  # begins otherwise, however long
        A[:900] + b"x" * 3000,  # grown again past the position, with the same beginning
    ],
)
def test_a_file_that_was_emptied_or_whose_inode_another_one_has_is_new(content: bytes) -> None:
    known = known_of(File(7, A[:1500], path="log"), position=1000)
    assert only(File(7, content, path="log"), known) == (Is.NEW, None)


def test_a_file_that_shares_a_long_header_is_no_copy() -> None:
    header = b"#" * 5000 + b"\n"
    known = known_of(File(7, header + A))
    assert only(File(8, header + b"other lines\n" * 1000, path="log.1"), known) == (Is.NEW, None)


def test_a_copy_is_known_once_its_origin_is_emptied_or_gone() -> None:
    known = known_of(File(7, A, path="log"))
    copy, emptied, again = (
        File(8, A, path="log.1"),
        File(7, b"", path="log"),
        File(7, b"0 more\n", path="log"),
    )
    assert [v.what for v in verdicts([File(7, A, path="log"), copy], [known])] == [Is.SAME, Is.PERHAPS]
    assert [v.what for v in verdicts([emptied, copy], [known])] == [Is.NOTHING, Is.COPY]
    assert [v.what for v in verdicts([again, copy], [known])] == [Is.NEW, Is.COPY]
    assert only(File(9, A, packed=True, path="log.1.gz"), known) == (Is.COPY, known)


def test_only_one_file_is_the_copy() -> None:
    known = known_of(File(7, A))
    told = verdicts([File(8, A, path="log.1"), File(9, A, path="log.2")], [known])
    assert [verdict.what for verdict in told] == [Is.COPY, Is.PERHAPS]


def test_a_copy_that_is_being_made_is_not_yet_a_file_of_its_own() -> None:
    origin = File(7, A, path="log")
    known = known_of(origin)
    for size in (1, 500, 1024, 2000):
        assert verdicts([origin, File(8, A[:size], path="log.1")], [known])[1].what is Is.PERHAPS
    assert verdicts([origin, File(8, A[:500] + b"x", path="log.1")], [known])[1].what is Is.NEW


def test_a_file_that_shares_a_long_header_with_one_that_is_there_need_not_wait() -> None:
    origin = File(7, b"#" * 5000 + A, path="log")
    other = File(8, b"#" * 5000 + b"other\n", path="other")
    assert verdicts([origin, other], [known_of(origin)])[1].what is Is.NEW
    assert verdicts([File(9, other.content + b"x", path="third"), other], [])[0].what is Is.NEW


def test_two_that_are_new_and_alike_are_both_new_only_at_the_very_first_look() -> None:
    pair = [File(7, A, path="log"), File(8, A, path="log.1")]
    assert [v.what for v in verdicts(pair, [], first=True)] == [Is.NEW, Is.NEW]
    assert [v.what for v in verdicts(pair, [])] == [Is.NEW, Is.PERHAPS]


def test_the_successor_of_a_log_may_begin_with_the_same_header() -> None:
    old = File(7, CSV, path="log")
    renamed = known_of(old, named=True)
    assert only(File(8, CSV, path="log"), renamed) == (Is.NEW, None)
    gone = known_of(old)
    assert only(File(8, CSV, path="log"), gone) == (Is.NEW, None)
    assert only(File(8, CSV + b"rows\n", path="another log"), gone) == (Is.NEW, None)


def test_a_file_that_an_editor_replaced_goes_on_where_it_was_read_to() -> None:
    known = known_of(File(7, A, path="log"))
    assert only(File(8, A + b"more\n", path="log"), known) == (Is.COPY, known)
    assert only(File(8, A[10:], path="log"), known) == (Is.NEW, None)
