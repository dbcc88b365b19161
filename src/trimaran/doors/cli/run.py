"""trimaran run: data in, a version out, judged at the gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from trimaran.app.artifacts import load_named
from trimaran.app.computing import open_computing
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.pipelines import read_engine
from trimaran.app.progress import progress
from trimaran.app.running import run_once, take_in
from trimaran.app.views import Book, version_view
from trimaran.app.workspace import Workspace, held_schemas
from trimaran.core.config import default_person, default_workspace
from trimaran.core.nouns import Ingest
from trimaran.data.sources import SOURCE
from trimaran.doors.cli.options import DigestOption, JsonOption, WorkspaceOption
from trimaran.doors.cli.output import print_json, say, table
from trimaran.doors.cli.show import print_version

app = typer.Typer(add_completion=False)

EngineOption = Annotated[
    str | None,
    typer.Option(
        help="Where trials and parts of features are computed: local, processes, processes:4, ray, ray://host:port, or "
        "ray://local for a cluster of its own; what the workspace's settings say by default.",
        show_default=False,
    ),
]


@app.command()
def run(
    product_file: Annotated[Path, typer.Argument(metavar="PRODUCT.py", help="The product file, or its artifact.")],
    data: Annotated[Path | None, typer.Option(help="The folder of its data; the file's own by default.")] = None,
    workspace: WorkspaceOption = None,
    only: Annotated[
        Literal["data"] | None, typer.Option(help="Stop after a part: data takes in, and trains nothing.")
    ] = None,
    engine: EngineOption = None,
    digest: DigestOption = None,
    *,
    again: Annotated[
        bool,
        typer.Option("--again", help="Do every stage anew, also those where nothing changed since an earlier training."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Take in data, train a version of a product and judge it at the gate; exit code 1 when the gate refuses."""
    if engine is not None:
        read_engine(engine)  # a wrong word is told before a workspace is made
    folder = workspace or default_workspace()
    loaded = load_named(product_file, root=data, held=lambda product: held_schemas(folder, product), digest=digest)
    opened = Workspace(folder, actor=default_person())
    opened.data_root = data or product_file.parent
    with progress() as shown:
        computing = open_computing(opened.root, opened.settings.computing, engine)
        path = product_file if loaded.origin is None else None  # an artifact says itself where it comes from
        life = Lifecycle(opened, loaded, shown, path=path, computing=computing)
        if only == "data":
            taken = take_in(life, opened.clock.now())
        else:
            state, verdict = run_once(life, again=again)
    if only == "data":
        _print_taken(taken, json=json)
        return
    view = version_view(Book.open(opened, loaded.definition.name), state.version.name)
    if json:
        print_json(view)
    else:
        print_version(view)
    if verdict.outcome not in {"pass", "warn"}:
        raise typer.Exit(1)


def _print_taken(taken: Sequence[Ingest], *, json: bool) -> None:
    if json:
        print_json(list(taken))
        return
    rows = [
        (one.table, one.source, *(f"{count:,}" for count in (one.rows_in, one.kept, one.refused, one.repeated)))
        for one in taken
    ]
    if not taken:
        say("nothing was taken in: the sources hold no rows, or none whose time has come")
        return
    say(table(("table", "*source", ">rows", ">kept", ">refused", ">known already"), rows))
    for one in taken:
        reasons = one.quarantine.reasons if one.quarantine is not None else {}
        say(*(f"{one.table}: {count:,} refused: {reason}" for reason, count in reasons.items()))
        say(*(f"{one.table}: {note}" for note in one.expectations if note.startswith(SOURCE)))
