"""All checks of a delivery in one lazy plan: which rows break which check, and what each check found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from trimaran.core.author import own_traceback
from trimaran.core.errors import Fault, InputError, UserCodeError
from trimaran.core.nouns import Finding
from trimaran.data.contracts.checks import Check, RowCheck, Surroundings, WholeCheck
from trimaran.data.contracts.columns import Required

REASONS = "refused_because"


@dataclass(frozen=True)
class Judged:
    """What the checks found of a delivery's rows.

    ``broken`` counts the rows that break each check of single rows; ``refused`` is true where a row is refused, and
    ``reasons`` has one list for each of those; ``stopped`` names what stops the line.
    """

    findings: list[Finding]
    broken: dict[str, int]
    refused: pl.Series
    reasons: pl.Series
    stopped: list[str]


def judge(checks: Sequence[Check], rows: pl.DataFrame, around: Surroundings | None = None) -> Judged:
    """Judge rows by every check in one pass, in one lazy plan.

    A check of single rows that more rows break than it allows is broken: under ``refuse`` those rows are refused, under
    ``warn`` none is, under ``stop`` all are. A broken check of the whole refuses all rows, or none under ``warn``. What
    cannot be judged is ``unknown``: it refuses nothing and passes nothing. Raises ``InputError`` for checks that the
    columns' types do not allow, and ``UserCodeError`` that names a check whose own expression failed on these rows.
    """
    around = around or Surroundings()
    schema = rows.schema
    faults = unfit(checks, schema)
    if faults:
        raise InputError("contract", faults)
    checks = [check.resolved(schema) for check in checks]
    single = [check for check in checks if isinstance(check, RowCheck)]
    whole = [check for check in checks if isinstance(check, WholeCheck)]
    why = [check.unknown(around) for check in single]
    lazy = rows.lazy()
    for check, unknown in zip(single, why, strict=True):
        lazy = lazy if unknown else check.beside(lazy, around)
    unsaid = [pl.lit(value=False) if unknown else _broken(check, schema) for check, unknown in zip(single, why, strict=True)]
    masks = [expression.fill_null(value=False).alias(str(number)) for number, expression in enumerate(unsaid)]
    values = [check.measured(schema, around).alias(str(number)) for number, check in enumerate(whole)]
    found, measured = _collect(lazy, masks, values, checks, rows)
    counts = dict(zip(range(len(single)), found.sum().row(0) if single else (), strict=True))
    findings = [_of_rows(check, counts[n] or 0, rows.height, why[n]) for n, check in enumerate(single)]
    judged = [check.judged(measured[n], rows.height, around) for n, check in enumerate(whole)]
    findings += [
        Finding(check=check.name, outcome=_outcome(check, outcome), reason=reason, value=_number(measured[n]))
        for n, (check, (outcome, reason)) in enumerate(zip(whole, judged, strict=True))
    ]
    failed = [check for check, finding in zip([*single, *whole], findings, strict=True) if finding.outcome == "fail"]
    refused, reasons = _refusals(found, single, failed, rows.height)
    return Judged(
        findings=findings,
        broken={check.name: counts[n] or 0 for n, check in enumerate(single)},
        refused=refused,
        reasons=reasons,
        stopped=[check.name for check in failed if check.policy == "stop"],
    )


def unfit(checks: Sequence[Check], schema: Mapping[str, pl.DataType]) -> list[Fault]:
    """Return what is wrong with checks on columns of these types: columns that are not there, types that do not fit."""
    faults = []
    for check in checks:
        missing = [name for name in check.columns if name not in schema]
        words = [f"column {name!r} is not there" for name in missing] or check.faults(schema)
        faults += [Fault(what=f"{check.name}: {word}", where=check.where, remedy="mend the contract") for word in words]
    return faults


def _broken(check: RowCheck, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return a check's rows; in a column of nothing but nulls there is no value that could be wrong."""
    nothing = any(schema[name] == pl.Null for name in check.columns) and not isinstance(check, Required)
    return pl.lit(value=False) if nothing and check.columns else check.broken(schema)


def _collect(
    lazy: pl.LazyFrame, masks: list[pl.Expr], values: list[pl.Expr], checks: Sequence[Check], rows: pl.DataFrame
) -> tuple[pl.DataFrame, tuple[Any, ...]]:
    """Run the plan: marks a row and single values, which share their scan and their common parts.

    ``with_columns`` lets a mark that is the same for every row still come once a row.
    """
    marks = lazy.with_columns(masks).select(pl.col(str(number)) for number in range(len(masks)))
    try:
        found, measured = pl.collect_all([marks, lazy.select(pl.len().alias("\0"), *values)])
    except Exception as error:
        raise _named(checks, rows) or error from error
    return found, measured.row(0)[1:]


def _named(checks: Sequence[Check], rows: pl.DataFrame) -> UserCodeError | None:
    """Return which check it was whose own expression failed; None where each alone does not."""
    for check in checks:
        try:
            if isinstance(check, RowCheck):
                rows.lazy().select(_broken(check, rows.schema)).collect()
            elif isinstance(check, WholeCheck):
                rows.lazy().select(check.measured(rows.schema, Surroundings())).collect()
        except pl.exceptions.ColumnNotFoundError:
            continue  # a mark from another table, which was not at fault
        except pl.exceptions.PolarsError as error:
            words = str(error).splitlines()[0]
            return UserCodeError(f"{check.name!r} cannot be computed on these rows: {type(error).__name__}: {words}")
        except Exception as error:  # noqa: BLE001  whatever a function of the author's raises within Polars
            told = f"it raised {type(error).__name__}\n{own_traceback(error).rstrip()}"
            return UserCodeError(f"{check.name!r} cannot be computed on these rows: {told}")
    return None


def _of_rows(check: RowCheck, broken: int, rows: int, unknown: str) -> Finding:
    share = f" ({100 * broken / rows:.3g} %)" if broken else ""
    reason = f"{broken:,} of {rows:,} rows break it{share}, {check.allowed}" if broken else f"no row of {rows:,} breaks it"
    outcome = _outcome(check, "pass" if check.allowed.covers(broken, rows) else "fail")
    if unknown or not rows:
        outcome, reason = "unknown", unknown or "the delivery has no rows"
    limit = check.allowed.limit
    bound = limit * rows / 100 if check.allowed.percent else limit
    return Finding(check=check.name, outcome=outcome, reason=reason, value=float(broken), bound=bound)


def _outcome(check: Check, outcome: Any) -> Any:
    return "warn" if outcome == "fail" and check.policy == "warn" else outcome


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _refusals(
    marks: pl.DataFrame, single: Sequence[RowCheck], failed: Sequence[Check], height: int
) -> tuple[pl.Series, pl.Series]:
    """Return which rows are refused, and their reasons; reasons are written only for those."""
    names = {str(number): check.name for number, check in enumerate(single) if any(check is each for each in failed)}
    whole = [check.name for check in failed if isinstance(check, WholeCheck) or check.policy == "stop"]
    everywhere = pl.repeat(bool(whole), height, dtype=pl.Boolean, eager=True)
    refused = marks.select(pl.any_horizontal(*names)).to_series() if names and not whole else everywhere
    told: list[pl.Expr] = [pl.when(pl.col(number)).then(pl.lit(name)) for number, name in names.items()]
    told += [pl.lit(f"{name}: the delivery as a whole") for name in whole]
    if not told or not height:
        return refused, pl.Series(REASONS, [], dtype=pl.List(pl.String))
    lists = pl.concat_list(told).list.drop_nulls().list.unique(maintain_order=True)
    chosen = marks.filter(refused) if single else pl.DataFrame({"\0": pl.repeat(0, height, eager=True)})
    reasons = chosen.with_columns(lists.alias(REASONS))[REASONS]
    return refused.alias(REASONS), reasons
