"""The ledger: an append-only chain of records, typed on both sides."""

from trimaran.core.ledger.codec import KINDS, Codec, Lift, kind_of
from trimaran.core.ledger.ledger import Ledger, Verification, Write
from trimaran.core.ledger.linking import Tip

__all__ = ["KINDS", "Codec", "Ledger", "Lift", "Tip", "Verification", "Write", "kind_of"]
