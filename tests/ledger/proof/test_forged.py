"""Bundles by a forger who holds every key and made the rest to fit: one check each stands in the way.

Each case fails only because of the check it names: without it, the forged bundle would hold. Step, reason and field
are therefore all compared.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from forge import STRANGE, Forge
from proof_world import LYCHEE, Signer

from ledger.crypto.sm2 import PrivateKey
from ledger.domain.action import Action, LotEntry, Operation
from ledger.errors import OriginSealError
from ledger.merkle.tree import merkle_root
from ledger.proof import slots, trie
from ledger.proof.bundle import Lot, parse_bundle
from ledger.proof.rlp import decode_list, encode
from ledger.proof.verifier import ACCEPTED, _Case, argue

ADDRESS = STRANGE[:20]
WORD = int.from_bytes(STRANGE, "big")


@pytest.fixture
def forge(world, bundles):
    return Forge(world, bundles[LYCHEE])


def report_of(forge, anchors):
    return argue(parse_bundle(json.dumps(forge.bundle())), anchors)


def failure(forge, anchors):
    return next(((s.id, s.field, s.reason) for s in report_of(forge, anchors).steps if s.outcome == "failed"), None)


def key(forge, at):
    return forge.keys[forge.entries[at].signer.public.key_id]


def set_key(forge, at, word, low, bits, value):
    words = key(forge, at)
    words[word] = words[word] & ~(((1 << bits) - 1) << low) | value << low


def set_standing(forge, at, value):
    words = forge.members[forge.entries[at].member]
    words[0] = words[0] & ~(0xFF << 40) | value << 40


def set_since(forge, at, value):
    words = forge.members[forge.entries[at].member]
    words[0] = words[0] & ~(((1 << 64) - 1) << 56) | value << 56


def other_action(forge):
    return Action(STRANGE, 1, (LotEntry(forge.lot.id, STRANGE, 1),), ())


def swap_entries(forge):
    entries = forge.entries
    entries[1], entries[2] = entries[2], entries[1]


def repeat_entry(forge):
    last = forge.entries[-1]
    forge.entries.append(replace(last, records=copy.deepcopy(last.records)))


def after_state(forge):
    forge.entries[-1].number = forge.number + 1


def beside_state(forge):
    forge.entries[-1].number = forge.number


def other_record(forge, change):
    record = forge.entries[3].records[0]
    record.update(change(record))
    forge.reseal(3, 0)


def reverse_places(forge):
    forge.entries[0].places = [1, 0]


def shown_twice(forge):
    first = forge.entries[0]
    first.records = [first.records[0], copy.deepcopy(first.records[0])]
    first.places = [0, 0]


def strange_text(data=STRANGE):
    return f"sm3:{data.hex()}"


def listed(forge, at, root=None, count=None):
    entry = forge.entries[at]
    entry.lots = [LotEntry(forge.lot.id, root or merkle_root(forge.digests(entry)), count or len(entry.records))]


def listed_twice(forge):
    listed(forge, 3)
    forge.entries[3].lots *= 2


def erased_origin_elsewhere(forge):
    forge.words[1] = WORD
    forge.entries[0].operations = [forge.register(origin_digest=STRANGE)]


def another_kind(forge):
    forge.entries[0].records[0]["kind"] = "epcis.event"
    forge.reseal(0, 0)


def origin_twice(forge):
    first = forge.entries[0]
    first.records = [first.records[0], copy.deepcopy(first.records[0])]


def shown_transaction(forge):
    forge.entries[1].shown["transaction"] = forge_raw(forge, "transaction", 1, b"\x07")


def shown_receipt(forge):
    forge.entries[1].shown["receipt"] = forge_raw(forge, "receipt", 1, b"\x07")


def forge_raw(forge, part, at, gas):
    """The same transaction or receipt, but for the gas price or the gas used: nothing the argument looks at."""
    items = decode_list(bytes.fromhex(forge.bundle()["submissions"][at][part]["raw"][2:]))
    items[1] = gas
    return encode(items)


def strange_lot(forge):
    forge.lot = Lot(forge.lot.gtin, "GZ-FZX-0902", forge.lot.id)


BIG = 1 << 40  # seconds: later than every block
S1, R3 = "/submissions/1", "/submissions/3/records/0"
FORGERIES = {
    "account elsewhere": (
        "contracts", "/state/accounts/Lots/address", "account of another contract",
        lambda f: f.account_at.update(Lots=ADDRESS),
    ),
    "other code": (
        "contracts", "/state/accounts/Trades", "not the anchored code", lambda f: f.code.update(Trades=STRANGE),
    ),
    "unknown lot": ("state", "/lot/id", "does not know", lambda f: f.totals.update(registered_at=0)),
    "other submission held": (
        "state", f"{S1}/id", "another submission", lambda f: setattr(f.entries[1], "used", STRANGE)
    ),
    "order": ("blocks", "/submissions/2", "order", swap_entries),
    "repeated": ("blocks", "/submissions/4", "order", repeat_entry),
    "after the state": ("blocks", "/submissions/3/header", "before the state", after_state),
    "beside the state's block": ("blocks", "/submissions/3/header", "before the state", beside_state),
    "strange operator": (
        "blocks", f"{S1}/checkpoint/keyId", "trusted keys",
        lambda f: setattr(f.entries[1], "operator", Signer(PrivateKey.generate())),
    ),
    "block of another genesis": (
        "blocks", f"{S1}/checkpoint/text", "another chain", lambda f: setattr(f.entries[1], "genesis", STRANGE)
    ),
    "block of another chain id": (
        "blocks", f"{S1}/checkpoint/text", "another chain", lambda f: setattr(f.entries[1], "chain_id", 7)
    ),
    "transaction not in block": ("transactions", f"{S1}/transaction/raw", "something else", shown_transaction),
    "transaction elsewhere": (
        "transactions", f"{S1}/transaction/raw", "call Submissions", lambda f: setattr(f.entries[1], "to", ADDRESS)
    ),
    "call of another key": (
        "transactions", f"{S1}/transaction/raw", "another submission",
        lambda f: f.entries[1].call.update(key_id=STRANGE),
    ),
    "call of another action": (
        "transactions", f"{S1}/transaction/raw", "another submission",
        lambda f: f.entries[1].call.update(action=other_action(f)),
    ),
    "call with another meta": (
        "transactions", f"{S1}/transaction/raw", "another submission",
        lambda f: f.entries[1].call.update(meta=b"\x01" + bytes(22)),
    ),
    "call with another signature": (
        "transactions", f"{S1}/transaction/raw", "another submission",
        lambda f: f.entries[1].call.update(signature=STRANGE * 2),
    ),
    "receipt not in block": ("receipts", f"{S1}/receipt/raw", "something else", shown_receipt),
    "reverted": ("receipts", f"{S1}/receipt/raw", "reverted", lambda f: setattr(f.entries[1], "status", 0)),
    "said nothing": ("receipts", f"{S1}/receipt/raw", "did not say", lambda f: setattr(f.entries[1], "logs", [])),
    "said twice": (
        "receipts", f"{S1}/receipt/raw", "did not say", lambda f: setattr(f.entries[1], "logs", ["log", "log"])
    ),
    **{
        f"said another word {at}": (
            "receipts", f"{S1}/receipt/raw", "did not say", lambda f, at=at: f.entries[1].said.update({at: STRANGE})
        )
        for at in range(7)
    },
    "strange id": ("signatures", f"{S1}/id", "id is not", lambda f: setattr(f.entries[1], "id", STRANGE)),
    "strange signature": (
        "signatures", f"{S1}/signature", "does not verify", lambda f: setattr(f.entries[1], "signature", STRANGE * 2)
    ),
    "another's key": (
        "members", "/submissions/0/key/memberId", "another member", lambda f: key(f, 0).__setitem__(0, WORD)
    ),
    "other x": ("members", "/submissions/0/key/publicKey", "public key", lambda f: key(f, 0).__setitem__(1, WORD)),
    "other y": ("members", "/submissions/0/key/publicKey", "public key", lambda f: key(f, 0).__setitem__(2, WORD)),
    "custody": ("members", "/submissions/0/key/custodial", "keeps", lambda f: set_key(f, 0, 4, 128, 8, 1)),
    "no standing": ("members", "/submissions/0/key/memberId", "not a member", lambda f: set_standing(f, 0, 0)),
    "member later": ("members", "/submissions/0/key/memberId", "not a member", lambda f: set_since(f, 0, BIG)),
    "key never": ("members", "/submissions/0/key/keyId", "not valid", lambda f: set_key(f, 0, 4, 0, 64, 0)),
    "key later": ("members", "/submissions/0/key/keyId", "not valid", lambda f: set_key(f, 0, 4, 0, 64, BIG)),
    "key revoked": ("members", "/submissions/0/key/keyId", "not valid", lambda f: set_key(f, 0, 4, 64, 64, 1)),
    "record of another author": (
        "inclusion", f"{R3}/author", "another member", lambda f: other_record(f, lambda r: {"author": strange_text()})
    ),
    "record of another lot": (
        "inclusion", f"{R3}/lots", "name the lot", lambda f: other_record(f, lambda r: {"lots": [strange_text()]})
    ),
    "lots descending": (
        "records", f"{R3}/lots", "ascending", lambda f: other_record(f, lambda r: {"lots": sorted(r["lots"])[::-1]})
    ),
    "lot named twice": (
        "records", f"{R3}/lots", "ascending", lambda f: other_record(f, lambda r: {"lots": [r["lots"][0], *r["lots"]]})
    ),
    "other size": (
        "inclusion", "/submissions/0/records/0/inclusion/size", "another size",
        lambda f: setattr(f.entries[0], "size", 7),
    ),
    "reversed records": ("inclusion", "/submissions/0/records/1/inclusion/index", "order", reverse_places),
    "one record twice": ("inclusion", "/submissions/0/records/1/inclusion/index", "order", shown_twice),
    "lot listed twice": ("entries", "/submissions/3/action/lots", "exactly once", listed_twice),
    "fewer counted": ("entries", "/submissions/0/records", "are listed", lambda f: listed(f, 0, count=1)),
    "other records": ("entries", "/submissions/0/records", "not all records", lambda f: listed(f, 0, root=STRANGE)),
    "more entries": ("completeness", "/submissions", "chain counts", lambda f: f.totals.update(entries=5)),
    "more records": ("completeness", "/submissions", "chain counts", lambda f: f.totals.update(total=99)),
    "other head": ("completeness", "/submissions", "head", lambda f: f.totals.update(head=STRANGE)),
    "other lot code": ("origin", "/lot/id", "GTIN", strange_lot),
    "no registration": (
        "origin", "/submissions/0/action", "register", lambda f: setattr(f.entries[0], "operations", [])
    ),
    "two registrations": (
        "origin", "/submissions/0/action", "register", lambda f: setattr(f.entries[0], "operations", [f.register()] * 2)
    ),
    "other lot registered": (
        "origin", "/submissions/0/action", "register",
        lambda f: setattr(f.entries[0], "operations", [f.register(lot_id=STRANGE)]),
    ),
    "other operation": (
        "origin", "/submissions/0/action", "register",
        lambda f: setattr(f.entries[0], "operations", [Operation(2, f.register().data)]),
    ),
    "other origin registered": (
        "origin", "/submissions/0/action", "register",
        lambda f: setattr(f.entries[0], "operations", [f.register(origin_digest=STRANGE)]),
    ),
    "origin not listed": ("origin", "/submissions/0/records", "origin record", erased_origin_elsewhere),
    "origin twice": ("origin", "/submissions/0/records", "origin record", origin_twice),
    "origin of another kind": ("origin", "/submissions/0/records", "origin record", another_kind),
    "registered at another time": (
        "origin", "/submissions/0", "another registration", lambda f: f.totals.update(registered_at=1)
    ),
    "other quantity": (
        "origin", "/submissions/0", "another registration",
        lambda f: setattr(f.entries[0], "operations", [f.register(quantity=1)]),
    ),
    "other unit": (
        "origin", "/submissions/0", "another registration",
        lambda f: setattr(f.entries[0], "operations", [f.register(unit=2)]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_bundle_fails_at_the_one_check_that_stands_in_its_way(forge, anchors, name):
    step, field, reason, change = FORGERIES[name]
    change(forge)
    found = failure(forge, anchors)
    assert found is not None and found[:2] == (step, field) and reason in found[2], found


def test_rebuilt_bundle_holds_when_nothing_is_forged(forge, anchors):
    assert failure(forge, anchors) is None


def test_contract_without_code_fails_when_there_are_no_anchors(forge):
    forge.code["Trades"] = trie.EMPTY_CODE
    step, field, reason = failure(forge, None)
    assert (step, field) == ("contracts", "/state/accounts/Trades") and "no contract" in reason


def test_history_holds_when_member_and_key_begin_and_end_with_the_block(forge, anchors):
    for at, entry in enumerate(forge.entries):
        first = min(e.time for e in forge.entries if e.member == entry.member)
        last = max(e.time for e in forge.entries if e.member == entry.member)
        set_since(forge, at, first)
        set_key(forge, at, slots.KEY_WORDS - 1, 0, 64, first)
        set_key(forge, at, slots.KEY_WORDS - 1, 64, 64, last)
    assert failure(forge, anchors) is None


def test_rebuilt_bundle_holds_when_the_origin_record_is_erased(forge, anchors):
    forge.entries[0].records[0] = {"digest": forge.entries[0].records[0]["digest"], "erased": True}
    assert failure(forge, anchors) is None


def test_rebuilt_bundle_holds_when_the_receipt_says_other_things_too(forge, anchors):
    door = forge.contracts["Submissions"]
    forge.entries[1].logs = [[ADDRESS, [ACCEPTED], b""], "log", [door, [STRANGE], b""], [door, [], b""]]
    assert failure(forge, anchors) is None


def test_argument_ends_with_the_error_when_it_is_not_about_the_bundle(forge, anchors, monkeypatch):
    def broken(case):
        raise OriginSealError("a fault of the verifier's own")

    monkeypatch.setattr(_Case, "step_records", broken)
    with pytest.raises(OriginSealError, match="own"):
        report_of(forge, anchors)
