from __future__ import annotations

import random

import numpy as np
import pytest

from penstock.kernels.blocks import TOP, USED, WORDS_OF_STATE, give, give_first, packed, take


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_blocks_are_empty_and_apart_and_used_again(dtype: type[np.generic]) -> None:
    for seed in range(200):
        rng = random.Random(seed)
        words, state = np.zeros(512, dtype), np.zeros(WORDS_OF_STATE, np.int64)
        held = list[tuple[int, int, int]]()  # place, log, what fills it
        for number in range(1, 200):
            if held and rng.random() < 0.45:
                place, log, _ = held.pop(rng.randrange(len(held)))
                give(words, state, place, log)
            else:
                log = rng.choice([2, 2, 3, 5])
                place = take(words, state, log)
                if place >= 0:
                    assert not words[place : place + 2**log].any()
                    words[place : place + 2**log] = number
                    held.append((place, log, number))
                else:
                    assert state[TOP] + 2**log > len(words)
            for place, log, filled in held:
                assert (words[place : place + 2**log] == filled).all()
            assert state[USED] == sum(2**log for _, log, _ in held) <= state[TOP] <= len(words)
        places = np.array([place for place, _, _ in held] + [0])
        logs = np.array([log for _, log, _ in held] + [0], np.uint8)
        into = np.zeros(int(state[USED]), dtype)
        packed(words, places, logs, len(logs), into)
        assert into.tolist() == [filled for _, log, filled in held for _ in range(2**log)]
        assert [into[place] for place in places[:-1]] == [filled for _, _, filled in held]


def test_the_first_are_given_back() -> None:
    words, state = np.zeros(64, np.uint32), np.zeros(WORDS_OF_STATE, np.int64)
    places = np.array([take(words, state, 2), 0, take(words, state, 3), take(words, state, 2)])
    give_first(words, state, places, np.array([2, 0, 3, 2], np.uint8), 3)
    assert state[USED] == 4
    assert [take(words, state, 3), take(words, state, 2)] == [places[2], places[0]]
