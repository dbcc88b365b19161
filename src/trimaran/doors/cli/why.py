"""trimaran why: where a thing on record came from, and what it led to."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from trimaran.app.past import explain
from trimaran.control.graph import Branch, Lineage, Node, tree
from trimaran.control.naming import FORMS
from trimaran.control.words import moment
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say

app = typer.Typer(add_completion=False)

_COLOURS = {"data": "cyan", "build": "blue", "deploy": "green", "monitor": "yellow", "control": "magenta"}


@app.command()
def why(
    ref: Annotated[str, typer.Argument(metavar="REF", help=f"What is asked about: {FORMS}.")],
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Leave nothing out, however much there is.")] = False,
    json: JsonOption = False,
) -> None:
    """Say where something came from, back to its training rows, and what it led to, forward to what is live now."""
    found = explain(open_workspace(workspace), ref, product, everything=everything)
    if json:
        print_json(found)
    else:
        _print(found)


def _print(found: Lineage) -> None:
    focus = found.node(found.focus)
    say(_title(focus), *([_facts(focus)] if focus.facts else []))
    print_trees(found)
    if found.live and not focus.live:
        say("", f"in the traffic now: {', '.join(node.title for node in found.live if node.kind == 'version')}")


def print_trees(found: Lineage) -> None:
    """Print a lineage as two trees: what its focus came from, and what that led to."""
    for root, title, nothing in (
        (tree(found, upstream=True), "it came from", "nothing on record led to it"),
        (tree(found, upstream=False), "it led to", "nothing on record came from it"),
    ):
        drawn = Tree(Text(title, style="bold"), guide_style="dim")
        _draw(drawn, root)
        say("", drawn if drawn.children else nothing)


def _draw(drawn: Tree, branch: Branch) -> None:
    for one in branch.branches:
        words = Text(f"{one.word} ", style="dim").append_text(_title(one.node))
        if one.again:
            drawn.add(words.append(" (see above)", style="dim"))
            continue
        facts = _facts(one.node)
        _draw(drawn.add(words.append("\n").append_text(facts) if facts else words), one)
    for more in branch.omitted:
        drawn.add(Text(f"and {more.count:,} more {more.what}; --all shows them", style="dim"))


def _title(node: Node) -> Text:
    title = Text(node.title, style=f"bold {_COLOURS[node.hull]}")
    if node.live and "now" in node.facts:
        title.append(f" ● {node.facts['now']}", style="bold green")
    if node.entry is not None:
        title.append(f"  #{node.entry}", style="dim")
    if node.at is not None:
        title.append(f"  {moment(node.at)}", style="dim")
    return title


def _facts(node: Node) -> Text:
    facts = [(name, words) for name, words in node.facts.items() if name not in {"digest", "now"}]
    return Text(" · ", style="dim").join(
        Text(f"{name}: ", style="dim").append(words, style="default") for name, words in facts
    )
