"""Where rows come from: files, databases, frames, lakes and functions, read into the shape their table declares."""

from trimaran.data.sources.conforming import unreadable_rows
from trimaran.data.sources.files import Files, files
from trimaran.data.sources.lakes import Delta, Iceberg, delta, iceberg
from trimaran.data.sources.query import Query, sql
from trimaran.data.sources.reading import as_source, columns, guessed, read
from trimaran.data.sources.source import PLACE, REASONS, SOURCE, Growing, Part, Reading, Shape, Source, Span
from trimaran.data.sources.values import Frame, Function, frame, rows

__all__ = [
    "PLACE",
    "REASONS",
    "SOURCE",
    "Delta",
    "Files",
    "Frame",
    "Function",
    "Growing",
    "Iceberg",
    "Part",
    "Query",
    "Reading",
    "Shape",
    "Source",
    "Span",
    "as_source",
    "columns",
    "delta",
    "files",
    "frame",
    "guessed",
    "iceberg",
    "read",
    "rows",
    "sql",
    "unreadable_rows",
]
