"""The page of a product's segments, and the same as JSON."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from trimaran.app import figures
from trimaran.app.segments import SegmentsView
from trimaran.doors.dashboard.access import ACCESS, Access
from trimaran.doors.dashboard.rendering import chart
from trimaran.doors.dashboard.shelf import Shelf

READ = {ACCESS: Access.READ}


@get("/products/{product:str}/segments", opt=READ, sync_to_thread=True, name="segments")
def segments_page(shelf: NamedDependency[Shelf], product: FromPath[str]) -> Template:
    """Show who answers for each segment of a product, how good, and the waves of the release."""
    view = shelf.segments(product)
    compared = any(row.quality is not None and row.pooled_quality is not None for row in view.segments)
    drawn = chart(figures.segments(view), "segments", "Quality of each segment's own model against the pooled one")
    return Template("segments.html", context={"view": view, "drawn": drawn if compared else ""})


@get("/api/v1/products/{product:str}/segments", opt=READ, sync_to_thread=True)
def segments_of(shelf: NamedDependency[Shelf], product: FromPath[str]) -> SegmentsView:
    """Return who answers for each segment of a product, and the waves of the release."""
    return shelf.segments(product)
