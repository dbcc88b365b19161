"""Every feature of every product: what it is, what it came from, who uses it, how its values look and how fresh they are."""

from trimaran.app.catalogue.catalogue import SORTS, Catalogue
from trimaran.app.catalogue.entries import Distribution, Drifted, FeatureRow, FeatureView, Freshness, Look, Trained, Use
from trimaran.app.catalogue.statistics import shape
from trimaran.app.catalogue.words import ago, definition_of, lasting, percent, seen_in

__all__ = [
    "SORTS",
    "Catalogue",
    "Distribution",
    "Drifted",
    "FeatureRow",
    "FeatureView",
    "Freshness",
    "Look",
    "Trained",
    "Use",
    "ago",
    "definition_of",
    "lasting",
    "percent",
    "seen_in",
    "shape",
]
