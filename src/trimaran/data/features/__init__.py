"""Features at a point in time: one engine for the training table and for a request of one row."""

from trimaran.data.features.costs import READING
from trimaran.data.features.engine import FeatureEngine, Prepared
from trimaran.data.features.lookback import Lookback, lookback
from trimaran.data.features.packing import Packing, packed, unpack
from trimaran.data.features.partitions import PartitionedEngine
from trimaran.data.features.views import FeatureView, views_of

__all__ = [
    "READING",
    "FeatureEngine",
    "FeatureView",
    "Lookback",
    "Packing",
    "PartitionedEngine",
    "Prepared",
    "lookback",
    "packed",
    "unpack",
    "views_of",
]
