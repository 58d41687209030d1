"""What a run did that its source does not tell: by it a later run makes the same epochs again.

An epoch is made of turns. A turn is what was read, and released, under one clock with the same splits taking
part, the same of them idle. Where the chunks were cut does not matter: what is read up to the same
place in every split is the same, and so is what the buffer lets go of after it. An epoch may end in the
middle of what was let go of at once, so the rows up to its end are counted, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from penstock.units import BEGINNING


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What was read and released between two decisions; times in µs, splits by name.

    `latest` is the event time up to which rows were believed; `joined` the splits that took part from now
    on, at their first watermarks; `woken` those no longer idle. `stops` is how far each split was read, where
    that has changed, and `ended` those found to have ended. At its end the splits `idle` were so, all rows
    were let go of if it is `flushed`, and the buffer's frontier was `frontier`; None: none were let go of.
    """

    latest: int
    joined: Mapping[str, int] = field(default_factory=dict)
    woken: tuple[str, ...] = ()
    stops: Mapping[str, int] = field(default_factory=dict)
    ended: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    flushed: bool = False
    frontier: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An epoch: its number, its turns, and what was handed on up to its end.

    `rows` counts all rows handed on since the first epoch, by what became of them; `frontier` is that of the
    last batch. `planned` is the wall clock, for people.
    """

    epoch: int
    turns: tuple[Turn, ...]
    rows: Mapping[str, int]
    frontier: int
    planned: int

    def to_json(self) -> str:
        """Write it as one line."""
        return json.dumps(asdict(self), ensure_ascii=True, separators=(",", ":"))


def plan_from(text: str) -> Plan:
    """Read what `Plan.to_json` wrote."""
    values = json.loads(text)
    turns = tuple(_turn_from(turn) for turn in values.pop("turns"))
    return Plan(turns=turns, **values)


def _turn_from(values: dict[str, Any]) -> Turn:
    lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return Turn(**{**values, **lists})


def stops_of(plans: Iterable[Plan], before: Mapping[str, int]) -> dict[str, int]:
    """Return how far each split was read at the end of these plans, from how far it was `before`."""
    stops = dict(before)
    for plan in plans:
        for turn in plan.turns:
            stops.update({name: stops.get(name, 0) for name in turn.joined} | dict(turn.stops))
    return stops


class Chronicle:
    """Notes what a run does, turn by turn."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._begun = Turn(latest=BEGINNING)
        """The present turn as it is at its last release."""
        self._told: dict[str, int] = {}
        self._told_ended: set[str] = set()
        self._idle: tuple[str, ...] = ()
        """How far splits were read, which had ended and which were idle, at the end of the last turn."""

    @property
    def turns(self) -> int:
        """How many turns there are since the last plan, beside the present one."""
        return len(self._turns)

    @property
    def is_new(self) -> bool:
        """Whether nothing has been noted since the last plan."""
        return not self._turns and self._is_empty(self._begun)

    def begin(self, latest: int) -> None:
        """End a turn and begin the next one, with a clock of its own."""
        turn = self._begun
        if not self._is_empty(turn):
            self._turns.append(turn)
            self._told.update(turn.stops)
            self._told_ended.update(turn.ended)
            self._idle = turn.idle
        self._begun = Turn(latest=latest, idle=self._idle)

    def join(self, name: str, mark: int) -> None:
        """Note that a split takes part from now on."""
        self._note(joined={**self._begun.joined, name: mark})

    def wake(self, name: str) -> None:
        """Note that a split is no longer idle."""
        self._note(woken=(*self._begun.woken, name))

    def release(
        self,
        stops: Mapping[str, int],
        ended: Iterable[str],
        idle: Iterable[str],
        flushed: bool,
        frontier: int,
    ) -> None:
        """Note how far splits were read as rows were let go of."""
        new = {name: stop for name, stop in stops.items() if self._told.get(name) != stop}
        over = tuple(sorted({*ended} - self._told_ended))
        done = flushed or self._begun.flushed
        self._note(stops=new, ended=over, idle=tuple(sorted(idle)), flushed=done, frontier=frontier)

    def plan(self, epoch: int, rows: Mapping[str, int], frontier: int, now: int) -> Plan:
        """Make the plan of the epoch that ends here."""
        self.begin(self._begun.latest)
        turns, self._turns = tuple(self._turns), []
        return Plan(epoch=epoch, turns=turns, rows=rows, frontier=frontier, planned=now)

    def state(self) -> dict[str, Any]:
        """Return what it knows right after a plan. JSON."""
        return {"told": dict(self._told), "ended": sorted(self._told_ended), "idle": self._idle}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after a plan, from what was known then."""
        self._told, self._told_ended = dict(state["told"]), set(state["ended"])
        self._idle = tuple(state["idle"])
        self._begun = Turn(latest=BEGINNING, idle=self._idle)

    def repeat(self, plan: Plan) -> None:
        """Go on after a plan of an earlier run."""
        for turn in plan.turns:
            self._begun = turn
            self.begin(turn.latest)
        self._turns = []

    def _note(self, **values: Any) -> None:
        self._begun = Turn(**{**vars(self._begun), **values})

    def _is_empty(self, turn: Turn) -> bool:
        changed = turn.joined or turn.woken or turn.stops or turn.ended or turn.flushed
        return not changed and turn.idle == self._idle
