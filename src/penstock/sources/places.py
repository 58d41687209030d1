"""Where stored files are: paths, patterns and folders, on this machine or behind a URL."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pyarrow as pa
from pyarrow import fs

from penstock.errors import FlowError
from penstock.fields import first_line, shown
from penstock.sources.matching import files_of, nothing, readable_file, refused

_NO_PATHS = "is empty; name a file, a glob pattern, a folder or a URL"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MAGIC = re.compile(r"[*\[]")
_SECRETS = re.compile(r"(?<=://)[^/@\s]*@|\?[^\s;]*")
_OURS_TO_SKIP = (".", "_")
"""How names begin of what others keep beside the data: `_SUCCESS`, `_delta_log`, `.crc`."""


@dataclass(frozen=True)
class Place:
    """A stored file: the name of its split, its path and the filesystem that path is one of."""

    name: str
    path: str
    filesystem: fs.FileSystem

    @property
    def is_near(self) -> bool:
        """Whether it lies on this machine, where a read costs no round trip."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def open(self) -> pa.NativeFile:
        """Open the file to read at any place of it; FlowError if that cannot be."""
        try:
            return self.filesystem.open_input_file(self.path)
        except (OSError, pa.ArrowException) as error:
            raise FlowError.at("paths", self.refused(error)) from None

    def refused(self, error: BaseException) -> str:
        """Say that it cannot be read, and why."""
        if isinstance(error, OSError) and error.strerror:
            return refused(self.name, error)
        return f'cannot read "{self.name}": {first_line(error)}; check the path'


def places_of(paths: Sequence[str]) -> dict[str, Place]:
    """Return the files that are meant, each once, by the names of their splits, sorted.

    A path that begins with a scheme (`s3://`, `gs://`, `file://`) is a URL; in it, `*`, `**` and `[…]` are a
    pattern, what follows a `?` are options of the filesystem, and `%` has the meaning it has in URLs.
    FlowError names the path that gives none.
    """
    if not paths:
        raise FlowError.at("paths", _NO_PATHS)
    found: dict[object, Place] = {}
    for i, path in enumerate(paths):
        where = f"paths[{i}]"
        if "\0" in path or not path:
            raise FlowError.at(where, f"must be a path, got {shown(path)}")
        places = _behind(path, where) if _URL.match(path) else _here(path, where)
        for which, place in places:
            other = found.get(which)
            found[which] = place if other is None or place.name < other.name else other
    return {place.name: place for place in sorted(found.values(), key=lambda place: place.name)}


def _here(path: str, where: str) -> Iterator[tuple[object, Place]]:
    root = path if os.path.lexists(path) else _root(path)
    try:
        files = sorted(file for file in files_of(path) if not _is_beside(file, root))
    except OSError as error:
        raise FlowError.at(where, refused(error.filename, error)) from None
    if not files:
        raise FlowError.at(where, nothing(path))
    near = fs.LocalFileSystem()
    for file in files:
        yield readable_file(file, where), Place(file, file, near)


def _behind(url: str, where: str) -> Iterator[tuple[object, Place]]:
    scheme, _, rest = url.partition("://")
    rest, mark, options = rest.partition("?")
    root = _root(rest)
    try:
        filesystem, begun = fs.FileSystem.from_uri(f"{scheme}://{root}{mark}{options}")
        begun = begun.rstrip("/") or begun
        parts = [part for part in rest[len(root) :].split("/") if part]
        files = [file for file in _matches(filesystem, begun, parts) if not _is_beside(file, begun)]
    except (OSError, ValueError, NotImplementedError, pa.ArrowException) as error:
        why = _SECRETS.sub("", first_line(error))
        rule = f'cannot read "{_SECRETS.sub("", url)}": {why}; check the URL, and who may read there'
        raise FlowError.at(where, rule) from None
    if not files:
        what = "a pattern that matches no file" if parts else "no file, and no folder with files"
        raise FlowError.at(where, f'"{_SECRETS.sub("", url)}" is {what}; check the URL')
    for file in files:
        name = f"{scheme.lower()}://{file}"
        yield name, Place(name, file, filesystem)


def _root(path: str) -> str:
    """Return what comes before the part of a path with the first sign of a pattern; all if there is none."""
    magic = _MAGIC.search(path)
    return path[: path.rfind("/", 0, magic.start()) + 1] if magic else path


def _matches(filesystem: fs.FileSystem, root: str, parts: Sequence[str]) -> Iterator[str]:
    """Return the files that a pattern means, below a folder; also those of the folders that it means."""
    if not parts:
        is_file = filesystem.get_file_info(root).type == fs.FileType.File
        yield from [root] if is_file else _below(filesystem, root, fs.FileType.File, recursive=True)
    elif parts[0] == "**":
        folders = _below(filesystem, root, fs.FileType.Directory, recursive=True)
        for folder in (root, *folders):
            yield from _matches(filesystem, folder, parts[1:] or ["*"])
    else:
        kinds = [fs.FileType.Directory, *([fs.FileType.File] if len(parts) == 1 else [])]
        for path in _below(filesystem, root, *kinds):
            if fnmatchcase(path.rsplit("/", maxsplit=1)[-1], parts[0]):
                yield from _matches(filesystem, path, parts[1:])


def _below(
    filesystem: fs.FileSystem, root: str, *kinds: fs.FileType, recursive: bool = False
) -> Iterator[str]:
    selector = fs.FileSelector(root, allow_not_found=True, recursive=recursive)
    return (info.path for info in filesystem.get_file_info(selector) if info.type in kinds)


def _is_beside(file: str, root: str) -> bool:
    """Tell whether a file below a folder is, or lies in, what others keep beside the data."""
    below = file[len(root) :] if file.startswith(root) else file
    return any(part.startswith(_OURS_TO_SKIP) and "=" not in part for part in below.split("/"))
