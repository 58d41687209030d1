"""The outlets of a run: its steps and sinks, opened, written to and committed together."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from polars.exceptions import PolarsError

from penstock.durable import told
from penstock.engine.behind import WritingBehind
from penstock.engine.flow import Flow, Outlet
from penstock.engine.patience import PatientWriter, Retries
from penstock.engine.statefolder import StateFolder
from penstock.errors import FlowError, Mistake, RunError, StoppedError, TransientError
from penstock.fields import first_line
from penstock.model import Batch, Lasting, Writer

_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or have the quota raised",
    errno.EFBIG: "have the limit of a file's size raised",
    errno.EROFS: "have it made writable",
    errno.EACCES: "have it made writable",
    errno.EPERM: "have it made writable",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.EIO: "check the disk",
}


class Outlets:
    """The sinks of a flow at work, one epoch after the other."""

    def __init__(self, flow: Flow, folder: StateFolder | None, retries: Retries, opened: ExitStack) -> None:
        """Open all sinks, to be closed with `opened`; FlowError names the mistakes of all."""
        self._flow, self._folder, self._retries = flow, folder, retries
        self._has: list[Callable[[int], bool | None]] = []
        self._writers: list[Writer] = []
        self._written: dict[str, int] = {}
        """The last epoch in which each sink was given rows, by place."""
        mistakes: list[Mistake] = []
        for outlet in flow.outlets:
            try:
                with self._storing(outlet.place):
                    writer, has = self._opened(outlet)
            except FlowError as error:
                mistakes += error.within(outlet.place).mistakes
            else:
                opened.push(self._closing(outlet.place, writer))
                self._writers.append(writer)
                self._has.append(has)
        if mistakes:
            raise FlowError(mistakes)
        opened.callback(retries.close)  # first of all: then none of them keeps the others waiting
        self.begin(1)

    def begin(self, epoch: int) -> None:
        """Begin an epoch: those that have it already are given nothing until the next one."""
        self._epoch = epoch
        self._open: Sequence[tuple[Outlet, Writer]] = [
            (outlet, writer)
            for outlet, writer, has in zip(self._flow.outlets, self._writers, self._has, strict=True)
            if not has(epoch)
        ]

    def note(self) -> dict[str, Any]:
        """Return where the output of each sink is, and the last epoch with rows in it. JSON."""
        return {place: [path, self._written.get(place, 0)] for place, path in self._paths().items()}

    def go_on(self, epoch: int, note: Mapping[str, Any]) -> None:
        """Begin an epoch, after what is noted."""
        self._written = {place: written for place, (_, written) in note.items()}
        self.begin(epoch)

    def lacking(self, note: Mapping[str, Any]) -> dict[str, bool]:
        """Name the sinks whose output lacks the last rows noted, and tell whether it was elsewhere then."""
        paths = self._paths()
        noted = {outlet.place: note.get(outlet.place, ["", 0]) for outlet in self._flow.outlets}
        return {
            outlet.place: noted[outlet.place][0] != paths[outlet.place]
            for outlet, has in zip(self._flow.outlets, self._has, strict=True)
            if noted[outlet.place][1] and has(noted[outlet.place][1]) is False
        }

    def process(self, batches: dict[str, Batch]) -> bool:
        """Run the steps, which add their streams to `batches`, and write; tell whether anything was."""
        for step in self._flow.steps:
            try:
                batches[step.name] = step.operator.process(batches[step.reads])
            except PolarsError as error:
                raise RunError(f'stage "{step.name}": {first_line(error)}') from error
        written = False
        for outlet, writer in self._open:
            batch = batches[outlet.reads]
            try:
                rows = outlet.only.process(batch).rows if outlet.only else batch.rows
            except PolarsError as error:
                raise RunError(f"{outlet.place}.where: {first_line(error)}") from error
            if len(rows):
                with self._storing(outlet.place):
                    writer.write(rows)
                written = True
                self._written[outlet.place] = self._epoch
        return written

    def commit(self) -> None:
        """Commit the epoch in every sink that lacks it, and begin the next."""
        for outlet, writer in self._open:
            with self._storing(outlet.place):
                writer.commit(self._epoch)
        self.begin(self._epoch + 1)

    def _paths(self) -> dict[str, str]:
        return {outlet.place: str(getattr(outlet.sink, "path", "")) for outlet in self._flow.outlets}

    def _opened(self, outlet: Outlet) -> tuple[Writer, Callable[[int], bool | None]]:
        """Open a sink; return its writer, and what tells whether it has an epoch; see `GoingOn.has`."""
        sink, stream, folder = outlet.sink, outlet.stream, self._folder
        lasts = folder is not None and isinstance(sink, Lasting)

        def start() -> PatientWriter:
            if folder is not None and isinstance(sink, Lasting):
                writer: Writer = sink.reopen(stream, folder.run, folder.planned)
            else:
                writer = sink.open(stream)
            return PatientWriter(writer, outlet.place, self._retries)

        def begin() -> PatientWriter | WritingBehind:
            return WritingBehind(start) if self._flow.batching.threads else start()

        writing = self._retries.call(outlet.place, begin)
        return writing, writing.has if lasts else lambda _: None

    @contextmanager
    def _storing(self, place: str) -> Iterator[None]:
        """Say of what fails in here which sink it was, what is whole, and how to go on."""
        try:
            yield
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0)
            raise RunError(self._failed(place, told(error), remedy)) from error
        except (TransientError, RunError) as error:
            kind = StoppedError if isinstance(error, StoppedError) else RunError
            raise kind(self._failed(place, str(error))) from error

    def _failed(self, place: str, what: str, remedy: str | None = None) -> str:
        first = f"{remedy}, and start" if remedy else "start"
        anew = "begins anew; with a state (--state DIR) it would go on"
        then = "goes on from there" if self._folder else anew
        return (
            f"{place}: {what}; what earlier epochs committed is whole; {first} again with the same command:"
            f" it {then}"
        )

    def _closing(self, place: str, writer: Writer) -> Callable[[object, BaseException | None, object], None]:
        """Return what closes a writer at the end; its failure is told if nothing else has failed before."""

        def close(_type: object, failed: BaseException | None, _trace: object) -> None:
            try:
                with self._storing(place):
                    writer.close()
            except RunError:
                if failed is None:
                    raise

        return close
