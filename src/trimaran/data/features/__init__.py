"""Features at a point in time: one engine for the training table and for a request of one row."""

from trimaran.data.features.engine import FeatureEngine, Prepared

__all__ = ["FeatureEngine", "Prepared"]
