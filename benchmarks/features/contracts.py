"""Prints what judging a delivery by forty checks costs, beside one hand-written Polars query that counts the same breaks."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all benchmarks share

import json
import statistics
import subprocess
import tempfile

import numpy as np
import polars as pl

from figures import Figure, arguments, report, seconds
from peers import program
from trimaran.data.contracts import (
    Check,
    Contract,
    Expression,
    Finite,
    Length,
    Pattern,
    Range,
    Required,
    Rows,
    Unique,
    Values,
    judge,
    judge_delivery,
)
from trimaran.data.declaration import Table

CODES = [f"c{number:02}" for number in range(16)]
NUMBERS, WHOLES = 8, 6
LIMIT = 1.5
PANDERA = "0.35.0"
BY_PANDERA = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandera.polars as pa, polars as pl
C, between = pa.Check, lambda low, high: pa.Check.in_range(low, high)
codes = [f"c{number:02}" for number in range(16)]
columns = {"id": pa.Column(pl.Int64, unique=True)}
columns |= {f"n{each}": pa.Column(pl.Float64, [between(-50, 150)], nullable=True) for each in range(8)}
columns |= {f"w{each}": pa.Column(pl.Int64, [between(0, 9999)]) for each in range(6)}
columns |= {f"t{each}": pa.Column(pl.String, [C.isin(codes), C.str_length(3, 3)]) for each in range(3)}
columns |= {"p": pa.Column(pl.String, [C.str_matches("[A-Z][0-9]{4}$"), C.str_length(5, 5)])}
schema, rows = pa.DataFrameSchema(columns), pl.read_parquet(sys.argv[1])
start, found = time.perf_counter(), 0
try:
    schema.validate(rows, lazy=True)
except pa.errors.SchemaErrors as error:
    found = error.failure_cases.height
print(json.dumps({"seconds": time.perf_counter() - start, "found": found}))
"""


def made(count: int, broken: float) -> pl.DataFrame:
    """Return rows of twenty columns, of which a share of single values is wrong."""
    rng = np.random.default_rng(7)
    columns: dict[str, pl.Series] = {"id": pl.Series(rng.permutation(count))}
    for each in range(NUMBERS):
        values = rng.normal(50, 10, count)
        values[rng.random(count) < broken / 10] = 1e6
        columns[f"n{each}"] = pl.Series(values)
    for each in range(WHOLES):
        columns[f"w{each}"] = pl.Series(rng.integers(0, 10_000, count))
    for each in range(3):
        columns[f"t{each}"] = pl.Series(np.array(CODES)[rng.integers(0, len(CODES), count)])
    numbers = pl.Series(rng.integers(0, 10_000, count)).cast(pl.String).str.zfill(4)
    columns["p"] = pl.Series(["A"]).new_from_index(0, count) + numbers
    columns["flag"] = pl.Series(rng.random(count) < 0.5)
    return pl.DataFrame(columns)


def promised() -> Contract:
    """Return a contract of forty checks."""
    checks: list[Check] = [Required(columns=("id",)), Unique(columns=("id",)), Rows(low=1)]
    for each in range(NUMBERS):
        checks += [Range(columns=(f"n{each}",), low=-50, high=150), Finite(columns=(f"n{each}",))]
    for each in range(WHOLES):
        checks += [Required(columns=(f"w{each}",)), Range(columns=(f"w{each}",), low=0, high=9999)]
    for each in range(3):
        checks += [Values(columns=(f"t{each}",), values=tuple(CODES)), Length(columns=(f"t{each}",), low=3, high=3)]
    checks += [Pattern(columns=("p",), pattern="[A-Z][0-9]{4}"), Length(columns=("p",), low=5, high=5)]
    checks.append(Expression(text="w0 + w1 < 20000 or flag"))
    if len(checks) != 40:
        raise AssertionError(len(checks))
    return Contract("rows", {}, tuple(checks))


def by_hand() -> list[pl.Expr]:
    """Return what counts the rows that break each check, as one would write it for this table."""
    counts = [
        pl.col("id").is_null().sum().alias("0"),
        (~pl.col("id").is_first_distinct()).sum().alias("1"),
        pl.len().alias("2"),
    ]
    marks = []
    for each in range(NUMBERS):
        column = pl.col(f"n{each}")
        marks += [(column < -50) | (column > 150), ~column.is_finite()]
    for each in range(WHOLES):
        column = pl.col(f"w{each}")
        marks += [column.is_null(), (column < 0) | (column > 9999)]
    for each in range(3):
        column = pl.col(f"t{each}")
        length = column.str.len_chars()
        marks += [~column.is_in(CODES), (length < 3) | (length > 3)]
    length = pl.col("p").str.len_chars()
    marks += [~pl.col("p").str.contains(r"\A(?:[A-Z][0-9]{4})\z"), (length < 5) | (length > 5)]
    marks.append(~((pl.col("w0") + pl.col("w1") < 20000) | pl.col("flag")))
    return counts + [mark.sum().alias(str(number)) for number, mark in enumerate(marks, 3)]


def pandera(rows: pl.DataFrame) -> float | None:
    """Return the seconds that pandera takes for the checks of ours that it has, None where it cannot be had."""
    peer = program("pandera", PANDERA, "python", f"pandera[polars]=={PANDERA}")
    if peer is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        rows.write_parquet(file)
        done = subprocess.run([peer, "-c", BY_PANDERA, file], capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-400:], file=sys.stderr)
        return None
    return float(json.loads(done.stdout)["seconds"])


def main() -> int:
    """Judge rows by forty checks, and count the same by hand."""
    parser = arguments("what a contract of forty checks costs")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="pandera as well, in an environment of its own")
    given = parser.parse_args()
    contract, figures = promised(), []
    for name, share in (("every row right", 0.0), ("0.8 % of the rows wrong", 0.01)):
        rows = made(given.rows, share)
        plan = by_hand()
        expected = rows.lazy().select(plan).collect().row(0)
        judged = judge(contract.checks, rows)
        if [*expected[:2], *expected[3:]] != list(judged.broken.values()):
            raise AssertionError(expected, judged.broken)
        table = Table("rows", "rows.parquet", ("id",), schema=rows.schema, contract=contract)
        acts = [
            lambda rows=rows, plan=plan: rows.lazy().select(plan).collect(),
            lambda rows=rows: judge(contract.checks, rows),
            lambda rows=rows, table=table: judge_delivery(table, (), rows),
        ]
        # By turns, so that a machine that is busy for a while is so for all three.
        turns = [[seconds(act, 1) for act in acts] for _ in range(given.repeats)]
        floor, mine, delivered = (statistics.median(times) for times in zip(*turns, strict=True))
        hand = "one hand-written query that counts the breaks"
        ratio = mine / floor
        figures += [
            Figure(name=f"40 checks, {given.rows:,} rows, {name}", value=mine, unit="s", floor=floor, floor_name=hand),
            Figure(name="  ratio to the floor", value=ratio, unit="x", limit=LIMIT),
            Figure(name="  with key, split into kept and refused", value=delivered, unit="s", floor=floor, floor_name=hand),
        ]
        if given.peers and share and (theirs := pandera(rows)) is not None:
            figures.append(
                Figure(name=f"  pandera {PANDERA}, the same ranges, sets and text", value=theirs, unit="s", floor=floor)
            )
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
