"""The shadow of the contracts: it accepts what the chain accepted, gives exactly its storage, and refuses the rest."""

from __future__ import annotations

import sqlite3

import pytest
from proof_world import LYCHEE, PACKED, seeded

from ledger.crypto.sm2 import PrivateKey
from ledger.crypto.sm3 import new
from ledger.domain import action as act
from ledger.domain.codes import LotState
from ledger.errors import Malformed
from ledger.proof.header import parse_header
from ledger.proof.rlp import encode
from ledger.proof.trie import EMPTY_ROOT
from ledger.services.audit import midstate as compression
from ledger.services.audit.blocks import Blocks
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.events import EventDecoder
from ledger.services.audit.findings import Findings
from ledger.services.audit.history import History
from ledger.services.audit.midstate import midstate
from ledger.services.audit.nodes import Growth, leaves
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.shadow import MAX_WINDOW, Shadow
from ledger.services.audit.shadow_state import KeptShadow
from ledger.services.audit.shadow_types import Violation
from ledger.services.audit.sources import EngineSource
from ledger.services.audit.spans import Seen, Span

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


@pytest.fixture
def scratch():
    made = Scratch()
    yield made
    made.close()


def walk(world, source, file, scratch):
    """The two halves of a walk: blocks by themselves, then what needs the ones before."""
    findings = Findings("audit")
    history = History(world.deployment, findings, scratch)
    span, own = Span(0, source.head), Findings("")
    for _ in Blocks(source, world.deployment, file).read(span, own):
        pass
    span.findings, span.unlisted, span.coverage = own.facts()
    history.follow(span)
    return history, [step.accepted for step in span.steps if isinstance(step, Seen)], findings


def test_shadow_gives_the_storage_and_events_of_a_real_chain(world, scratch):
    file = ChainFile(world.folder / "chain.sqlite")
    history, accepted, findings = walk(world, file, file, scratch)
    history.check_state(file, file.head)
    file.close()
    assert findings.found == []
    assert len(accepted) == findings.coverage["signatures"] == world.vault.counts().submissions
    assert findings.coverage["storage slots"] == sum(1 for _ in history.shadow.slots())


def test_history_is_sound_when_read_through_an_engine(world, scratch):
    source = EngineSource(world.chain)
    history, accepted, findings = walk(world, source, None, scratch)
    history.check_state(source, source.head)
    assert findings.found == [] and accepted


def test_history_names_the_slot_when_the_state_is_not_what_the_history_gives(world, scratch):
    source = EngineSource(world.chain)
    history, _, findings = walk(world, source, None, scratch)
    lots = history.shadow.goods.lots
    lots[next(iter(lots))].remaining -= 1
    history.check_state(source, source.head)
    assert list(findings.by_kind) == ["state.value"]
    assert "quantity, remaining" in findings.found[0].where


def test_signature_is_verified_by_the_history_when_the_events_do_not_give_the_key(world, scratch, monkeypatch):
    monkeypatch.setattr(EngineSource, "point", lambda self, members, key_id: (1, 2))
    source = EngineSource(world.chain)
    _, accepted, findings = walk(world, source, None, scratch)
    assert findings.found == [] and findings.coverage["signatures"] == len(accepted)


def test_growth_of_all_blocks_is_what_their_states_reach(world):
    """Walking each state beside the one before it reaches the same nodes as walking the whole of every state."""
    with sqlite3.connect(world.folder / "chain.sqlite") as db:
        nodes = dict(db.execute("SELECT hash, value FROM node"))
        roots = [parse_header(row[0]).state_root for row in db.execute("SELECT header FROM block ORDER BY number")]
    missing = []
    growth = Growth(nodes.get, lambda key, what: missing.append((key, what)))
    for before, root in zip([EMPTY_ROOT, *roots], roots, strict=False):
        growth.visit_state(root, before)
    assert missing == [] and growth.reached == set(nodes)


def test_growth_reports_a_node_that_is_missing_and_ends_where_one_leads_back_to_itself(world):
    with sqlite3.connect(world.folder / "chain.sqlite") as db:
        nodes = dict(db.execute("SELECT hash, value FROM node"))
        root = parse_header(db.execute("SELECT header FROM block ORDER BY number DESC").fetchone()[0]).state_root
    reported = []
    nodes[root] = encode([root] * 16 + [b""])
    Growth(nodes.get, lambda key, what: reported.append(key)).visit_state(root, EMPTY_ROOT)
    with pytest.raises(Malformed, match="deeper"):
        list(leaves(root, nodes.get))
    del nodes[root]
    Growth(nodes.get, lambda key, what: reported.append(key)).visit_state(root, EMPTY_ROOT)
    assert reported == [root]


def test_events_from_receipts_are_those_that_the_chain_reader_gives(world):
    source, decoder, found = EngineSource(world.chain), EventDecoder(world.deployment), []
    for transaction in Blocks(source, world.deployment, None).read(Span(0, source.head), Findings("")):
        found += decoder.decode(
            transaction.logs, transaction.block, transaction.block_hash, transaction.hash, transaction.index,
            transaction.first_log,
        )  # fmt: skip
    assert found == world.chain.events(0, source.head) and found


def test_kept_state_is_the_same_when_it_is_let_go_between_submissions(scratch):
    """Entries written back and read again carry on as if they had stayed in memory."""
    kept, plain = KeptShadow(scratch.db, bytes(32)), Shadow(bytes(32))
    for made, after in ((kept.shadow, kept.flush), (plain, lambda: None)):
        authorities = [(AUTHORITY, 6, KEYS[AUTHORITY].x, KEYS[AUTHORITY].y)]
        made.found(authorities, 1, NOW)
        made.apply(call(AUTHORITY, [admit(PRODUCER, 1)], lots=()), NOW)
        after()
        made.apply(call(PRODUCER, [act.register_lot(LOT, ROOT, 1000, 1)]), NOW)
        after()
        made.apply(call(PRODUCER, nonce=2), NOW)
    again = KeptShadow(scratch.db, bytes(32))
    kept.flush()
    assert sorted(again.shadow.slots()) == sorted(plain.slots())
    assert again.shadow.goods.lots[LOT] == plain.goods.lots[LOT]
    assert bytes(32) not in again.shadow.goods.lots and len(again.shadow.goods.lots) == 1


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
    made.found([(AUTHORITY, 6, KEYS[AUTHORITY].x, KEYS[AUTHORITY].y)], 1, NOW)
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
