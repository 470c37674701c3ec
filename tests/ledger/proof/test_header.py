"""Block headers against py-evm's."""

from __future__ import annotations

import contextlib

import pytest
import rlp as rlp_library
from eth.rlp.headers import BlockHeader
from eth.vm.forks.london.blocks import LondonBlockHeader
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed, Untrusted
from ledger.proof.header import EMPTY_OMMERS, MAX_HEADER_BYTES, Header, parse_header


def london(**changes):
    fields = {
        "difficulty": 0,
        "block_number": 7,
        "gas_limit": 30_000_000,
        "timestamp": 1_764_000_000,
        "coinbase": b"\x01" * 20,
        "parent_hash": b"\x02" * 32,
        "uncles_hash": EMPTY_OMMERS,
        "state_root": b"\x03" * 32,
        "transaction_root": b"\x04" * 32,
        "receipt_root": b"\x05" * 32,
        "bloom": 12345,
        "gas_used": 21_000,
        "extra_data": b"originseal",
        "mix_hash": b"\x06" * 32,
        "nonce": b"\x00" * 8,
        "base_fee_per_gas": 0,
    }
    return LondonBlockHeader(**{**fields, **changes})


def test_header_is_read_when_py_evm_encoded_it():
    block = london()
    assert parse_header(rlp_library.encode(block)) == Header(
        hash=block.hash,
        parent_hash=block.parent_hash,
        ommers_hash=EMPTY_OMMERS,
        coinbase=block.coinbase,
        state_root=block.state_root,
        transactions_root=block.transaction_root,
        receipts_root=block.receipt_root,
        bloom=block.bloom.to_bytes(256, "big"),
        difficulty=0,
        number=7,
        gas_limit=30_000_000,
        gas_used=21_000,
        time=1_764_000_000,
        extra_data=b"originseal",
    )


def test_header_is_read_when_it_is_older_than_london():
    block = BlockHeader(difficulty=1, block_number=0, gas_limit=5000, timestamp=1)
    header = parse_header(rlp_library.encode(block))
    assert header.hash == block.hash
    assert header.ommers_hash == EMPTY_OMMERS == keccak256(b"\xc0")


def test_header_is_read_when_later_forks_add_fields():
    raw = rlp_library.encode(
        [*rlp_library.decode(rlp_library.encode(london())), bytes(32), b"", b"", bytes(32), bytes(32)]
    )
    assert parse_header(raw).hash == keccak256(raw)


FIELD_LENGTHS = {0: 32, 1: 32, 2: 20, 3: 32, 4: 32, 5: 32, 6: 256, 13: 32, 14: 8}


@pytest.mark.parametrize("position", range(15))
def test_header_is_refused_when_a_field_has_a_wrong_shape(position):
    fields = rlp_library.decode(rlp_library.encode(london()))
    bad = [[], b"\x00" + fields[position]] if position != 12 else [[]]
    if position in FIELD_LENGTHS:
        bad.append(fields[position][:-1])
    for value in bad:
        with pytest.raises(Malformed):
            parse_header(rlp_library.encode([*fields[:position], value, *fields[position + 1 :]]))


@pytest.mark.parametrize("count", [0, 14, 22])
def test_header_is_refused_when_the_number_of_fields_is_wrong(count):
    fields = rlp_library.decode(rlp_library.encode(london()))
    with pytest.raises(Malformed, match="fields"):
        parse_header(rlp_library.encode((fields * 2)[:count]))


def test_header_is_refused_when_it_is_too_long():
    with pytest.raises(Malformed, match="limit"):
        parse_header(rlp_library.encode(london(extra_data=bytes(MAX_HEADER_BYTES))))


@given(st.binary(max_size=700))
def test_parse_header_raises_only_untrusted_when_given_garbage(raw):
    with contextlib.suppress(Untrusted):
        parse_header(raw)
