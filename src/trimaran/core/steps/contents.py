"""The content of constants: plain values by what they are, frames and arrays by their bytes."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from trimaran.core.steps.hashing import hashed

_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented))


def is_plain(value: Any) -> bool:
    """Tell whether a value is one of Python's own that hold no others.

    >>> is_plain(1.5), is_plain([1.5])
    (True, False)
    """
    return type(value) in _PLAIN


def plainly(value: Any) -> str:
    """Return the digest of a plain value; 1, 1.0 and True are three."""
    return hashed(type(value).__name__, repr(value))


def data_digest(value: Any) -> str | None:
    """Return the digest of a frame, series, expression or array by its content, None for anything else."""
    home = type(value).__module__.partition(".")[0]
    found = _READERS.get(home)
    return found(value) if found is not None and home in sys.modules else None


def _numpy(value: Any) -> str | None:
    import numpy as np  # noqa: PLC0415  only when there is an array

    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        array = np.asarray(value)
        return hashed("array", type(value).__name__, repr(array.dtype.descr), repr(array.shape), array.tobytes())
    return None


def _polars(value: Any) -> str | None:
    import polars as pl  # noqa: PLC0415  only when there is a frame

    match value:
        case pl.DataFrame():
            return hashed("frame", value.rechunk().write_ipc(None).getvalue())
        case pl.Series():
            return hashed("series", value.to_frame().rechunk().write_ipc(None).getvalue())
        case pl.Expr():
            return hashed("expression", value.meta.serialize())
        case pl.LazyFrame():
            return hashed("lazy", value.serialize())
    return None


def _pandas(value: Any) -> str | None:
    pd = import_module("pandas")

    if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        rows = pd.util.hash_pandas_object(value, index=True).to_numpy().tobytes()
        named = repr((type(value).__name__, getattr(value, "columns", None), str(getattr(value, "dtypes", ""))))
        return hashed("pandas", named, rows)
    return None


_READERS = {"numpy": _numpy, "polars": _polars, "pandas": _pandas}
