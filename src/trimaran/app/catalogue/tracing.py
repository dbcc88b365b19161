"""The lineage of a feature: from the columns it reads to the features, versions and products that stand on it."""

from __future__ import annotations

from collections.abc import Sequence

from trimaran.app.catalogue.entries import Use
from trimaran.app.catalogue.gathering import Found, identified
from trimaran.control.graph import Lineage, Node, Web
from trimaran.data.declaration import Definition, Feature

_FEW = 6


def traced(one: Found, upon: Sequence[str], uses: Sequence[Use]) -> Lineage:
    """Return where a feature comes from and what came of it; of its versions the newest and those in the traffic."""
    web = Web()
    every = {feature.name: feature for feature, _ in identified(one.definition)}
    focus = _add(web, one.feature, one.definition)
    _origins(web, one, every)
    for name in upon:
        web.join(focus, _add(web, every[name], one.definition), "made of", "used by")
    for use in uses:
        _results(web, focus, use)
    return web.seen_from(focus)


def _origins(web: Web, one: Found, every: dict[str, Feature]) -> None:
    """Add the features and columns that a feature is made of, back to the tables."""
    definition = one.definition
    waiting, seen = [one.feature], {one.feature.name}
    while waiting:
        feature = waiting.pop()
        here = _add(web, feature, definition)
        table = definition.tables[feature.table]
        columns = feature.expression.meta.root_names()
        # A part's own inputs are those of the whole; what it reads stands in its expression.
        inside = {name for part in feature.over for name in part.expression.meta.root_names()}
        used = [every.get(part.name, part) for part in feature.over]
        used += [every[name] for name in columns if name not in table.schema and name in every]
        for part in used:
            web.join(_add(web, part, definition), here, "made of", "used by")
        for name in columns:
            if name in table.schema and name not in inside:
                web.join(_column(web, one, table.name, name), here, "reads", "read by")
        for name in feature.on:
            web.join(_column(web, one, definition.asked, name), here, "keyed by", "key of")
        waiting += [part for part in used if part.name not in seen]
        seen |= {part.name for part in used}


def _column(web: Web, one: Found, table: str, name: str) -> str:
    declared = one.definition.tables[table]
    known = {"known at": declared.late[name]} if name in declared.late else {}
    facts = {"type": str(declared.schema[name]), **known}
    column = Node(id=f"column:{table}.{name}", kind="column", title=f"{table}.{name}", facts=facts)
    source = Node(id=f"table:{table}", kind="table", title=table, facts={"source": declared.source.label})
    web.add(column)
    web.add(source)
    web.join(source.id, column.id, "of", "has")
    return column.id


def _add(web: Web, feature: Feature, definition: Definition) -> str:
    kind = "label" if feature.name == definition.label.name else "feature"
    facts = {"over": f"{feature.kind} of {feature.table}" if feature.kind != "row" else f"each row of {feature.table}"}
    node = Node(id=f"{kind}:{feature.name}", kind=kind, title=feature.name, facts=facts)
    web.add(node)
    return node.id


def _results(web: Web, focus: str, use: Use) -> None:
    having = [one for one in use.versions if one.same is not False]
    product = Node(
        id=f"product:{use.product}",
        kind="product",
        title=use.product,
        live=bool(use.serving),
        facts={"now": "in the traffic"},
    )
    if not having:
        web.add(product)
        web.join(focus, product.id, "declares", "declared by")
        return
    shown = [one for place, one in enumerate(having) if one.part is not None or place >= len(having) - _FEW]
    for one in shown:
        now = {"now": one.part} if one.part is not None else {}
        version = Node(
            id=f"version:{use.product}/{one.version}",
            kind="version",
            title=f"{use.product}/{one.version}",
            at=one.trained_at,
            live=one.part is not None,
            facts={"stage": one.stage, **now},
        )
        web.add(version)
        web.add(product)
        web.join(focus, version.id, "trained with", "trained")
        web.join(version.id, product.id, "has", "version of")
    web.omit(focus, "versions", len(having) - len(shown), upstream=False)
