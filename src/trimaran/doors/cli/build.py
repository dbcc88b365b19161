"""trimaran build: a product as one reproducible file, and the verification of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.artifacts import Artifact, build_artifact, read_artifact
from trimaran.doors.cli.options import JsonOption
from trimaran.doors.cli.output import print_json, say

app = typer.Typer(add_completion=False)


@app.command()
def build(
    file: Annotated[Path, typer.Argument(metavar="PRODUCT.py", help="The product file; with --verify the artifact.")],
    out: Annotated[Path, typer.Option(help="The folder that the artifact is written into.")] = Path("dist"),
    version: Annotated[
        str | None,
        typer.Option(help="What this one is called; the beginning of its contents' digest by default.", show_default=False),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of its data; the file's own by default.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Verify every byte of an artifact, and build nothing.")] = False,  # noqa: FBT002  a flag
    digest: Annotated[
        str | None, typer.Option(help="With --verify: the SHA-256 that the whole must have.", show_default=False)
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Build one reproducible file of a product: code, lock of packages, provenance; exit code 1 when --verify finds a change."""
    if digest is not None and not verify:
        raise typer.BadParameter("it is what --verify holds an artifact against", param_hint="--digest")
    place, found = (
        (file, read_artifact(file, digest_=digest)) if verify else build_artifact(file, out, data=data, version=version)
    )
    if json:
        print_json({"path": str(place), "digest": found.digest, "about": found.about, "provenance": found.provenance})
        return
    _print(place, found, verified=verify)


def _print(place: Path, found: Artifact, *, verified: bool) -> None:
    about = found.about
    say(f"{about.product} {about.version}, owned by {about.owner}: {'verified' if verified else place}")
    say(f"  sha256      {found.digest}")
    say(f"  code        {', '.join(found.code)}")
    say(
        f"  packages    {found.members['environment.lock'].decode().count('==')}, on Python {about.python}, trimaran {about.trimaran}"
    )
    say(f"  repository  {_repository(found)}")


def _repository(found: Artifact) -> str:
    dependencies = found.provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    stood = next((one for one in dependencies if one["name"] == "repository"), None)
    if stood is None:
        return "none: the file stood in no repository with a commit"
    said = stood["annotations"]
    untracked = f", not tracked: {', '.join(said['untracked'])}" if said["untracked"] else ""
    changed = ", with changes that are not committed" if "uncommitted.diff" in found.members else ""
    return f"commit {stood['digest']['gitCommit']}{changed}{untracked}"
