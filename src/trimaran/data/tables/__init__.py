"""A product's versioned tables and the way rows get into them."""

from trimaran.data.tables.tables import Tables, quarantined

__all__ = ["Tables", "quarantined"]
