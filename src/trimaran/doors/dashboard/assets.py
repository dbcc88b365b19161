"""Styles and scripts, read once and named by their digest, so that a browser may keep them for ever."""

from __future__ import annotations

from importlib.resources import files
from types import MappingProxyType

import msgspec

from trimaran.core.canon import digest

FOR_EVER = "public, max-age=31536000, immutable"
_KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


class Asset(msgspec.Struct, frozen=True):
    """One file: where it is asked for, its bytes, and what they are."""

    path: str
    body: bytes
    kind: str


def load_assets() -> MappingProxyType[str, Asset]:
    """Return every asset by file name; Plotly's script is the one that its Python package brings."""
    ours = files("trimaran.doors.dashboard") / "assets"
    found = {
        "style.css": (ours / "style.css").read_bytes(),
        "charts.js": (ours / "charts.js").read_bytes(),
        "plotly.min.js": (files("plotly") / "package_data" / "plotly.min.js").read_bytes(),
    }
    return MappingProxyType(
        {
            name: Asset(f"/assets/{digest(body)[:12]}/{name}", body, _KINDS[name.rsplit(".", 1)[1]])
            for name, body in found.items()
        }
    )
