"""The list of commands, and the one place that imports them: each when it runs, so that --help costs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Command(NamedTuple):
    """A command as the overview shows it: its module in this room, and its line of help."""

    module: str
    help: str


COMMANDS: Mapping[str, Command] = {
    "check": Command("check", "Check a product file and report every fault at once; nothing is run."),
    "new": Command("new", "Begin a product from a table alone: writes its file, for you to decide on."),
    "run": Command("run", "Take in data, train a version of a product and judge it at the gate."),
    "test": Command("test", "Try a product's contracts, features, model and whole loop on a slice of its data."),
    "adopt": Command("adopt", "Take up a model that was trained elsewhere: tested, judged and staged like any."),
    "trust": Command("trust", "Decide that one pickle may be loaded, by the digest of its file."),
    "build": Command("build", "Build one reproducible file of a product: code, lock of packages, provenance."),
    "steps": Command("steps", "Run a pipeline of steps, and list and show its runs."),
    "why-ran": Command("why_ran", "Say why a step of a pipeline ran: what changed since the run before."),
    "why-cached": Command("why_cached", "Say why a step did not have to run: what is the same, and since when."),
    "spin": Command("spin", "Run one step again, as its code is now, on the inputs of an earlier run."),
    "replay": Command("replay", "Live a product's history through the whole loop."),
    "up": Command("up", "Serve predictions and the dashboard."),
    "contract": Command("contract", "Propose a contract for a table, and hold files against one."),
    "materialise": Command("materialise", "Bring a product's features by key up to now, for whoever reads them online."),
    "status": Command("status", "Show every product at a glance."),
    "versions": Command("versions", "List a product's versions and what became of them."),
    "show": Command("show", "Show one version: what the gate found, who approved, where it went."),
    "card": Command("card", "Show the model card of a version."),
    "alias": Command("alias", "List the names that point to versions, or let a name point to one."),
    "segments": Command("segments", "Show who answers for each segment, its own model or the pooled one, and why."),
    "approve": Command("approve", "Approve a version that waits for it."),
    "refuse": Command("refuse", "Refuse a version that waits for approval."),
    "at": Command("at", "Say what was live at a moment, and why."),
    "diff": Command("diff", "Compare two runs, versions or moments side by side."),
    "runs": Command("runs", "List, search, show and compare runs of scripts, notebooks and products."),
    "reproduce": Command("reproduce", "Train a version again from the record and say what came out otherwise."),
    "why": Command("why", "Say where something came from and what it led to."),
    "story": Command("story", "Tell a product's life as dated events."),
    "quality": Command("quality", "Show estimated and realised quality over time."),
    "drift": Command("drift", "Show how far each column moved from the training data."),
    "features": Command("features", "List the features of all products, or show everything about one."),
    "profile": Command("profile", "Show what a table holds: counts, quantiles, distinct and frequent values, by column."),
    "quarantine": Command("quarantine", "Show the rows of a table that were refused, with every reason."),
    "compact": Command("compact", "Merge the small files of a product's tables; older versions stay readable."),
    "balance": Command("balance", "Hold the control totals against what the stores have; exit code 1 on a break."),
    "notices": Command("notices", "List the messages to people: sent, waiting or failed, and why."),
    "log": Command("log", "List the newest entries of the ledger."),
    "export-model": Command("export_model", "Write a version as an MLflow model directory, for use elsewhere."),
    "export": Command("export", "Write a product, or the whole workspace, into one signed file."),
    "import": Command("import_", "Bring a signed bundle into a workspace, verified before anything is written."),
    "backup": Command("backup", "Back a workspace up while others write to it; what a backup has is not copied again."),
    "restore": Command("restore", "Make a workspace of a backup, in a folder that is not there yet."),
    "trash": Command("trash", "Put a version, run or data version into the trash: hidden, whole and restorable."),
    "hold": Command("hold", "Hold a product, or a part of it, against every deletion."),
    "purge": Command("purge", "Remove for good what is long in the trash, and objects that nothing needs; --yes acts."),
    "retention": Command("retention", "Show what each retention rule would take now; --yes acts."),
    "erase": Command("erase", "Erase one person's rows from everything a product keeps; --yes acts."),
    "audit": Command("audit", "Verify that nothing written was changed or removed; sign checkpoints."),
}


class LazyGroup(TyperGroup):
    """Commands by name, listed without being imported."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the signature is click's
        """Return the names in the order of the overview."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  the signature is click's
        """Return what the overview shows of a command."""
        found = COMMANDS.get(cmd_name)
        return None if found is None else TyperCommand(cmd_name, help=found.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import the command that is about to run."""
        found = COMMANDS.get(args[0])
        if found is None:
            return cast("tuple[str | None, Any, list[str]]", super().resolve_command(ctx, args))
        return args[0], load(args[0]), args[1:]


def load(name: str) -> Any:
    """Import a command's module and return the command."""
    module = importlib.import_module(f"trimaran.doors.cli.{COMMANDS[name].module}")
    app: typer.Typer = module.app
    command = get_command(app)
    command.name = name
    return command
