"""A product tried as a whole and in its parts, before it is merged: what `trimaran test` does."""

from trimaran.app.trying.cases import GROUPS, Case, Outcome, Tried
from trimaran.app.trying.junit import junit
from trimaran.app.trying.trying import LEAST, ROWS, Plan, try_product

__all__ = ["GROUPS", "LEAST", "ROWS", "Case", "Outcome", "Plan", "Tried", "junit", "try_product"]
