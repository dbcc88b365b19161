"""The forms that frames, arrays and figures are kept in; each library is imported only where one of its values is met."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Any


def _is_of(value: Any, package: str, *names: str) -> bool:
    """Tell whether a value is of a class of a package that is imported already, as it must be where there is such a value."""
    kind = type(value)
    return package in sys.modules and kind.__module__.partition(".")[0] == package and kind.__name__ in names


class BytesForm:
    """Bytes as they are."""

    name = "bytes"

    def takes(self, value: Any) -> bool:  # noqa: D102  the law is that of ``Form``
        return type(value) is bytes

    def dump(self, value: Any) -> bytes:  # noqa: D102
        return bytes(value)

    def load(self, data: bytes) -> Any:  # noqa: D102
        return data


class ArrayForm:
    """NumPy arrays as ``.npy``, without pickles."""

    name = "npy"

    def takes(self, value: Any) -> bool:  # noqa: D102
        return _is_of(value, "numpy", "ndarray") and not value.dtype.hasobject

    def dump(self, value: Any) -> bytes:  # noqa: D102
        import numpy as np  # noqa: PLC0415

        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        return buffer.getvalue()

    def load(self, data: bytes) -> Any:  # noqa: D102
        import numpy as np  # noqa: PLC0415

        return np.load(io.BytesIO(data), allow_pickle=False)


class NumberForm(ArrayForm):
    """A single number of NumPy, with its type."""

    name = "number"

    def takes(self, value: Any) -> bool:  # noqa: D102
        numpy = sys.modules.get("numpy")
        return numpy is not None and isinstance(value, numpy.generic) and not value.dtype.hasobject

    def load(self, data: bytes) -> Any:  # noqa: D102
        return super().load(data)[()]


class FrameForm:
    """Polars frames as Arrow IPC files."""

    name = "ipc"

    def takes(self, value: Any) -> bool:  # noqa: D102
        return _is_of(value, "polars", "DataFrame")

    def dump(self, value: Any) -> bytes:  # noqa: D102
        buffer = io.BytesIO()
        value.rechunk().write_ipc(buffer)
        return buffer.getvalue()

    def load(self, data: bytes) -> Any:  # noqa: D102
        import polars as pl  # noqa: PLC0415

        return pl.read_ipc(io.BytesIO(data))


class SeriesForm(FrameForm):
    """A Polars series as a frame of one column."""

    name = "series"

    def takes(self, value: Any) -> bool:  # noqa: D102
        return _is_of(value, "polars", "Series")

    def dump(self, value: Any) -> bytes:  # noqa: D102
        return super().dump(value.to_frame())

    def load(self, data: bytes) -> Any:  # noqa: D102
        return super().load(data).to_series()


class LazyForm(FrameForm):
    """A lazy frame of Polars, computed; it comes back lazy."""

    name = "lazy"

    def takes(self, value: Any) -> bool:  # noqa: D102
        return _is_of(value, "polars", "LazyFrame")

    def dump(self, value: Any) -> bytes:  # noqa: D102
        return super().dump(value.collect())

    def load(self, data: bytes) -> Any:  # noqa: D102
        return super().load(data).lazy()


class ArrowForm:
    """Arrow tables as IPC streams."""

    name = "arrow"

    def takes(self, value: Any) -> bool:  # noqa: D102
        return _is_of(value, "pyarrow", "Table")

    def dump(self, value: Any) -> bytes:  # noqa: D102
        pa = import_module("pyarrow")

        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_table(value.combine_chunks())
        return bytes(sink.getvalue())

    def load(self, data: bytes) -> Any:  # noqa: D102
        pa = import_module("pyarrow")

        return pa.ipc.open_stream(data).read_all()


class PandasForm:
    """Pandas frames as Arrow IPC with the index and types in its metadata, where pyarrow is installed."""

    name = "pandas"

    def takes(self, value: Any) -> bool:  # noqa: D102
        if not _is_of(value, "pandas", "DataFrame"):
            return False
        try:
            return bool(self.load(self.dump(value)).equals(value))
        except Exception:  # noqa: BLE001  no pyarrow, or a column that Arrow does not have: then it is no value of this form
            return False

    def dump(self, value: Any) -> bytes:  # noqa: D102
        pa = import_module("pyarrow")

        return ArrowForm().dump(pa.Table.from_pandas(value))

    def load(self, data: bytes) -> Any:  # noqa: D102
        return ArrowForm().load(data).to_pandas()


class FigureForm:
    """Plotly figures as their JSON."""

    name = "figure"

    def takes(self, value: Any) -> bool:  # noqa: D102
        return _is_of(value, "plotly", "Figure")

    def dump(self, value: Any) -> bytes:  # noqa: D102
        return str(value.to_json()).encode()

    def load(self, data: bytes) -> Any:  # noqa: D102
        import plotly.io as pio  # noqa: PLC0415

        return pio.from_json(data.decode())


FORMS = (
    ArrayForm(),
    NumberForm(),
    FrameForm(),
    SeriesForm(),
    LazyForm(),
    ArrowForm(),
    PandasForm(),
    FigureForm(),
    BytesForm(),
)
"""All forms, in the order they are asked in."""
