"""Proposes a contract from rows: what surely holds of them, with slack, and nothing that a sample cannot show."""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import polars as pl
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from trimaran.data.contracts.literals import is_text, logical_type

ENOUGH = 100
"""Rows below which a sample proposes types alone."""
_SET = 20
_SEEN = 5
_SLACK = 0.5
_DISTINCT = 20
_STRANGERS = 2
_NAMING = re.compile(r"(^|_)(?i:id|key|code|no|nr|num|number|uuid|zip|phone|index)$|[a-z](Id|ID)$")
_MARKS = "-_:./ +@#"


def infer_contract(rows: pl.DataFrame, name: str, key: Sequence[str] = ()) -> str:
    """Return a contract for rows as readable YAML of the Open Data Contract Standard, to be edited by people.

    The rows themselves keep it. What it does not propose, because a sample cannot show it: ranges of identifiers,
    counters and times, sets from constant columns or with values seen less than five times, patterns of texts that are
    not all of one shape, anything about columns without a value, and anything but types below 100 rows. ``key`` names
    the columns of the key where it is known; else one is looked for.
    """
    found = list(key) or _key(rows)
    columns = CommentedSeq()
    for column in rows.columns:
        columns.append(_column(rows[column], found))
    table = _map(name=_text(name), logicalType="object", physicalType="table", properties=columns)
    if rows.height >= ENOUGH:
        table["quality"] = [_map(metric="rowCount", mustBeGreaterThan=0, severity="error")]
    document = _map(
        apiVersion="v3.1.0",
        kind="DataContract",
        id=_text(name),
        name=_text(name),
        version="0.1.0",
        status="draft",
        schema=[table],
    )
    document.yaml_set_start_comment(
        f"A contract proposed from {rows.height:,} rows: read it, edit it, then say contract=… at the table.\n"
        "severity: warning says so only, error refuses the rows, critical refuses the delivery and stops the line.\n"
        "Null is judged by required and nullValues alone; patterns match the whole text; see docs/contracts.md."
    )
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    buffer = io.StringIO()
    yaml.dump(document, buffer)
    return buffer.getvalue()


def _column(values: pl.Series, key: list[str]) -> CommentedMap:
    kind, present = values.dtype, values.drop_nulls()
    logical = logical_type(kind)
    made = _map(name=_text(values.name))
    if logical is not None:
        made["logicalType"] = logical
    nested = isinstance(kind, pl.List | pl.Array | pl.Struct | pl.Object)
    distinct = 0 if nested else present.n_unique()
    made.yaml_add_eol_comment(_seen(values, distinct, nested=nested), "name")
    if values.name in key:
        made["required"] = True
        made["primaryKey"] = True
        made["primaryKeyPosition"] = key.index(values.name) + 1
    if values.len() < ENOUGH or not present.len():
        return made
    quality: list[CommentedMap] = []
    if present.len() == values.len():
        made["required"] = True
    else:
        share = 100 * values.null_count() / values.len()
        allowed = math.ceil(share * (1 + _SLACK) + 1)
        if allowed < 100:  # noqa: PLR2004  per cent
            quality.append(_map(metric="nullValues", mustBeLessOrEqualTo=allowed, unit="percent", severity="warning"))
    options: dict[str, Any] = {}
    if not nested and values.name not in key:
        options, entries = _typed(values.name, present, distinct)
        quality += entries
    elif is_text(kind) and (shape := _shape(present)):
        options = {"pattern": SingleQuotedScalarString(shape)}
    if options:
        made["logicalTypeOptions"] = _map(**options)
    if quality:
        made["quality"] = quality
    return made


def _typed(name: str, present: pl.Series, distinct: int) -> tuple[dict[str, Any], list[CommentedMap]]:
    """Return the options and the quality entries that a column's values allow."""
    kind = present.dtype
    quality: list[CommentedMap] = []
    if kind.is_float() and present.is_finite().all():
        quality.append(_map(type="custom", engine="trimaran", implementation="finite"))
    if is_text(kind) and (values := _set(present, distinct)):
        listed = CommentedSeq([DoubleQuotedScalarString(value) for value in values])
        listed.fa.set_flow_style()
        return {}, [*quality, _map(metric="invalidValues", arguments=_map(validValues=listed), mustBe=0)]
    if is_text(kind):
        shape = _shape(present)
        return ({"pattern": SingleQuotedScalarString(shape)} if shape else {}), quality
    if kind.is_integer() and distinct == 2 and set(present.unique()) == {0, 1}:  # noqa: PLR2004  true and false as numbers
        return {"minimum": 0, "maximum": 1}, quality
    if kind.is_numeric() and distinct > 1 and not _names(name, present, distinct):
        return _range(present), quality
    return {}, quality


def _key(rows: pl.DataFrame) -> list[str]:
    """Return the column, else the pair with a time in it, that names each row; empty where there is none or few rows."""
    if rows.height < ENOUGH:
        return []
    able = [column for column in rows.columns if _can_name(rows[column])]
    single = [column for column in able if rows[column].n_unique() == rows.height and not rows.schema[column].is_temporal()]
    if single:
        return [next((column for column in single if _NAMING.search(column)), single[0])]
    times = [column for column in able if isinstance(rows.schema[column], pl.Datetime | pl.Date)]
    for other, time in itertools.product([column for column in able[:12] if column not in times], times[:3]):
        if rows.select(pl.struct(other, time).n_unique()).item() == rows.height:
            return [other, time]
    return []


def _can_name(values: pl.Series) -> bool:
    kind = values.dtype
    named = is_text(kind) or kind.is_integer() or isinstance(kind, pl.Datetime | pl.Date)
    return named and values.null_count() == 0 and values.n_unique() > 1


def _names(name: str, present: pl.Series, distinct: int) -> bool:
    """Return whether numbers name things or count on, so that the next one may lie anywhere."""
    if _NAMING.search(name):
        return True
    whole = present.dtype.is_integer()
    return whole and (distinct == present.len() or (distinct > present.len() / 2 and present.is_sorted()))


def _set(present: pl.Series, distinct: int) -> list[str]:
    """Return the values where they are few, and each was seen often enough that no other is likely."""
    if not 1 < distinct <= _SET or present.len() < _SET * distinct:
        return []
    counts = present.cast(pl.String).value_counts(sort=True, name="n")
    return sorted(counts[present.name]) if counts["n"].min() >= _SEEN else []  # type: ignore[operator]


def _shape(present: pl.Series) -> str:
    """Return the pattern that all texts share place by place; empty where they are few, empty or of several shapes."""
    texts = present.cast(pl.String).unique()
    length = texts[0] and len(texts[0])
    if texts.len() < _DISTINCT or not length or length > 40 or (texts.str.len_chars() != length).any():  # noqa: PLR2004
        return ""
    places = [_class(set(texts.str.slice(place, 1))) for place in range(length)]
    if not all(places):
        return ""
    return "".join(
        each + (f"{{{count}}}" if count > 1 else "") for each, run in itertools.groupby(places) for count in [len(list(run))]
    )


def _class(characters: set[str]) -> str:
    for pattern in ("[0-9]", "[A-Z]", "[a-z]", "[A-Za-z]", "[A-Z0-9]", "[a-z0-9]", "[A-Za-z0-9]"):
        if all(re.fullmatch(pattern, character) for character in characters):
            return pattern
    alone = characters.pop() if len(characters) == 1 else ""
    return re.escape(alone) if alone and alone in _MARKS else ""


def _range(present: pl.Series) -> dict[str, Any]:
    """Return bounds half a span outside of what was seen; what was never negative stays so."""
    finite = present.filter(present.is_finite()) if present.dtype.is_float() else present
    if finite.is_empty() or finite.n_unique() < 2:  # noqa: PLR2004  one number is no range
        return {}
    low, high = float(finite.min()), float(finite.max())  # type: ignore[arg-type]
    slack = (high - low) * _SLACK
    if not math.isfinite(slack) or abs(low) > 2**53 or abs(high) > 2**53:  # past that a float is not exact
        return {}
    least = 0.0 if 0 <= low < slack else _outwards(low - slack, math.floor)
    most = _outwards(high + slack, math.ceil)
    whole = present.dtype.is_integer()
    bounds = {"minimum": int(least) if whole else least, "maximum": int(most) if whole else most}
    # NaN and infinities that were seen lie in no range: a range would refuse the very rows it comes from.
    return {} if finite.len() < present.len() else bounds


def _outwards(value: float, away: Any) -> float:
    """Return a number of two digits that is no nearer."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = away(value / unit) * unit
    return float(f"{rounded:.12g}")


def _seen(values: pl.Series, distinct: int, *, nested: bool) -> str:
    nulls = values.null_count()
    if nulls == values.len():
        return "no value was seen"
    parts = [] if nested else [f"{distinct:,} distinct" if distinct > 1 else "the same in every row"]
    parts += [f"{_share(nulls, values.len())} null"] if nulls else []
    if is_text(values.dtype) and (words := _strangers(values)):
        say = " ".join(f"--null {word}" for word in words)
        parts.append(
            f"numbers but for {' and '.join(words)}: if that means none, {say} here, tm.files(…, nulls={words}) there"
        )
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        parts.append(f"{values.min()!s} to {values.max()!s}" if distinct > 1 else f"{values.min()!s}")
    return ", ".join(parts) or "nested"


def _strangers(values: pl.Series) -> list[str]:
    """Return the one or two words that keep a column of text from being one of numbers, none where it is not nearly one."""
    texts = values.drop_nulls().cast(pl.String).unique()
    words = texts.filter(texts.cast(pl.Float64, strict=False).is_null()).sort().to_list()
    return words if words and len(words) <= _STRANGERS < texts.len() - len(words) else []


def _share(part: int, whole: int) -> str:
    """Return a share in per cent that is never rounded to all or nothing.

    >>> _share(999, 1000), _share(1, 3), _share(1, 10**6)
    ('99.9 %', '33 %', '0.0001 %')
    """
    share = 100 * part / whole
    return f"{share:.2g} %" if share < 99 else f"{min(share, 99.99):.4g} %"  # noqa: PLR2004  per cent


def _map(**parts: Any) -> CommentedMap:
    return CommentedMap(parts)


def _text(text: str) -> str:
    """Return text that other readers of YAML take for text too: quoted where it is not a plain word."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", text) and text.lower() not in {
        *("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    }
    return text if plain else DoubleQuotedScalarString(text)
