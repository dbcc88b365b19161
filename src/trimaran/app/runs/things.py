"""What a run may keep besides numbers, turned into objects: files, folders, bytes, figures, tables, and the data it used."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import IO, Any, Literal, cast

import polars as pl

from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.core.nouns import Artifact, Used
from trimaran.core.objects import members, put_tree
from trimaran.core.ports import ObjectStore

_BLOCK = 1 << 20


def keep_artifact(objects: ObjectStore, what: str | Path | bytes) -> Artifact:
    """Store bytes, a file, or a folder as a tree, and return what stands for it once it is durable.

    Raises ``InputError`` for a path where nothing is, and for a folder with what no tree can hold (links, devices).
    """
    if isinstance(what, bytes):
        return Artifact(digest=objects.put(what), kind="bytes", size=len(what))
    path = Path(what)
    if path.is_dir():
        digest = put_tree(objects, path)
        return Artifact(digest=digest, kind="folder", size=sum(member.size for member in members(objects, digest)))
    if not path.is_file():
        fault = Fault(what=f"there is no file or folder {path}", remedy="name one that is there, or give bytes")
        raise InputError("artifact", [fault])
    (digest,) = objects.put_files([path])
    return Artifact(digest=digest, kind="file", size=objects.size(digest))


def keep_figure(objects: ObjectStore, figure: Any) -> Artifact:
    """Store a Plotly figure as its JSON, one of Matplotlib (or its axes) as PNG; raises ``InputError`` for anything else."""
    kind: Literal["figure", "image"]
    if hasattr(figure, "to_plotly_json"):
        data, kind = figure.to_json().encode(), "figure"
    elif hasattr(drawn := getattr(figure, "figure", None) or figure, "savefig"):
        buffer = io.BytesIO()
        drawn.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
        data, kind = buffer.getvalue(), "image"
    else:
        fault = Fault(what=f"{type(figure).__name__} is no figure", remedy="give one of Plotly or Matplotlib")
        raise InputError("figure", [fault])
    return Artifact(digest=objects.put(data), kind=kind, size=len(data))


def keep_table(objects: ObjectStore, table: Any) -> Artifact:
    """Store a Polars or pandas frame as Parquet; raises ``InputError`` for anything else."""
    buffer = io.BytesIO()
    _frame(table).write_parquet(buffer)
    data = buffer.getvalue()
    return Artifact(digest=objects.put(data), kind="table", size=len(data))


def data_used(what: Any) -> Used:
    """Return what names data: a table's version, or the digest of a file's or frame's content; nothing is copied.

    Raises ``InputError`` for anything else.
    """
    if isinstance(what, int) and not isinstance(what, bool):
        return Used(version=what)
    if isinstance(what, str | Path):
        path = Path(what)
        if not path.is_file():
            fault = Fault(what=f"there is no file {path}", remedy="give a file, a frame, or the version of a table")
            raise InputError("data", [fault])
        with path.open("rb") as file:
            return Used(digest=hashlib.file_digest(file, "sha256").hexdigest(), size=path.stat().st_size)
    frame = _frame(what)
    sink = _Hashing()
    frame.write_ipc(cast("IO[bytes]", sink), compat_level=pl.CompatLevel.oldest())
    return Used(digest=sink.hash.hexdigest(), rows=frame.height)


class _Hashing(io.RawIOBase):
    """A file that keeps nothing of what is written to it but its digest."""

    def __init__(self) -> None:
        super().__init__()
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return memoryview(data).nbytes


def _frame(table: Any) -> pl.DataFrame:
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if type(table).__module__.split(".")[0] == "pandas":
        try:
            return pl.from_pandas(table)
        except ModuleNotFoundError as error:
            raise Unavailable(
                f"frames of pandas need another library ({error}): install it, or give one of Polars"
            ) from error
    fault = Fault(what=f"{type(table).__name__} is no table", remedy="give a frame of Polars or pandas")
    raise InputError("table", [fault])
