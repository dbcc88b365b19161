"""What can be wrong with a declaration that ranks rows within groups, and what makes no sense of one."""

from __future__ import annotations

from collections.abc import Iterator

from trimaran.core.errors import Fault
from trimaran.core.tasks import PLACES
from trimaran.data.declaration.draft import Draft
from trimaran.data.declaration.parts import Label, Table


def group_faults(draft: Draft, asked: Table, label: Label) -> Iterator[Fault]:
    """Yield everything that is wrong with how the rows of a product are ranked, or with a group where nothing is."""
    grouped = [model for model in draft.models if model.grouped]
    if label.kind == "ranking":
        yield from _column(asked, label)
        yield from _policies(draft)
        return
    if label.group is not None or label.at != PLACES:
        what = f"label {label.name!r} is {label.kind}, and group= and at= are of a ranking"
        yield Fault(what=what, where=label.where, remedy='leave them out, or make it one: task="ranking"')
    for model in grouped:
        what = f"{model.function.__name__}() takes group, and the rows of a {label.kind} label are in none"
        yield Fault(what=what, where=model.where, remedy="leave the parameter out, or give the label group='search_id'")


def _column(asked: Table, label: Label) -> Iterator[Fault]:
    if label.at < 1:
        yield Fault(what=f"label {label.name!r} counts {label.at} places", where=label.where, remedy="give at=1 or more")
    if label.group is None:
        what = f"label {label.name!r} ranks rows, and nothing says which are ranked among each other"
        yield Fault(what=what, where=label.where, remedy="name the column: @product.label(…, group='search_id')")
    elif asked.schema and label.group not in asked.schema:
        remedy = f"choose from: {', '.join(asked.schema.names())}"
        yield Fault(what=f"label ranks within {label.group!r}, which is not there", where=label.where, remedy=remedy)
    elif label.group in asked.late:
        what = f"label ranks within {label.group!r}, which is only known at {asked.late[label.group]!r}"
        yield Fault(what=what, where=label.where, remedy="rank within what a request can have")
    elif (label.group,) == asked.key:
        what = f"label ranks within {label.group!r}, the key of {asked.name}: each row would be a group by itself"
        yield Fault(what=what, where=label.where, remedy="rank within what several rows share, like their search")


def _policies(draft: Draft) -> Iterator[Fault]:
    if draft.replication is not None:
        what = "a ranking is not replicated: the rows of a group could be answered by models whose scores do not compare"
        yield Fault(
            what=what, where=draft.places["replicate"], remedy="leave replicate() out, and make the column a feature"
        )
    rollback = draft.release.rollback if draft.release is not None else None
    if rollback is not None and any(rule.measure == "drift" for rule in rollback.any_of):
        what = "release() asks for drift, and the scores of two rankings have no scale in common"
        remedy = "roll back on errors or on ndcg, like 'ndcg < live - 0.02'"
        yield Fault(what=what, where=draft.places["release"], remedy=remedy)
