"""trimaran trust: a person's decision that one pickle may be loaded."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.control.trust import decisions
from trimaran.control.trust import trust as decide
from trimaran.control.words import moment
from trimaran.core.config import default_person
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def trust(
    digest: Annotated[
        str | None, typer.Argument(metavar="SHA256", help="The digest of the pickle's file; none lists the decisions.")
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Where it comes from and why you believe that.", show_default=False)
    ] = "",
    person: Annotated[
        str | None, typer.Option("--person", help="Who decides; TRIMARAN_PERSON, else the log-in name.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Load it no more.")] = False,
    json: JsonOption = False,
) -> None:
    """Decide that one pickle may be loaded, by the digest of its file: it runs what its maker wrote, in a process of its own."""
    opened = open_workspace(workspace, actor=default_person())
    if digest is None:
        found = decisions(opened.ledger)
        rows = [(one.decision, one.file, one.person, moment(one.at), one.reason) for one in found]
        if json:
            print_json(found)
        elif rows:
            say(table(("decision", "*sha256", "by", "when (UTC)", "*why"), rows))
        else:
            say("no pickle is trusted")
        return
    who = person or default_person()
    ref = decide(opened.ledger.as_actor(who), digest, who, reason, revoke=revoke)
    if json:
        print_json(ref)
    else:
        say(f"the pickle {digest[:12]} is {'loaded no more' if revoke else 'trusted'}: entry {ref.seq}")
