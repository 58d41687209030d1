"""Files of lines, plain or compressed: a path, a pattern, a directory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from penstock.codecs import CODECS, codec_named
from penstock.codecs.framing import Framing
from penstock.codecs.multiline import MultilineRule
from penstock.errors import FlowError
from penstock.fields import Names, Size, description, shown
from penstock.sources.following import FileFollower
from penstock.sources.matching import files_of, nothing, readable_file, refused
from penstock.sources.reading import FileReader
from penstock.text import Codec, Decoder, Headed, Multiline, Quoted
from penstock.units import size_in_bytes

_NO_PATHS = "is empty; name a file, a glob pattern or a directory"


def _rule(value: object) -> object:
    """Make the rule that a TOML table describes."""
    if not isinstance(value, Mapping):
        return value
    try:
        return MultilineRule(**value)
    except FlowError as error:
        raise error.within("multiline") from None


@description
class Files:
    """Lines of files, plain or compressed; a path, a glob pattern or a directory, one or several.

    Each file is a split, once, however often it is named (by its first path then, as paths are sorted). A
    directory stands for all files in and below it whose names do not begin with a dot. gzip, zstd, bz2, xz
    and lz4 are told by content, not by name. `_source` is the path, `_offset` the byte the line begins at (of
    the decompressed data).

    A line longer than `max_line_bytes` is rejected, its first KiB kept. A line that is not UTF-8 is rejected
    too, or has U+FFFD in the place of what is wrong if `invalid_utf8` is "replace".

    `multiline` puts lines together to records, such as a stack trace and the line it belongs to: by a pattern
    of the lines that begin one, `start`, or of those that go on with the one before, `continues`.

    With `follow` the source does not end: what is added to files is read as it comes, files that appear
    later join, and a log that is rotated stays one split, under its first path: a file that is renamed is
    read to its end, one that is emptied begins again, then comes the one in its place. Name the rotated files
    too (`app.log*`): then also what was written while nobody read is found, and a copy or a compressed one
    of what was read is known for what it is. `_offset` is the byte in the file plus 2**40 for each file the
    log was before, so that it always rises. A path or pattern may stand for no file yet. Compressed files are
    read once. `read_from = "end"` leaves out the lines that were begun before the run.
    """

    EXAMPLE: ClassVar[str] = 'type = "files"\npaths = ["access.log"]\ncodec = "combined"'

    paths: Names
    codec: Annotated[Codec | str, BeforeValidator(codec_named)]
    max_line_bytes: Size = "1MiB"
    invalid_utf8: Literal["reject", "replace"] = "reject"
    multiline: Annotated[MultilineRule | None, BeforeValidator(_rule)] = None
    follow: bool = False
    read_from: Literal["start", "end"] = "start"

    def __post_init__(self) -> None:
        if self.multiline is not None and not isinstance(codec_named(self.codec), Multiline):
            able = ", ".join(name for name, codec in CODECS.items() if hasattr(codec, "multiline"))
            raise FlowError.at("multiline", f"is not for this codec, which reads lines; it is for: {able}")
        if self.read_from == "end" and not self.follow:
            rule = 'must be "start" where files are not followed, got "end"; set follow = true'
            raise FlowError.at("read_from", rule)

    @property
    def schema(self) -> None:
        """None: the codec knows the columns."""

    def decoder(self, sample: bytes) -> Decoder:
        """Make the codec's decoder."""
        return codec_named(self.codec).decoder(sample)

    def follower(self, state: Mapping[str, Any] | None = None) -> FileFollower | None:
        """Return what keeps up with the files if they are to be followed; see `Followed.follower`."""
        if not self.follow:
            return None
        if not self.paths:
            raise FlowError.at("paths", _NO_PATHS)
        return FileFollower(self.paths, self._framing(), self.read_from == "end", state)

    def splits(self) -> Sequence[str]:
        """Return the paths of all files, sorted; FlowError names the path or pattern that gives none."""
        if not self.paths:
            raise FlowError.at("paths", _NO_PATHS)
        found: dict[tuple[int, int], str] = {}
        for i, path in enumerate(self.paths):
            if "\0" in path or not path:
                raise FlowError.at(f"paths[{i}]", f"must be a path, got {shown(path)}")
            try:
                files = sorted(files_of(path))
            except OSError as error:
                raise FlowError.at(f"paths[{i}]", refused(error.filename, error)) from None
            if not files:
                raise FlowError.at(f"paths[{i}]", nothing(path))
            for file in files:
                which = readable_file(file, f"paths[{i}]")
                found[which] = min(found.get(which, file), file)
        return sorted(found.values())

    def size(self, split: str) -> int | None:
        """Return how many bytes a file has on disk; None if it is gone, or is followed."""
        try:
            return None if self.follow else os.stat(split).st_size
        except OSError:
            return None

    def open(self, split: str, position: int, size: int) -> FileReader:
        """Open a file to read at `position`."""
        return FileReader(split, position, size, self._framing())

    def _framing(self) -> Framing:
        codec = codec_named(self.codec)
        return Framing(
            longest=size_in_bytes(self.max_line_bytes),
            invalid_utf8=self.invalid_utf8,
            heading=codec.heading if isinstance(codec, Headed) else None,
            records=self.multiline or (codec if isinstance(codec, Quoted) and codec.quoted else None),
        )
