"""A year of real flights through the whole loop: January and February to learn from, March to December to live through."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prepare import prepare

from trimaran.app.progress import progress
from trimaran.app.replay import Plan
from trimaran.core.clock import parse_moment
from trimaran.doors.rehearsal import Stage, rehearse

HERE = Path(__file__).parent


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=Path("demo"), help="folder for the workspace, report, story and summary")
    options.add_argument("--until", type=parse_moment, default=datetime(2013, 12, 31, tzinfo=UTC), help="last day")
    options.add_argument("--requests", type=int, default=165, help="HTTP requests a day; the rest is scored in batch")
    given = options.parse_args()
    prepare(given.out / "data")
    plan = Plan(
        start=datetime(2013, 3, 1, tzinfo=UTC),
        until=given.until,
        requests=given.requests,
        tick=timedelta(days=1),
        callers=24,
        signatories={"domain": "dana", "risk": "rita"},
        planted=(datetime(2013, 5, 15, tzinfo=UTC),),
    )
    with progress() as shown:
        outcome = rehearse(Stage(HERE / "flights.py", given.out, given.out), plan, shown)
    print(f"\n{(given.out / 'story.md').read_text()}")
    print(f"requests {outcome.requests:,}   answered {outcome.answered:,}   refused {outcome.refused:,}   "
          f"batch {outcome.batch:,}   lost {outcome.lost}")
    print(f"captured {outcome.captured:,}   labelled {outcome.labelled:,}   waiting {outcome.waiting:,}   "
          f"never known {outcome.unknowable:,}")
    print(f"{outcome.seconds:.0f} seconds, {outcome.peak_memory / 2**30:.2f} GiB at most")
    print(f"report: {given.out / 'report.html'}   next: trimaran at 2013-07-01T12:00 --workspace {given.out / 'workspace'}")


if __name__ == "__main__":
    main()
