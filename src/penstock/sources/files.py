"""Files of lines, plain or compressed: a path, a pattern, a directory."""

from __future__ import annotations

import glob
import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Annotated, BinaryIO, ClassVar, Literal

from pydantic import BeforeValidator

from penstock.codecs import codec_named
from penstock.codecs.framing import Framer, Framing
from penstock.errors import FlowError, RunError
from penstock.fields import Names, Size, description, shown
from penstock.model import Chunk, Codec, Decoder, Headed, Text
from penstock.sources.packed import Unpacked, unpacked
from penstock.units import size_in_bytes

_STEP = 1024 * 1024


@description
class Files:
    """Lines of files, plain or compressed; a path, a glob pattern or a directory, one or several.

    Each file is a split, once, however often it is named (by its first path then, as paths are sorted). A
    directory stands for all files in and below it whose names do not begin with a dot. gzip, zstd, bz2, xz
    and lz4 are told by content, not by name. `_source` is the path, `_offset` the byte the line begins at (of
    the decompressed data).

    A line longer than `max_line_bytes` is rejected, its first KiB kept. A line that is not UTF-8 is rejected
    too, or has U+FFFD in the place of what is wrong if `invalid_utf8` is "replace".
    """

    EXAMPLE: ClassVar[str] = 'type = "files"\npaths = ["access.log"]\ncodec = "combined"'

    paths: Names
    codec: Annotated[Codec | str, BeforeValidator(codec_named)]
    max_line_bytes: Size = "1MiB"
    invalid_utf8: Literal["reject", "replace"] = "reject"

    @property
    def schema(self) -> None:
        """None: the codec knows the columns."""

    def decoder(self, sample: bytes) -> Decoder:
        """Make the codec's decoder."""
        return codec_named(self.codec).decoder(sample)

    def splits(self) -> Sequence[str]:
        """Return the paths of all files, sorted; FlowError names the path or pattern that gives none."""
        if not self.paths:
            raise FlowError.at("paths", "is empty; name a file, a glob pattern or a directory")
        found: dict[tuple[int, int], str] = {}
        for i, path in enumerate(self.paths):
            if "\0" in path or not path:
                raise FlowError.at(f"paths[{i}]", f"must be a path, got {shown(path)}")
            try:
                files = sorted(_files_of(path))
            except OSError as error:
                raise FlowError.at(f"paths[{i}]", _refused(error.filename, error)) from None
            if not files:
                raise FlowError.at(f"paths[{i}]", _nothing(path))
            for file in files:
                which = _readable_file(file, f"paths[{i}]")
                found[which] = min(found.get(which, file), file)
        return sorted(found.values())

    def open(self, split: str, position: int, size: int) -> _FileReader:
        """Open a file to read at `position`."""
        return _FileReader(split, position, size, self._framing())

    def _framing(self) -> Framing:
        codec = codec_named(self.codec)
        return Framing(
            longest=size_in_bytes(self.max_line_bytes),
            invalid_utf8=self.invalid_utf8,
            heading=codec.heading if isinstance(codec, Headed) else None,
        )


class _FileReader:
    def __init__(self, path: str, position: int, size: int, framing: Framing) -> None:
        self._path = path
        self._size = size
        self._chunks: deque[Chunk] = deque()
        try:
            self._file: BinaryIO = open(path, "rb", buffering=0)  # noqa: SIM115 closed in close()
        except OSError as error:
            raise FlowError.at("paths", _refused(path, error)) from None
        try:
            self._unpacked = unpacked(self._file)
            if framing.heading is None:
                heading, here = b"", self._unpacked.skip(position)
            else:
                heading, here = _heading_at(self._unpacked, position, framing)
        except FlowError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise FlowError.at("paths", _refused(path, error)) from None
        self._framer = Framer(position, framing, heading)
        self._ended = not here

    def read(self) -> Chunk | None:
        """Return the next whole lines; see `Reader.read`."""
        if not self._chunks and not self._ended:
            count = self._read_bytes()
            if count:
                self._chunks.extend(self._framer.push(count))
            else:
                self._ended = True
                self._chunks.extend(self._framer.finish(self._unpacked.damage))
        if self._chunks:
            return self._chunks.popleft()
        return None if self._ended else self._nothing_yet()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_bytes(self) -> int:
        try:
            return self._unpacked.readinto(self._framer.room(self._size))
        except OSError as error:
            raise RunError(_refused(self._path, error)) from None

    def _nothing_yet(self) -> Chunk:
        return Chunk(Text.of(b""), self._framer.position, self._framer.position)


def _heading_at(data: Unpacked, position: int, framing: Framing) -> tuple[bytes, bool]:
    """Read up to `position`; return the heading in force there, and whether there were that many bytes."""
    framer = Framer(0, framing)
    while position:
        count = data.readinto(framer.room(_STEP)[:position])
        if not count:
            break
        framer.push(count)
        position -= count
    return framer.heading, position == 0


def _files_of(path: str) -> Iterator[str]:
    pattern = glob.has_magic(path) and not os.path.lexists(path)
    matches = glob.glob(path, recursive=True) if pattern else [path]
    for match in matches:
        if os.path.isdir(match):
            for folder, folders, names in os.walk(match, onerror=_refuse):
                folders[:] = [name for name in folders if not name.startswith(".")]
                yield from (os.path.join(folder, name) for name in names if not name.startswith("."))
        else:
            yield match


def _refuse(error: OSError) -> None:
    raise error


def _readable_file(path: str, place: str) -> tuple[int, int]:
    """Return what tells a file from all others, whatever it is called; FlowError if it cannot be read."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its other end
            raise FlowError.at(place, f'must be a regular file, got "{path}"; write the stream to one first')
        with open(path, "rb"):
            return status.st_dev, status.st_ino
    except OSError as error:
        raise FlowError.at(place, _refused(path, error)) from None


def _nothing(path: str) -> str:
    what = "a directory without files" if os.path.isdir(path) else "a pattern that matches no file"
    return f'"{path}" is {what}; check the path, relative ones start at {os.getcwd()}'


def _refused(path: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f'there is no file "{path}"; check the path, relative ones start at {os.getcwd()}'
    way_out = "check its permissions" if isinstance(error, PermissionError) else "check the path"
    return f'cannot read "{path}": {error.strerror or error}; {way_out}'
