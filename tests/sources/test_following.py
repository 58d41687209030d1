"""Logs are followed through all that is done to them: each line once, in order."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from rotations import LOG, Following, Mark, Writer, compress, shift


class Histories:
    """Does random things to a log, at random moments of who follows it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.writer = Writer(self.rng)
        self.following = Following(rng=self.rng)
        self.done: list[str] = []
        self.mark: Mark | None = None
        self.has_nameless = False
        """A file that has no name any more can be read by who has it open only: then nobody begins anew."""
        self.writer.append(self.rng.choice([0, 1, 5]))
        self.following.step()  # copies that are there at the very first look are files of their own

    def run(self, steps: int) -> None:
        acts = [self.append] * 6 + [self.append_part] * 2 + [self.step] * 6 + [
            self.rename, self.rename_and_write_on, self.copy_and_empty, self.compress, self.delete,
            self.delete_log, self.restart, self.wait,
        ]  # fmt: skip
        for _ in range(steps):
            act = self.rng.choice(acts)
            self.done.append(act.__name__)
            act()
        self.writer.append(1)
        self.following.finish()
        self.following.follower.close()
        self.writer.file.close()

    def append(self) -> None:
        self.writer.append(self.rng.choice([1, 1, 2, 30]))

    def append_part(self) -> None:
        self.writer.append_part()

    def step(self) -> None:
        if self.rng.random() < 0.3:
            self.following.look()
        else:
            self.following.step(self.rng.choice([1, 2, 10**9]))
        if self.rng.random() < 0.2 and not self.has_nameless:
            self.mark = self.following.mark()

    def wait(self) -> None:
        for _ in range(self.rng.choice([1, 30, 60])):
            self.following.step()

    def rename(self) -> None:
        shift()
        LOG.rename("app.log.1")
        self.perhaps_step()
        self.writer.reopen()

    def rename_and_write_on(self) -> None:
        shift()
        LOG.rename("app.log.1")
        for _ in range(self.rng.randrange(3)):
            self.writer.append(self.rng.randrange(3))
            self.perhaps_step()
        self.writer.reopen()

    def copy_and_empty(self) -> None:
        self.writer.append(0)
        shift()
        if self.rng.random() < 0.3:  # seen while it is being copied
            Path("app.log.1").write_bytes(LOG.read_bytes()[: self.rng.randrange(3000)])
            self.perhaps_step()
        shutil.copyfile(LOG, "app.log.1")
        self.perhaps_step()
        os.truncate(LOG, 0)

    def compress(self) -> None:
        files = sorted(file for file in Path().glob("app.log.*") if file.suffix != ".gz")
        if files:
            compress(self.rng.choice(files))

    def delete(self) -> None:
        files = sorted(Path().glob("app.log.*"))
        if files:
            # What nobody has seen is gone with its file, so it is seen before.
            self.settle()
            self.mark = None
            os.remove(self.rng.choice(files))

    def delete_log(self) -> None:
        self.writer.append(0)
        self.following.look()  # open now: its rest can still be read
        self.mark, self.has_nameless = None, True
        LOG.unlink()
        self.perhaps_step()
        self.writer.reopen()

    def restart(self) -> None:
        self.settle()
        self.following.restart(self.mark if self.rng.random() < 0.5 else None)
        self.mark = None
        if self.rng.random() < 0.5:
            for _ in range(self.rng.randrange(4)):
                self.rng.choice([self.append, self.rename, self.copy_and_empty, self.compress])()
        self.following.look()

    def perhaps_step(self) -> None:
        if self.rng.random() < 0.5:
            self.step()

    def settle(self) -> None:
        self.has_nameless = False
        for _ in range(25):
            self.following.step()


@pytest.mark.parametrize("part", range(10))
def test_each_line_comes_once_and_in_order_whatever_is_done_to_the_log(
    part: int, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(20 * part, 20 * part + 20):
        monkeypatch.chdir(tmp_path_factory.mktemp("logs"))
        history = Histories(seed)
        history.run(history.rng.choice([10, 40, 80]))
        found = history.following.lines
        told = f"seed {seed}: {history.done}"
        assert sorted(line for lines in found.values() for line in lines) == sorted(history.writer.lines), (
            told
        )
        for lines in found.values():
            numbers = [int(line.split()[0]) for line in lines]
            assert numbers == sorted(numbers), told
