"""trimaran audit: whether the record is whole, and what to keep elsewhere so that anybody can tell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.auditing import Audit, read_file
from trimaran.backends.checkpoint_files import write_whole
from trimaran.core.errors import Fault, InputError
from trimaran.core.ledger import VerifierKey
from trimaran.core.ledger.exporting import line_of
from trimaran.core.nouns import Ref
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say

OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write it to this file, whole or not at all.", show_default=False)
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="The checkpoint to prove it by; the newest one kept.", show_default=False),
]

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Verify that nothing written was changed, removed, moved or cut off, and sign checkpoints to keep elsewhere."""


@app.command()
def verify(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="A checkpoint kept elsewhere; may be repeated.", show_default=False),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="The verifier key as it was kept elsewhere.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    *,
    objects: Annotated[bool, typer.Option("--objects", help="Read and verify every object as well.")] = False,
    json: JsonOption = False,
) -> None:
    """Hold the ledger against its own chain, its index and every checkpoint; exit code 1 where anything is wrong."""
    notes = {str(file): read_file(_there(file)) for file in checkpoint or ()}
    found = open_workspace(workspace).auditor.verify(notes, _keys(key), objects=objects)
    if json:
        print_json(found)
    else:
        _tell(found)
    if found.faults:
        raise typer.Exit(1)


@app.command()
def checkpoint(out: OutOption = None, workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """Sign the ledger as it is now, and keep the checkpoint; keep a copy where nobody who writes the ledger can reach it."""
    signed = open_workspace(workspace).auditor.checkpoint()
    if out is not None:
        write_whole(out, [signed.note.encode()])
    if json:
        print_json(signed)
    elif out is None:
        sys.stdout.write(signed.note)
    else:
        say(f"{signed.checkpoint.size:,} entries signed", f"written to {out}")


@app.command()
def key(workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """Print the key that verifies this workspace's checkpoints; give it to whoever is to verify them."""
    found = open_workspace(workspace).auditor.key()
    if json:
        print_json({"name": found.name, "key": str(found)})
    else:
        sys.stdout.write(f"{found}\n")


@app.command()
def prove(
    entry: Annotated[str, typer.Argument(help="The entry: its number, or a ref.", metavar="REF|SEQ")],
    checkpoint: CheckpointOption = None,
    out: OutOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="As without: a proof is JSON.")] = False,  # noqa: ARG001
) -> None:
    """Prove that a checkpoint names an entry, to somebody who has nothing but the checkpoint and the key."""
    opened = open_workspace(workspace)
    note = None if checkpoint is None else read_file(_there(checkpoint))
    proof = line_of(opened.auditor.proof(_seq_of(entry), note))
    if out is None:
        sys.stdout.write(proof.decode())
    else:
        write_whole(out, [proof])
        say(f"entry {_seq_of(entry)} proven; check with tools/verify_ledger.py", f"written to {out}")


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="The file to write, whole or not at all.")],
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Write a checkpoint and every entry as lines of JSON, to be verified without trimaran."""
    signed = open_workspace(workspace).auditor.export(out)
    if json:
        print_json(signed)
    else:
        say(f"{signed.checkpoint.size:,} entries; check with tools/verify_ledger.py", f"written to {out}")


def _tell(found: Audit) -> None:
    agreeing = sum(held.agrees for held in found.checkpoints)
    if found.checkpoints:
        newest = found.checkpoints[-1].checkpoint
        say(f"{agreeing:,} of {len(found.checkpoints):,} checkpoints agree; the newest names {newest.size:,} entries")
    if found.objects is not None:
        say(f"{found.objects:,} objects, every one read")
    if found.faults:
        say(f"{len(found.faults)} fault{'s' if len(found.faults) > 1 else ''} in {found.count:,} entries")
        say(*(f"  {fault}" for fault in found.faults))
        return
    say(
        f"{found.count:,} entries, every one as it was written and in its place",
        f"head {found.head}",
        "keep checkpoints and the key elsewhere: a ledger cut short will show",
    )


def _keys(file: Path | None) -> list[VerifierKey]:
    return [] if file is None else [VerifierKey.parse(line) for line in read_file(_there(file)).splitlines() if line.strip()]


def _there(file: Path) -> Path:
    if not file.is_file():
        raise InputError("file", [Fault(what=f"there is no file {file}", remedy="name one that was kept")])
    return file


def _seq_of(entry: str) -> int:
    return int(entry) if entry.isdecimal() else Ref.parse(entry).seq
