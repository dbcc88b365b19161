"""A training done again from the record, and what came out otherwise."""

from trimaran.app.reproduction.reproducing import Reproduction, reproduce

__all__ = ["Reproduction", "reproduce"]
