"""The relayer's key file and signatures."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from chain_world import CHAIN_ID, RELAYER
from eth_account import Account

from ledger.chain.relayer import Relayer
from ledger.errors import BadKey, StorageUnavailable


def test_signature_is_what_eth_account_makes() -> None:
    account = Account.from_key(b"\x11" * 32)
    assert bytes.fromhex(account.address[2:]) == RELAYER.address
    for to, data, nonce in ((b"\x01" * 20, b"", 0), (b"", b"\x60" * 300, 300), (b"\x02" * 20, b"\0\1", 2**40)):
        fields = {
            "nonce": nonce, "to": to, "data": data, "gas": 90_000, "gasPrice": 0, "value": 3, "chainId": CHAIN_ID,
        }  # fmt: skip
        mine = RELAYER.sign(nonce=nonce, to=to, data=data, gas=90_000, gas_price=0, value=3, chain_id=CHAIN_ID)
        theirs = account.sign_transaction(fields)
        assert (mine.raw, mine.hash) == (bytes(theirs.raw_transaction), bytes(theirs.hash))


@pytest.mark.parametrize("password", [None, "口令"])
def test_key_file_is_private_and_comes_back(tmp_path: Path, password: str | None) -> None:
    path = tmp_path / "relayer.key"
    made = Relayer.create(path, password)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Relayer.open(path, password).address == made.address
    assert [p.name for p in tmp_path.iterdir()] == ["relayer.key"]
    with pytest.raises(StorageUnavailable):
        Relayer.create(path, password)
    assert Relayer.open(path, password).address == made.address


def test_encrypted_key_file_needs_its_password(tmp_path: Path) -> None:
    path = tmp_path / "relayer.key"
    Relayer.create(path, "right")
    for password in (None, "wrong", ""):
        with pytest.raises(BadKey):
            Relayer.open(path, password)


def test_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "relayer.key"
    Relayer.create(path)
    for mode in (0o640, 0o604, 0o660):
        os.chmod(path, mode)
        with pytest.raises(BadKey, match="others"):
            Relayer.open(path)


@pytest.mark.parametrize("text", ["", "zz", "00" * 32, "ff" * 32, "11" * 31, "{", "{}", '{"crypto": 5}'])
def test_file_without_a_key_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "relayer.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadKey) as caught:
        Relayer.open(path, "password")
    assert len(text) < 4 or text not in str(caught.value)


def test_missing_key_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        Relayer.open(tmp_path / "nothing")
    with pytest.raises(StorageUnavailable):
        Relayer.create(tmp_path / "no-folder" / "key")
