"""Checkpoints: one text per checkpoint, and nothing unsigned is believed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto.keccak import keccak256
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Malformed, Untrusted, VerificationFailed
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import CheckpointKey
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_signed, parse_text
from ledger.proof.rlp import encode

KEY = PrivateKey.generate()
OTHER = PrivateKey.generate()
KEYS = {KEY.public.key_id: CheckpointKey(KEY.public.key_id, KEY.public, "operator")}
POINT = Checkpoint(20250, b"\x01" * 32, 123, b"\x02" * 32, b"\x03" * 32, 1_764_000_000)
TEXT = (
    "originseal-checkpoint/v1\nchain-id: 20250\ngenesis: 0x" + "01" * 32 + "\nheight: 123\nblock: 0x" + "02" * 32
    + "\nstate-root: 0x" + "03" * 32 + "\ntime: 1764000000\n"
)  # fmt: skip


class Signer:
    custodial = False

    def __init__(self, key):
        self._key, self.public = key, key.public

    def sign(self, message):
        return self._key.sign(message)


def test_checkpoint_has_exactly_the_published_text():
    assert POINT.text == TEXT
    assert parse_text(TEXT) == POINT


numbers = st.integers(0, 2**64 - 1)
hashes = st.binary(min_size=32, max_size=32)


@given(numbers, hashes, numbers, hashes, hashes, numbers)
def test_checkpoint_survives_when_written_and_read(chain_id, genesis, height, block, root, time):
    point = Checkpoint(chain_id, genesis, height, block, root, time)
    assert parse_text(point.text) == point


MUTATIONS = {
    "empty": "",
    "crlf": TEXT.replace("\n", "\r\n"),
    "no last newline": TEXT[:-1],
    "two last newlines": TEXT + "\n",
    "another version": TEXT.replace("/v1", "/v2"),
    "leading zero": TEXT.replace("height: 123", "height: 0123"),
    "plus sign": TEXT.replace("height: 123", "height: +123"),
    "underscore": TEXT.replace("height: 123", "height: 1_23"),
    "arabic-indic digits": TEXT.replace("height: 123", "height: ١٢٣"),
    "superscript digit": TEXT.replace("height: 123", "height: 12³"),
    "no number": TEXT.replace("height: 123", "height: "),
    "too large": TEXT.replace("height: 123", f"height: {2**64}"),
    "far too large": TEXT.replace("height: 123", "height: " + "9" * 300),
    "upper case": TEXT.replace("0x" + "02" * 32, "0x" + "0A" * 32),
    "no prefix": TEXT.replace("0x" + "02" * 32, "02" * 33),
    "short hash": TEXT.replace("0x" + "02" * 32, "0x" + "02" * 31),
    "two spaces": TEXT.replace("height: ", "height:  "),
    "trailing space": TEXT.replace("height: 123", "height: 123 "),
    "no space": TEXT.replace("height: ", "height:"),
    "swapped lines": "\n".join(
        [*TEXT.split("\n")[:3], TEXT.split("\n")[4], TEXT.split("\n")[3], *TEXT.split("\n")[5:]]
    ),
    "missing line": TEXT.replace("time: 1764000000\n", ""),
    "extra line": TEXT + "note: x\n",
    "byte order mark": "\ufeff" + TEXT,
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_checkpoint_is_refused_when_its_text_is_not_the_only_form(name):
    assert MUTATIONS[name] != TEXT
    with pytest.raises(Malformed) as caught:
        parse_text(MUTATIONS[name], "here")
    assert caught.value.field == "here"


@given(st.text(max_size=400))
def test_parse_text_raises_only_untrusted_when_given_garbage(text):
    with contextlib.suppress(Untrusted):
        parse_text(text)


def test_checkpoint_is_verified_when_a_trusted_key_signed_it():
    signed = checkpoints.sign(POINT, Signer(KEY))
    assert parse_signed(signed.to_dict()) == signed
    evidence = checkpoints.verify(signed, KEYS)
    assert evidence.checkpoint == POINT
    assert evidence.key.name == "operator"


def test_checkpoint_is_refused_when_the_key_is_not_trusted():
    with pytest.raises(VerificationFailed, match="none of the 1"):
        checkpoints.verify(checkpoints.sign(POINT, Signer(OTHER)), KEYS)


def test_checkpoint_is_refused_when_another_key_signed_under_a_trusted_name():
    signed = checkpoints.sign(POINT, Signer(OTHER))
    with pytest.raises(VerificationFailed, match="signature"):
        checkpoints.verify(SignedCheckpoint(POINT, KEY.public.key_id, signed.signature), KEYS)


def test_checkpoint_is_refused_when_no_key_is_trusted():
    with pytest.raises(VerificationFailed):
        checkpoints.verify(checkpoints.sign(POINT, Signer(KEY)), {})


@pytest.mark.parametrize("bit", range(0, 512, 37))
def test_checkpoint_is_refused_when_a_bit_of_the_signature_flips(bit):
    signed = checkpoints.sign(POINT, Signer(KEY))
    raw = bytearray(signed.signature)
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VerificationFailed):
        checkpoints.verify(SignedCheckpoint(POINT, signed.key_id, bytes(raw)), KEYS)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 20251},
        {"genesis": bytes(32)},
        {"height": 124},
        {"block": bytes(32)},
        {"state_root": bytes(32)},
        {"time": 1_764_000_001},
    ],
)
def test_checkpoint_is_refused_when_a_line_changed_after_signing(change):
    signed = checkpoints.sign(POINT, Signer(KEY))
    fields = {name: getattr(POINT, name) for name in Checkpoint.__slots__}
    with pytest.raises(VerificationFailed):
        checkpoints.verify(SignedCheckpoint(Checkpoint(**{**fields, **change}), signed.key_id, signed.signature), KEYS)


def _json(**changes):
    value = checkpoints.sign(POINT, Signer(KEY)).to_dict() | changes
    return {name: part for name, part in value.items() if part is not ...}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "c"),
        ([], "c"),
        (_json(extra=1), "c/extra"),
        (_json(text=...), "c/text"),
        (_json(text=7), "c/text"),
        (_json(text="x" * 10_000), "c/text"),
        (_json(keyId="sm3:" + "0" * 63), "c/keyId"),
        (_json(keyId="sha-256:" + "0" * 64), "c/keyId"),
        (_json(signature="00" * 63), "c/signature"),
        (_json(signature="0X" * 64), "c/signature"),
        (_json(signature=None), "c/signature"),
    ],
)
def test_parse_signed_names_the_field_when_the_json_is_wrong(value, field):
    with pytest.raises(Malformed) as caught:
        parse_signed(value, "c")
    assert caught.value.field == field


def _header(**changes):
    items = [
        bytes(32), bytes(32), bytes(20), b"\x03" * 32, bytes(32), bytes(32), bytes(256), b"", b"\x7b", b"\x01", b"",
        POINT.time.to_bytes(4, "big"), b"", bytes(32), bytes(8),
    ]  # fmt: skip
    raw = encode(items)
    fields = {name: getattr(POINT, name) for name in Checkpoint.__slots__} | {"block": keccak256(raw)} | changes
    return SignedCheckpoint(Checkpoint(**fields), KEY.public.key_id, bytes(64)), raw


def test_header_is_read_when_the_checkpoint_states_its_block():
    header = checkpoints.header_of(*_header())
    assert (header.number, header.time, header.state_root) == (POINT.height, POINT.time, POINT.state_root)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"block": bytes(32)}, "not that of"),
        ({"height": 124}, "misstates"),
        ({"time": POINT.time + 1}, "misstates"),
        ({"state_root": bytes(32)}, "misstates"),
    ],
)
def test_header_is_refused_when_the_checkpoint_states_another_block(change, reason):
    with pytest.raises(VerificationFailed, match=reason) as caught:
        checkpoints.header_of(*_header(**change), "/h")
    assert caught.value.field == "/h"
