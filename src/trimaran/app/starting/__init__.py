"""How a product is begun from a table alone: looked at, judged column by column, and written down for people to decide on."""

from trimaran.app.starting.asking import Asked
from trimaran.app.starting.looking import Looked, look
from trimaran.app.starting.starting import Started, start
from trimaran.app.starting.writing import write_product

__all__ = ["Asked", "Looked", "Started", "look", "start", "write_product"]
