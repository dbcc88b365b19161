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
    "run": Command("run", "Take in data, train a version of a product and judge it at the gate."),
    "replay": Command("replay", "Live a product's history through the whole loop."),
    "up": Command("up", "Serve predictions and the dashboard."),
    "status": Command("status", "Show every product at a glance."),
    "versions": Command("versions", "List a product's versions and what became of them."),
    "show": Command("show", "Show one version: what the gate found, who approved, where it went."),
    "approve": Command("approve", "Approve a version that waits for it."),
    "refuse": Command("refuse", "Refuse a version that waits for approval."),
    "at": Command("at", "Say what was live at a moment, and why."),
    "story": Command("story", "Tell a product's life as dated events."),
    "quality": Command("quality", "Show estimated and realised quality over time."),
    "drift": Command("drift", "Show how far each column moved from the training data."),
    "balance": Command("balance", "Show the control totals; exit code 1 when one does not balance."),
    "notices": Command("notices", "List the messages that people were sent."),
    "log": Command("log", "List the newest entries of the ledger."),
    "audit": Command("audit", "Verify the chain of entries: trimaran audit verify."),
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
