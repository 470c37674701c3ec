"""Co-signatures in the store: the first one of a witness and height stays, whatever comes later."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from test_vault_store import checkpoint
from vault_world import MASTER

from ledger.errors import BadCiphertext
from ledger.proof.cosignature import Cosignature
from ledger.vault import Vault, cosigned, open_engine
from ledger.vault.examine import examine

CUSTOMS, MARKET = b"\x11" * 32, b"\x22" * 32


@pytest.fixture
def vault():
    return Vault(open_engine(":memory:"), MASTER)


def one(key=CUSTOMS, time=1_764_000_000, method="headers", signature=b"\x33" * 64):
    return Cosignature(key, time, method, signature)


def test_cosignatures_come_back_by_height_in_the_order_of_their_keys(vault):
    for height, given in ((5, one(MARKET)), (5, one()), (9, one())):
        assert cosigned.put(vault, height, given) == given
    assert cosigned.of_height(vault, 5) == (one(), one(MARKET))
    assert cosigned.of_heights(vault, 6, 20) == {9: (one(),)}
    assert cosigned.of_height(vault, 6) == ()
    assert cosigned.count(vault) == 3
    assert list(cosigned.heights(vault, 1, 10)) == [9, 5]
    assert list(cosigned.heights(vault, 2, 10)) == [5]
    assert list(cosigned.heights(vault, 1, 1)) == [9]


def test_the_first_cosignature_is_kept_when_its_witness_signs_the_height_again(vault):
    cosigned.put(vault, 5, one())
    for again in (one(), one(time=7), one(method="execution"), one(signature=bytes(64))):
        assert cosigned.put(vault, 5, again) == one()
    assert cosigned.of_height(vault, 5) == (one(),)


def test_checkpoints_come_in_pages_of_ascending_height(vault):
    for height in (7, 3, 5):
        vault.put_checkpoint(checkpoint(height))
    assert [signed.checkpoint.height for signed in cosigned.page(vault, 0, 2)] == [3, 5]
    assert [signed.checkpoint.height for signed in cosigned.page(vault, 6, 2)] == [7]
    assert cosigned.page(vault, 8, 2) == []


@pytest.mark.parametrize(
    "edit",
    [
        "height = 6",
        "key_id = x'" + "22" * 32 + "'",
        "key_id = 'text'",
        "time = time + 1",
        "time = 'now'",
        "method = 'execution'",
        "method = 'trust'",
        "signature = x'00'",
        "signature = x'" + "00" * 64 + "'",
        "seal = x'" + "00" * 32 + "'",
    ],
)
def test_an_edited_row_is_refused_and_named_when_it_is_read(vault, edit):
    cosigned.put(vault, 5, one())
    assert list(examine(vault)) == []
    with vault.transaction() as connection:
        connection.execute(text(f"UPDATE cosignatures SET {edit}"))
    with pytest.raises(BadCiphertext):
        cosigned.of_heights(vault, 0, 100)
    assert [damage.table for damage in examine(vault)] == ["cosignatures"]


def test_examination_goes_on_when_the_store_is_from_before_there_were_witnesses(vault):
    with vault.transaction() as connection:
        connection.execute(text("DROP TABLE cosignatures"))
    assert list(examine(vault)) == []
