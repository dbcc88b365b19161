"""The product as a person holds it: what it declares, and the acts that make it live."""

from __future__ import annotations

from trimaran.data.declaration import Declaration


class Product(Declaration):
    """A predictive product: its declaration, and the acts on it."""
