"""The ledger: an append-only chain of records, typed on both sides."""

from trimaran.core.ledger.codec import KINDS, Codec, Lift, kind_of
from trimaran.core.ledger.ledger import Ledger, Verification, Write
from trimaran.core.ledger.linking import Tip, prepared
from trimaran.core.ledger.mentioning import mentioned
from trimaran.core.ledger.notes import SigningKey, VerifierKey, read_note, read_text
from trimaran.core.ledger.walking import Walk

__all__ = [
    "KINDS",
    "Codec",
    "Ledger",
    "Lift",
    "SigningKey",
    "Tip",
    "Verification",
    "VerifierKey",
    "Walk",
    "Write",
    "kind_of",
    "mentioned",
    "prepared",
    "read_note",
    "read_text",
]
