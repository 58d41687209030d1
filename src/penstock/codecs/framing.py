"""Cutting a stream of bytes into blocks of whole lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from penstock.model import REJECTED

KEPT_OF_A_LONG_LINE = 1024


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines and where they begin, or a reject in the place of a line, and where to read on."""

    data: bytes
    start: int
    position: int
    rejects: pl.DataFrame | None = None


class Framer:
    """Turns bytes as they come into blocks of whole lines, in bounded memory.

    A line longer than `longest` bytes, its end not counted, becomes a reject that keeps its first KiB.
    Which lines those are does not depend on how the bytes come.
    """

    def __init__(self, position: int, longest: int) -> None:
        self._longest = longest
        self._reason = f"a line longer than max_line_bytes, {longest}"
        self._start = position  # of the line that is not yet whole
        self._carried = b""  # that line so far, or its first KiB if it is too long
        self._length = 0  # of that line so far

    @property
    def position(self) -> int:
        """Where the line begins that is not yet whole."""
        return self._start

    def push(self, data: bytes) -> list[Block]:
        """Take the next bytes, return the blocks that are whole now."""
        blocks = []
        if self._length > len(self._carried):  # in the middle of a line that is too long
            end = data.find(b"\n") + 1
            self._length += end or len(data)
            if not end:
                return []
            blocks.append(self._long_line(self._start, self._carried, self._start + self._length))
            self._begin_line(self._start + self._length, b"")
            data = data[end:]
        whole = self._carried + data if self._carried else data
        end = whole.rfind(b"\n", len(self._carried)) + 1
        if end:
            blocks += self._cut(whole[:end], self._start)
        self._begin_line(self._start + end, whole[end:])
        return blocks

    def finish(self, damage: str | None = None) -> list[Block]:
        """Return the last line if it has no end; a reject for `damage` that kept the rest from being read.

        The position after damage is one byte further than what was read: that much is known to be lost.
        """
        start, end, line = self._start, self._start + self._length, self._carried
        self._begin_line(end, b"")
        if damage is not None:
            return [self._reject(start, line, end + 1, damage)]
        if end - start > len(line):
            return [self._long_line(start, line, end)]
        return self._cut(line, start) if line else []

    def _begin_line(self, start: int, line: bytes) -> None:
        self._start, self._carried, self._length = start, line, len(line)
        if len(line) > self._longest + 1:  # one more may yet turn out to be the CR of its end
            self._carried = line[:KEPT_OF_A_LONG_LINE]

    def _cut(self, data: bytes, start: int) -> list[Block]:
        """Make one block of `data`, or several around the lines that are too long."""
        if not self._may_have_long_line(data):
            return [Block(data, start, start + len(data))]
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
        if not len(ends) or ends[-1] != len(data):
            ends = np.append(ends, len(data))
        begins = np.append(0, ends[:-1])
        blocks, done = [], 0
        for i in np.flatnonzero(ends - begins > self._longest):
            begin, end = int(begins[i]), int(ends[i])
            line = data[begin:end].removesuffix(b"\n").removesuffix(b"\r")
            if len(line) > self._longest:
                if begin > done:
                    blocks.append(Block(data[done:begin], start + done, start + begin))
                blocks.append(self._long_line(start + begin, line, start + end))
                done = end
        if done < len(data):
            blocks.append(Block(data[done:], start + done, start + len(data)))
        return blocks

    def _may_have_long_line(self, data: bytes) -> bool:
        """Hop from line to line, each time as far as a line may reach: a few steps for a whole block."""
        at = 0
        while len(data) - at > self._longest:
            newline = data.rfind(b"\n", at, at + self._longest + 1)
            if newline < 0:
                return True
            at = newline + 1
        return False

    def _long_line(self, start: int, line: bytes, end: int) -> Block:
        return self._reject(start, line, end, self._reason)

    def _reject(self, start: int, line: bytes, end: int, reason: str) -> Block:
        reject = pl.DataFrame([[start], [line[:KEPT_OF_A_LONG_LINE]], [reason]], schema=REJECTED)
        return Block(b"", end, end, reject)
