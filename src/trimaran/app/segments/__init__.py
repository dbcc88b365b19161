"""Many models of one product: trained a segment each, released in waves, and shown in one table."""

from trimaran.app.segments.releasing import SegmentPromotion
from trimaran.app.segments.replicating import replicate_product
from trimaran.app.segments.table import SegmentRow, SegmentsView, WaveRow, segments_view

__all__ = ["SegmentPromotion", "SegmentRow", "SegmentsView", "WaveRow", "replicate_product", "segments_view"]
