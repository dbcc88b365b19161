"""Profiles of tables: what each delivery brought, by column and day, in sketches that merge without loss."""

from trimaran.data.sketches.distinct import DISTINCT_ERROR
from trimaran.data.sketches.merging import NO_DAY, Column, Heavy, Sketch, by_column, by_day, days_of
from trimaran.data.sketches.storing import Origin, blank, read_sketch, sketch_bytes, sketch_of
from trimaran.data.sketches.taking import HEAVY_SHARE, POINTS, RANK_ERROR, SCHEMA, take

__all__ = [
    "DISTINCT_ERROR",
    "HEAVY_SHARE",
    "NO_DAY",
    "POINTS",
    "RANK_ERROR",
    "SCHEMA",
    "Column",
    "Heavy",
    "Origin",
    "Sketch",
    "blank",
    "by_column",
    "by_day",
    "days_of",
    "read_sketch",
    "sketch_bytes",
    "sketch_of",
    "take",
]
