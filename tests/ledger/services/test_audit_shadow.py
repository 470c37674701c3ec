"""The shadow of the contracts: it accepts what the chain accepted, gives exactly its storage, and refuses the rest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from proof_world import LYCHEE, PACKED, seeded

from ledger.crypto.sm2 import PrivateKey
from ledger.crypto.sm3 import new
from ledger.domain import action as act
from ledger.domain.codes import LotState
from ledger.services.audit import midstate as compression
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.findings import Findings
from ledger.services.audit.history import History
from ledger.services.audit.midstate import midstate
from ledger.services.audit.shadow import MAX_WINDOW, Shadow
from ledger.services.audit.shadow_types import Violation
from ledger.services.audit.sources import EngineSource

NOW = 1_764_000_000
AUTHORITY, PRODUCER, LAB, OTHER = (bytes([n]) * 32 for n in (1, 2, 3, 4))
LOT, CHILD = bytes([10]) * 32, bytes([11]) * 32
ROOT = b"\x55" * 32
KEYS = {member: PrivateKey.generate().public for member in (AUTHORITY, PRODUCER, LAB, OTHER)}


# ------------------------------------------------------------------------------------------------ a real chain


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = seeded(tmp_path_factory.mktemp("shadow"))
    yield made
    made.close()


def walk(world, source, file=None):
    findings = Findings("audit")
    with ThreadPoolExecutor(2) as pool:
        history = History(source, world.deployment, findings, pool, file)
        accepted = [each for _, found in history.walk() for each in found]
        history.check_state()
    return history, accepted, findings


def test_shadow_gives_the_storage_and_events_of_a_real_chain(world):
    file = ChainFile(world.folder / "chain.sqlite")
    history, accepted, findings = walk(world, file, file)
    file.close()
    assert findings.found == []
    assert len(accepted) == findings.coverage["signatures"] == world.vault.counts().submissions
    assert findings.coverage["storage slots"] == sum(1 for _ in history.shadow.slots())


def test_history_is_sound_when_read_through_an_engine(world):
    _, accepted, findings = walk(world, EngineSource(world.chain))
    assert findings.found == [] and accepted


def test_history_names_the_slot_when_the_state_is_not_what_the_history_gives(world):
    source = EngineSource(world.chain)
    findings = Findings("audit")
    with ThreadPoolExecutor(1) as pool:
        history = History(source, world.deployment, findings, pool, None)
        for _ in history.walk():
            pass
        lot = next(iter(history.shadow.goods.lots.values()))
        lot.remaining -= 1
        history.check_state()
    assert list(findings.by_kind) == ["state.value"]
    assert "quantity, remaining" in findings.found[0].where


def test_midstate_is_what_sm3_holds_after_one_block():
    """Continuing from the midstate by hand gives OpenSSL's digest of two blocks' worth of input."""
    block = bytes(range(64))
    state = midstate(block)
    original = compression._IV
    padding = b"\x80" + bytes(55) + (512).to_bytes(8, "big")
    try:
        compression._IV = tuple(int.from_bytes(state[at : at + 4], "big") for at in range(0, 32, 4))
        assert midstate(padding) == new(block).digest()
    finally:
        compression._IV = original


# ------------------------------------------------------------------------------------------------ what it refuses


def call(member, operations=(), lots=(LOT,), nonce=1, expiry=NOW + 60, **changes):
    entries = tuple(act.LotEntry(lot, ROOT, 1) for lot in lots)
    action = act.Action(changes.get("root", ROOT), changes.get("count", 1), entries, tuple(operations))
    meta = changes.get("meta") or act.Meta(nonce, expiry, changes.get("meta_count", action.count)).encode()
    return act.SubmitCall(KEYS[member].key_id, action, meta, bytes(64))


def admit(member, roles):
    return act.admit_member(member, roles, 6, KEYS[member].x, KEYS[member].y, False)


@pytest.fixture
def shadow():
    made = Shadow(bytes(32))
    made.found([(AUTHORITY, 6, KEYS[AUTHORITY].x, KEYS[AUTHORITY].y)], NOW)
    made.apply(call(AUTHORITY, [admit(PRODUCER, 1), admit(LAB, 32), admit(OTHER, 1)], lots=()), NOW)
    made.apply(call(PRODUCER, [act.register_lot(LOT, ROOT, 1000, 1)]), NOW)
    return made


REFUSED = {
    "a nonce used before": call(PRODUCER),
    "expired": call(PRODUCER, nonce=2, expiry=NOW - 1),
    "too far ahead": call(PRODUCER, nonce=2, expiry=NOW + MAX_WINDOW + 1),
    "another count in meta": call(PRODUCER, nonce=2, meta_count=2),
    "a malformed meta": call(PRODUCER, nonce=2, meta=bytes(23)),
    "no record": call(PRODUCER, nonce=2, lots=(), count=0),
    "no root": call(PRODUCER, nonce=2, root=bytes(32)),
    "lots out of order": call(PRODUCER, nonce=2, lots=(CHILD, LOT)),
    "an unknown lot": call(PRODUCER, nonce=2, lots=(bytes([99]) * 32,)),
    "a lot of another member": call(OTHER, nonce=2),
    "registering without the role": call(LAB, [act.register_lot(CHILD, ROOT, 1, 1)], lots=(CHILD,), nonce=2),
    "registering twice": call(PRODUCER, [act.register_lot(LOT, ROOT, 1, 1)], nonce=2),
    "registering without an entry": call(PRODUCER, [act.register_lot(CHILD, ROOT, 1, 1)], nonce=2),
    "a child larger than its parents": call(
        PRODUCER, [act.register_lot(CHILD, ROOT, 11, 1, [(LOT, 10)])], lots=(LOT, CHILD), nonce=2
    ),
    "a child from more than is left": call(
        PRODUCER, [act.register_lot(CHILD, ROOT, 5, 1, [(LOT, 1001)])], lots=(LOT, CHILD), nonce=2
    ),
    "a child in another unit": call(
        PRODUCER, [act.register_lot(CHILD, ROOT, 5, 2, [(LOT, 5)])], lots=(LOT, CHILD), nonce=2
    ),
    "a child from somebody else's lot": call(
        OTHER, [act.register_lot(CHILD, ROOT, 5, 1, [(LOT, 5)])], lots=(CHILD,), nonce=2
    ),
    "handing over somebody else's lot": call(OTHER, [act.transfer_lot(LOT, OTHER)], lots=(), nonce=2),
    "handing over to nobody": call(PRODUCER, [act.transfer_lot(LOT, bytes([98]) * 32)], nonce=2),
    "releasing one's own lot": call(PRODUCER, [act.set_lot_state(LOT, LotState.ACTIVE)], nonce=2),
    "sealing without the role": call(PRODUCER, [act.seal_document(1, ROOT)], nonce=2),
    "matching without the role": call(PRODUCER, [act.record_match(ROOT, (bytes(32),) * 4, 3, 1, ROOT)], nonce=2),
    "admitting without being an authority": call(LAB, [admit(OTHER, 1)], lots=(), nonce=2),
    "admitting twice": call(AUTHORITY, [admit(OTHER, 1)], lots=(), nonce=2),
    "undefined roles": call(AUTHORITY, [act.set_roles(LAB, 1 << 30)], lots=(), nonce=2),
    "the last authority retiring": call(AUTHORITY, [act.set_standing(AUTHORITY, 3)], lots=(), nonce=2),
    "revoking an unknown key": call(AUTHORITY, [act.revoke_key(ROOT)], lots=(), nonce=2),
    "an unknown operation": call(PRODUCER, [act.Operation(99, b"")], nonce=2),
    "a malformed operation": call(PRODUCER, [act.Operation(2, b"\x01")], nonce=2),
}


WHY = {
    "a nonce used before": "has used nonce",
    "expired": "expired at",
    "too far ahead": "too far ahead",
    "another count in meta": "different numbers",
    "a malformed meta": "meta:",
    "no record": "no record",
    "no root": "no record",
    "lots out of order": "ascending",
    "an unknown lot": "there is no lot",
    "a lot of another member": "may not speak",
    "registering without the role": "lacks the role",
    "registering twice": "registered before",
    "registering without an entry": "no entry",
    "a child larger than its parents": "larger than what was drawn",
    "a child from more than is left": "is taken from lot",
    "a child in another unit": "different units",
    "a child from somebody else's lot": "another member holds",
    "handing over somebody else's lot": "does not hold",
    "handing over to nobody": "there is no member",
    "releasing one's own lot": "is what it was",
    "sealing without the role": "lacks the role",
    "matching without the role": "lacks the role",
    "admitting without being an authority": "no authority",
    "admitting twice": "admitted before",
    "undefined roles": "not defined",
    "the last authority retiring": "last authority",
    "revoking an unknown key": "there is no key",
    "an unknown operation": "unknown operation kind",
    "a malformed operation": "ends too early",
}


@pytest.mark.parametrize("name", REFUSED)
def test_shadow_refuses_what_the_contracts_refuse(shadow, name):
    with pytest.raises(Violation, match=WHY[name]):
        shadow.apply(REFUSED[name], NOW)


def test_shadow_refuses_a_key_after_it_was_revoked_and_a_member_after_it_was_suspended(shadow):
    shadow.apply(call(PRODUCER, nonce=2), NOW)
    shadow.apply(call(AUTHORITY, [act.set_standing(PRODUCER, 2)], lots=(), nonce=2), NOW)
    with pytest.raises(Violation, match="not active"):
        shadow.apply(call(PRODUCER, nonce=3), NOW)
    shadow.apply(call(AUTHORITY, [act.set_standing(PRODUCER, 1)], lots=(), nonce=3), NOW)
    shadow.apply(call(AUTHORITY, [act.revoke_key(KEYS[PRODUCER].key_id)], lots=(), nonce=4), NOW)
    with pytest.raises(Violation, match="revoked"):
        shadow.apply(call(PRODUCER, nonce=3), NOW)


def test_shadow_conserves_quantity_when_lots_are_split_and_exported(shadow):
    shadow.apply(call(PRODUCER, [act.register_lot(CHILD, ROOT, 300, 1, [(LOT, 400)])], lots=(LOT, CHILD), nonce=2), NOW)
    lots = shadow.goods.lots
    assert (lots[LOT].remaining, lots[CHILD].remaining) == (600, 300)
    assert lots[LOT].entries == 2 and lots[CHILD].entries == 1


def test_world_has_a_child_lot_whose_parents_are_part_of_the_storage(world):
    assert world.bundle(PACKED) and world.bundle(LYCHEE)
