"""Options that many commands share, and the workspace and product they mean."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trimaran.app.workspace import Workspace, only_product
from trimaran.core.config import default_workspace

if TYPE_CHECKING:
    from trimaran.app.views import Book

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="The workspace folder; TRIMARAN_WORKSPACE, else .trimaran.", show_default=False),
]
ProductOption = Annotated[
    str | None, typer.Option("--product", "-p", help="The product; may be left out where there is one.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DigestOption = Annotated[
    str | None,
    typer.Option("--digest", help="Of an artifact: the SHA-256 that the whole must have.", show_default=False),
]


def open_workspace(folder: Path | None, *, actor: str = "trimaran") -> Workspace:
    """Return the workspace that is meant; raises ``NotFound`` where there is none."""
    return Workspace.existing(folder or default_workspace(), actor=actor)


def open_book(folder: Path | None, product: str | None) -> Book:
    """Return the book of the product that is meant; raises ``NotFound`` that lists the products."""
    workspace = open_workspace(folder)
    # Imported when a command asks for it: the views stand on Polars and SciPy, and some commands need neither.
    book: Book = import_module("trimaran.app.views").Book.open(workspace, only_product(workspace, product))
    return book
