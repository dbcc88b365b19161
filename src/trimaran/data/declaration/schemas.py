"""The columns and types a definition was checked against, kept as an object so that it can be read without its files."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from io import BytesIO

import msgspec
import polars as pl

from trimaran.core.canon import canonical
from trimaran.core.errors import Corrupt


def write_schemas(schemas: Mapping[str, pl.Schema]) -> bytes:
    """Return schemas by table as JSON of Arrow streams without rows, which keep every type.

    >>> schemas = {"weather": pl.Schema({"at": pl.Datetime("us", "UTC"), "sky": pl.Enum(["clear", "grey"])})}
    >>> read_schemas(write_schemas(schemas)) == schemas
    True
    """
    return canonical({name: b64encode(_stream(schema)).decode() for name, schema in schemas.items()})


def read_schemas(data: bytes) -> dict[str, pl.Schema]:
    """Return the schemas that ``write_schemas`` wrote; raises ``Corrupt`` for anything else."""
    try:
        found = msgspec.json.decode(data, type=dict[str, str])
        return {name: pl.read_ipc_stream(BytesIO(b64decode(text, validate=True))).schema for name, text in found.items()}
    except (msgspec.MsgspecError, ValueError, OSError, pl.exceptions.PolarsError) as error:
        message = f"this object holds no schemas: {error}"
        raise Corrupt(message) from error


def _stream(schema: pl.Schema) -> bytes:
    buffer = BytesIO()
    pl.DataFrame(schema=schema).write_ipc_stream(buffer)
    return buffer.getvalue()
