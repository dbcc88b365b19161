"""What features were worth at a moment: rows of a person's own, or of a product's table, with their point-in-time values."""

from __future__ import annotations

import polars as pl

from trimaran.app.known import Known
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Fault, InputError
from trimaran.data.declaration import PREDICT_AT, Definition
from trimaran.data.features import FeatureEngine
from trimaran.data.tables import Tables


def point_in_time(workspace: Workspace, definition: Definition, rows: pl.DataFrame | None) -> pl.DataFrame:
    """Return rows with their features as they could be known at each row's own ``predict_at``, in the features' own types.

    Without ``rows`` those of the asked table: its key, ``predict_at`` and the features, and no column beside them that would
    only become known later. Given rows keep their columns; a feature of the same name takes a column's place. Each comes
    back once, in order. Raises ``InputError`` with the tables that hold nothing yet and the columns that rows lack.
    """
    tables = Tables(definition, workspace.tables, workspace.ledger, workspace.objects)
    engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
    needed = dict.fromkeys([*engine.needs, *([definition.asked] if rows is None else [])])
    empty = [name for name in needed if tables.versions().get(name) is None]
    if empty:
        remedy = "take data in first: product.take_in(), or `trimaran run PRODUCT.py --only data`"
        faults = [Fault(what=f"table {name!r} holds no rows yet", remedy=remedy) for name in empty]
        raise InputError(f"features of {definition.name}", faults)
    asked = tables.frame(definition.asked) if rows is None else rows
    known = Known(workspace.online, tables).rows(engine.needs)
    values = engine.compute(asked, {name: engine.prepare(name, facts) for name, facts in known.items()})
    values = values.select(feature.name for feature in definition.features)
    kept = asked.drop(values.columns, strict=False)
    if rows is None:
        moment = definition.predict_at.expression.alias(PREDICT_AT)
        kept = asked.select(name for name in (definition.key,) if name not in values.columns).hstack(asked.select(moment))
    return kept.hstack(values)
