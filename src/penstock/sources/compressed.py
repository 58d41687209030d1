"""Decompressing a file, stream after stream, up to its end or to damage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import BinaryIO

from penstock.sources.compressions import HEAD, Compression, Decoder

_SLICE = 64 * 1024  # what a call of a decoder gets
_MOST = 256 * 1024  # what it may give; both sizes stay in the processor's cache
_CUT_OFF = "ends in the middle"


class Slices:
    """The bytes of a file in slices that end at multiples of 64 KiB, however the file gives them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._slice = b""
        self._begin = 0
        self.at = 0

    def take(self, most: int = _SLICE) -> bytes:
        """Return the next bytes, at most to the end of the slice; nothing at the end of the file."""
        if not self._begin <= self.at < self._begin + len(self._slice):
            self._read()
        begin = self.at - self._begin
        taken = self._slice[begin : begin + most]
        self.at += len(taken)
        return taken

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end of the file, and stay before them."""
        at, head = self.at, b""
        while len(head) < size and (more := self.take(size - len(head))):
            head += more
        self.at = at
        return head

    def _read(self) -> None:
        self._begin = self.at - self.at % _SLICE
        self._file.seek(self._begin)
        self._slice = b""
        while len(self._slice) < _SLICE and (more := self._file.read(_SLICE - len(self._slice))):
            self._slice += more


class _DamageError(Exception):
    """A decoder met damage."""


class _Attempt:
    """A decoder on its way through one stream by calls that depend on the file alone.

    From call number `careful` on it is given one byte at a time, and asked for one.
    """

    def __init__(
        self,
        decoder: Decoder,
        refusals: tuple[type[Exception], ...],
        *,
        exact: bool,
        careful: float = math.inf,
    ) -> None:
        self.decoder = decoder
        self.exact = exact  # none gives more of what is cut off
        self.calls = 0
        self._refusals = refusals
        self._careful = careful
        self._full = False  # it gave all it was asked for, so there may be more

    def call(self, slices: Slices) -> bytes | None:
        """Return what the decoder makes next, perhaps nothing; None if it needs more than the file has."""
        careful = self.calls >= self._careful
        data = b""
        if self.decoder.needs_input and not self._full:
            data = slices.take(1) if careful else slices.take()
            if not data:
                return None
        most = 1 if careful else _MOST
        try:
            made = self.decoder.decompress(data, most)
        except self._refusals as error:
            raise _DamageError(error) from None
        self.calls += 1
        self._full = len(made) == most
        return made


class Compressed:
    """The decompressed bytes of a file; see `Unpacked`.

    A decoder keeps to itself what it made in the very call that met damage. So the stream is then read
    once more up to that call, and what the call was given and asked for is cut into single bytes: all
    before the damage comes out but perhaps the last byte. That takes as long again as reading the stream
    did, and no more memory. What zlib says of gzip counts more than what isal says, also where a
    file is cut off: isal holds back the last byte or two.

    How much is read at once decides about no call, so what comes out is the same however it is read.
    """

    def __init__(self, slices: Slices, compression: Compression) -> None:
        self._slices = slices
        self._compression = compression
        self._decoders = compression.decoders()
        self._ready = memoryview(b"")
        self._ended = False
        self.damage: str | None = None
        slices.at = 0
        self._begin_stream()

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer, as far as there is something; see `Unpacked`."""
        buffer, filled = buffer.cast("B"), 0
        while filled < len(buffer) and self._more():
            size = min(len(self._ready), len(buffer) - filled)
            buffer[filled : filled + size] = self._ready[:size]
            self._ready = self._ready[size:]
            filled += size
        return filled

    def skip(self, size: int) -> bool:
        """Read past `size` bytes; False if there are not that many."""
        while size > 0 and self._more():
            skipped = min(len(self._ready), size)
            self._ready = self._ready[skipped:]
            size -= skipped
        return size <= 0

    def _more(self) -> bool:
        """Make sure that something is ready; False at the end or at damage."""
        while not self._ready and not self._ended:
            self._ready = memoryview(self._made())
        return len(self._ready) > 0

    def _made(self) -> bytes:
        """Return what the decoder makes next and is not yet known, perhaps nothing."""
        if self._attempt.decoder.eof:
            self._next_stream()
            return b""
        try:
            made = self._attempt.call(self._slices)
        except _DamageError as refusal:
            self._try_again(str(refusal))
            return b""
        if made is None:
            if self._attempt.exact:
                self._end(_CUT_OFF)
            else:
                self._try_again(_CUT_OFF)
            return b""
        known = min(self._known, len(made))
        self._known -= known
        self._given += len(made) - known
        return made[known:]

    def _next_stream(self) -> None:
        """Begin the next stream; the end where none follows."""
        self._slices.at -= len(self._attempt.decoder.unused_data or b"")
        while (head := self._slices.peek(HEAD)).startswith(b"\0"):  # zeros may pad a file to whole blocks
            zeros = self._slices.take()
            self._slices.at -= len(zeros.lstrip(b"\0"))
        if self._compression.begins(head):
            self._begin_stream()
        else:
            self._end("something else follows its end" if head else None)

    def _begin_stream(self) -> None:
        self._begin = self._slices.at
        self._given = 0  # bytes of this stream
        self._known = 0  # bytes of this attempt that an earlier one gave already
        self._attempts = self._ways()
        self._attempt = next(self._attempts)

    def _ways(self) -> Iterator[_Attempt]:
        """Return the attempts to be made at a stream, one after the other met damage."""
        refusals = self._compression.refusals
        for decoder in self._decoders:
            attempt = _Attempt(decoder(), refusals, exact=decoder is self._decoders[-1])
            yield attempt
        yield _Attempt(decoder(), refusals, exact=True, careful=attempt.calls)

    def _try_again(self, reason: str) -> None:
        attempt = next(self._attempts, None)
        if attempt is None:
            self._end(reason)
        else:
            self._attempt, self._known, self._slices.at = attempt, self._given, self._begin

    def _end(self, reason: str | None) -> None:
        self._ended = True
        if reason is not None:
            self.damage = f"damaged {self._compression.name} data: {reason}"
