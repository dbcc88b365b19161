"""Clocks that jump back and forth in several processes change neither the order nor the answer to what held when."""

import random

from runs import LONG, SEED

RUNS, PROCESSES, WRITES = (40, 4, 60) if LONG else (4, 3, 24)


def test_times_never_go_back_whatever_the_clocks_do(zygote, counting):
    dice = random.Random(SEED)
    with counting("clock jumps: SQLite") as count:
        for _ in range(RUNS):
            seed = dice.randrange(2**31)
            told = zygote("clocks", seed, PROCESSES, WRITES)
            count.add(f"seed {seed}", {"kills": PROCESSES * WRITES, "acknowledged": PROCESSES * WRITES, **told})
