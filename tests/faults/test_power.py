"""The power goes at a random moment, and only what was fsynced is sure: what was acknowledged is there all the same."""

import random

from runs import LONG, SEED

IMAGES, FAILING, KILLED = (60, 30, 30) if LONG else (6, 4, 4)


def cut(watched, count, work, images, *, failing=0, point=0):
    seed = random.Random(f"{count.seed} {count.fault} {point}").randrange(2**31)
    for told in watched("power", work, seed, images, failing, point):
        count.add(f"cut after call {told['cut']}, {told['chance']:.0%} of what was not synced kept", told)


def test_what_was_acknowledged_survives_a_power_cut(watched, counting, work):
    with counting(f"power cut: {work}") as count:
        cut(watched, count, work, IMAGES)


def test_what_was_acknowledged_after_a_failed_fsync_survives_a_power_cut(watched, counting, work):
    with counting(f"failed fsync, power cut: {work}") as count:
        for failing in (1, 3):
            cut(watched, count, work, FAILING // 2, failing=failing)


def test_what_was_acknowledged_to_one_who_sends_again_after_a_kill_survives_a_power_cut(watched, counting, work):
    calls = watched("count", work)
    dice = random.Random(f"{SEED} {work}")
    with counting(f"kill, power cut: {work}") as count:
        for _ in range(KILLED // 2):
            cut(watched, count, work, 2, point=dice.randint(1, calls))
