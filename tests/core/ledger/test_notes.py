"""Signed checkpoints: what is read is what was signed, and any change of a single bit is noticed."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.core.errors import Corrupt, InputError
from trimaran.core.ledger import SigningKey, VerifierKey, read_note
from trimaran.core.nouns import Checkpoint

DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
KEY = SigningKey.generate()
CHECKPOINT = Checkpoint(
    origin=KEY.verifier.name, size=41, root="ab" * 32, head="cd" * 32, at=datetime(2013, 7, 1, 12, tzinfo=UTC)
)
NOTE = KEY.sign(CHECKPOINT)


@given(size=st.integers(0, 10**15), root=DIGESTS, head=DIGESTS, at=st.datetimes(timezones=st.just(UTC)))
def test_a_signed_checkpoint_is_read_as_it_was(size: int, root: str, head: str, at: datetime) -> None:
    checkpoint = Checkpoint(origin=KEY.verifier.name, size=size, root=root, head=head, at=at)
    assert read_note(KEY.sign(checkpoint), [KEY.verifier]) == checkpoint


def test_a_note_is_laid_out_as_the_standard_says() -> None:
    text, signature = NOTE.split("\n\n")
    assert text.splitlines() == [
        KEY.verifier.name,
        "41",
        base64.b64encode(b"\xab" * 32).decode(),
        f"head {'cd' * 32}",
        "time 2013-07-01T12:00:00Z",
    ]
    mark, name, coded = signature.removesuffix("\n").split(" ")
    number = hashlib.sha256(name.encode() + b"\n\x01" + KEY.verifier.public).digest()[:4]
    assert (mark, name, base64.b64decode(coded)[:4]) == ("—", KEY.verifier.name, number)
    assert len(base64.b64decode(coded)) == 4 + 64
    coded = base64.b64encode(b"\x01" + KEY.verifier.public).decode()
    assert str(KEY.verifier) == f"{name}+{number.hex()}+{coded}"


def test_every_single_bit_of_a_note_counts() -> None:
    whole = NOTE.encode()
    for bit in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Corrupt):
            read_note(bytes(changed).decode(errors="replace"), [KEY.verifier])


@settings(max_examples=300)
@given(cut=st.integers(0, len(NOTE) - 1))
def test_a_note_that_was_cut_short_is_none(cut: int) -> None:
    with pytest.raises(Corrupt):
        read_note(NOTE[:cut], [KEY.verifier])


def test_only_a_given_key_counts_and_signatures_of_others_are_passed_over() -> None:
    other = SigningKey.generate()
    with pytest.raises(Corrupt, match="not signed by a key that was given"):
        read_note(NOTE, [other.verifier])
    with pytest.raises(Corrupt, match="given: none"):
        read_note(NOTE, [])
    witnessed = f"{NOTE}— witness.example/w {base64.b64encode(b'0' * 68).decode()}\n"
    assert read_note(witnessed, [other.verifier, KEY.verifier]) == CHECKPOINT


def test_another_key_of_the_same_name_is_another_key() -> None:
    twin = SigningKey(KEY.verifier.name, b"1" * 32)
    with pytest.raises(Corrupt):
        read_note(twin.sign(CHECKPOINT), [KEY.verifier])
    assert read_note(twin.sign(CHECKPOINT), [twin.verifier]) == CHECKPOINT


def test_a_checkpoint_signed_under_another_name_is_not_the_ledgers() -> None:
    other = SigningKey("another", b"1" * 32)
    with pytest.raises(Corrupt, match="not signed"):
        read_note(other.sign(CHECKPOINT), [other.verifier])


@pytest.mark.parametrize("text", ["", "a", "a+b", "a+00000000+AQ==", f"x{KEY.verifier}", f"{KEY.verifier}AA"], ids=range(6))
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no verifier key"):
        VerifierKey.parse(text)


def test_a_damaged_secret_is_refused_without_being_shown() -> None:
    secret = KEY.secret()
    for place in range(len(secret)):
        damaged = secret[:place] + chr(ord(secret[place]) ^ 1) + secret[place + 1 :]
        with pytest.raises(Corrupt) as caught:
            SigningKey.parse(damaged)
        assert secret[40:60] not in str(caught.value)
    assert secret[40:60] not in repr(KEY)


def test_microseconds_are_kept() -> None:
    at = CHECKPOINT.at + timedelta(microseconds=7)
    checkpoint = Checkpoint(origin=CHECKPOINT.origin, size=1, root="00" * 32, head="11" * 32, at=at)
    assert read_note(KEY.sign(checkpoint), [KEY.verifier]).at == at
