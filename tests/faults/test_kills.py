"""Killed as it enters any system call, every write operation loses nothing, doubles nothing and leaves nothing dangling."""

import random

from runs import LONG, SEED

SINGLE, DOUBLE = (400, 25) if LONG else (18, 2)
"""How often each work is killed once (at most at every call it makes), and how often again while it is sent again."""


def test_killed_at_any_call_it_loses_doubles_and_leaves_nothing(watched, counting, work):
    dice = random.Random(f"{SEED} {work}")
    calls = watched("count", work)
    assert calls > 50
    with counting(f"kill: {work}") as count:
        points = [[point] for point in spread(dice, calls, SINGLE)]
        points += [[dice.randint(1, calls), dice.randint(1, calls // 2)] for _ in range(DOUBLE)]
        for killed in points:
            count.add(f"killed at call {killed} of {calls}", watched("kill", work, killed))
        assert count.injected >= 0.9 * len(points)


def spread(dice, calls, wanted):
    """Return as many points as wanted, one at random in each of as many equal stretches, so that no stretch is missed."""
    if wanted >= calls:
        return list(range(1, calls + 1))
    return [1 + int((stretch + dice.random()) * calls / wanted) for stretch in range(wanted)]
