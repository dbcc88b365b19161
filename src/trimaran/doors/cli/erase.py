"""trimaran erase: one person's rows, out of everything; without --yes it only says where they are."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.erasing import ErasePlan, Erasure, column_of, definition_of
from trimaran.app.progress import progress
from trimaran.control.words import size
from trimaran.core.config import default_person
from trimaran.core.errors import Fault, InputError
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def erase(
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="The product.")],
    key: Annotated[str | None, typer.Option("--key", help="The key of the person's row.", show_default=False)] = None,
    in_table: Annotated[
        str | None,
        typer.Option("--table", help="The table whose key it is; the predicted one by default.", show_default=False),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", help="COLUMN=VALUE, by any declared column instead of a key.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the certificate.", show_default=False)] = "",
    workspace: WorkspaceOption = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be done.")] = False,
    json: JsonOption = False,
) -> None:
    """Erase one person's rows from tables with their history, captures, labels, facts and objects; a dry run unless --yes."""
    opened = open_workspace(workspace, actor=default_person())
    column, value = _whom(key, where) or (column_of(definition_of(opened, product), in_table), str(key))
    if yes and not reason:
        raise InputError("erase", [Fault(what="no reason is given", remedy="say why, for the certificate: --reason TEXT")])
    with progress() as shown:
        erasure = Erasure(opened, product, column, value, shown)
        if not yes:
            plan = erasure.plan()
            if json:
                print_json(plan)
            else:
                print_plan(plan)
            return
        done = erasure.erase(reason)
    if json:
        print_json(done)
        return
    print_plan(done.plan)
    say(f"erased, and certified in entry {done.entry}: the person is {done.person[:12]}… there", "what this does not reach:")
    say(*(f"  {line}" for line in done.left))


def print_plan(plan: ErasePlan) -> None:
    """Print where a person's rows are, and what stands in the way."""
    if plan.rows:
        rows = [(store, f"{count:,}", _versions(plan, store)) for store, count in plan.rows.items()]
        say(table(("where", ">rows", "*brought by version"), rows), f"about {size(plan.freed)} in all")
    else:
        say(f"{plan.product} holds no row whose {plan.column} is the value given")
    if plan.unfinished:
        say(f"an erasure was begun and cut short (entry {', '.join(map(str, plan.unfinished))}): --yes completes it")
    for words in plan.held:
        say(f"not now: {words}")
    for path, count in plan.sources.items():
        rows_too = "1 row" if count == 1 else f"{count:,} rows"
        say(f"{path} holds {rows_too} too: it is not ours to change, and nothing of that would be taken in again")
    if plan.models:
        say(f"trained on the rows, and not untrained by this: {', '.join(plan.models)}")


def _whom(key: str | None, where: str | None) -> tuple[str, str] | None:
    """Return the column and value that --where gives, None where --key is given."""
    if (key is None) == (where is None):
        raise InputError(
            "erase", [Fault(what="who is meant is not clear", remedy="give either --key VALUE or --where COLUMN=VALUE")]
        )
    if where is None:
        return None
    column, sign, value = where.partition("=")
    if not sign or not value:
        raise InputError("erase", [Fault(what=f"{where!r} is no condition", remedy="write --where COLUMN=VALUE")])
    return column.strip(), value.strip()


def _versions(plan: ErasePlan, store: str) -> str:
    brought = plan.versions.get(store.removeprefix("table "), {})
    few = list(brought)[:3]
    return (
        ", ".join(map(str, few)) + (f" and {len(brought) - len(few):,} more" if len(brought) > len(few) else "")
        if few
        else "-"
    )
