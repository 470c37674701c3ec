"""The argument over real bundles of a real chain: they hold, and no part of them can be changed."""

from __future__ import annotations

import copy
import json

import pytest
from proof_world import LONGAN, LYCHEE, ORCHARD, PACKED, Signer, seeded

from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Malformed, Untrusted, VerificationFailed
from ledger.proof import slots, verifier
from ledger.proof.anchors import parse_anchors
from ledger.proof.bundle import parse_bundle
from ledger.proof.records import _commitment
from ledger.proof.report import STEPS
from ledger.proof.verifier import argue, verify
from ledger.services.demo.actors import BY_SLUG


def outcome(value, anchors):
    """The id of the step that fails, "malformed", or None when it holds."""
    try:
        verify(parse_bundle(json.dumps(value)), anchors)
    except Malformed:
        return "malformed"
    except VerificationFailed as error:
        return error.step
    return None


# ------------------------------------------------------------------------------------------------ what holds


@pytest.mark.parametrize("lot", [LYCHEE, LONGAN, PACKED])
def test_bundle_holds_when_the_ledger_made_it(bundles, anchors, world, lot):
    report = argue(parse_bundle(bundles[lot]), anchors)
    assert [step.outcome for step in report.steps] == ["ok"] * len(STEPS)
    assert report.result == "holds"
    verified = report.verified
    assert (verified.height, verified.lot.lot) == (world.chain.height(), lot)
    assert len(verified.records) == verified.state.total
    assert verified.signed_by.name == "operator"


def test_bundle_shows_who_kept_the_keys_and_what_is_withheld(bundles, anchors):
    verified = verify(parse_bundle(bundles[LONGAN]), anchors)
    assert [record.custodial for record in verified.records] == [True, True, False]
    assert all(record.shown and not record.withheld for record in verified.records)


def test_bundle_names_what_it_assumes_when_there_are_no_anchors(bundles):
    report = argue(parse_bundle(bundles[LYCHEE]), None)
    assert report.result == "holds-under-assumptions"
    assert {step.id for step in report.steps if step.outcome == "assumed"} == {"anchors", "contracts"}
    assert {assumption.id for assumption in report.assumptions} == {"chain", "checkpoint-key", "contract", "code"}
    assert len([a for a in report.assumptions if a.id == "code"]) == 6


def test_bundle_holds_when_fields_are_withheld(bundle, bundles, anchors):
    shown = bundle["submissions"][0]["records"][0]["fields"]
    record = parse_bundle(bundle).submissions[0].records[0]
    for at in range(0, len(shown), 2):
        shown[at] = {"commitment": f"sm3:{_commitment(record.fields[at], '').hex()}"}
    verified = verify(parse_bundle(bundle), anchors)
    assert verified.records[0].withheld == len(range(0, len(shown), 2))


def test_bundle_holds_when_a_record_is_erased(bundle, anchors):
    record = bundle["submissions"][0]["records"][1]
    bundle["submissions"][0]["records"][1] = {
        "digest": record["digest"], "erased": True, "inclusion": record["inclusion"]
    }  # fmt: skip
    verified = verify(parse_bundle(bundle), anchors)
    assert [r.erased for r in verified.records[:3]] == [False, True, False]


def test_bundle_holds_at_an_earlier_height_and_says_so(world, anchors):
    height = world.chain.height() - 3
    verified = verify(parse_bundle(world.bundle(LYCHEE, height=height)), anchors)
    assert verified.height == height
    assert verified.state.total < verify(parse_bundle(world.bundle(LYCHEE)), anchors).state.total


# ------------------------------------------------------------------------------------------------ what must not


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    elif isinstance(value, list):
        for at, child in enumerate(value):
            yield from leaves(child, (*path, at))
    else:
        yield path, value


def containers(value, path=()):
    if isinstance(value, (dict, list)):
        yield path, value
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers(child, (*path, key))


def place(value, path):
    for step in path:
        value = value[step]
    return value


def changed(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if value is None:
        return 0
    at = len(value) // 2
    old = value[at : at + 1]
    new = {"0": "1", "1": "0", "a": "b"}.get(old, "0") if old else "x"
    return value[:at] + new + value[at + 1 :]


def test_bundle_fails_when_any_single_value_changes(bundles, anchors):
    original = bundles[LONGAN]
    survivors = []
    for path, value in list(leaves(original)):
        mutant = copy.deepcopy(original)
        place(mutant, path[:-1])[path[-1]] = changed(value)
        if outcome(mutant, anchors) is None:
            survivors.append(path)
    assert survivors == []


def test_bundle_fails_when_any_part_is_removed_repeated_swapped_or_added(bundles, anchors):
    original = bundles[LONGAN]
    survivors = []

    def attempt(what, path, change):
        mutant = copy.deepcopy(original)
        change(place(mutant, path))
        if mutant != original and outcome(mutant, anchors) is None:
            survivors.append((what, path))

    for path, value in list(containers(original)):
        if isinstance(value, dict):
            attempt("added", path, lambda part: part.__setitem__("more", 1))
            for key in value.keys() - {"cosignatures"}:  # none here; without the member there are none either
                attempt(f"removed {key}", path, lambda part, key=key: part.pop(key))
        else:
            attempt("appended", path, lambda part: part.append(copy.deepcopy(part[-1]) if part else "0x"))
            for at in range(len(value)):
                attempt(f"removed {at}", path, lambda part, at=at: part.pop(at))
                attempt(f"repeated {at}", path, lambda part, at=at: part.insert(at, copy.deepcopy(part[at])))
            for at in range(len(value) - 1):

                def swap(part, at=at):
                    part[at], part[at + 1] = part[at + 1], part[at]

                attempt(f"swapped {at}", path, swap)
    assert survivors == []


def first(bundle):
    return bundle["submissions"][0]


def flip(text, at=-1):
    at %= len(text)
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


STEP_MUTATIONS = {
    "chain id": ("anchors", lambda b: b.update(chainId=b["chainId"] + 1)),
    "contract": ("anchors", lambda b: b["contracts"].update(Lots=flip(b["contracts"]["Lots"]))),
    "state checkpoint signature": (
        "checkpoint",
        lambda b: b["state"]["checkpoint"].update(signature=flip(b["state"]["checkpoint"]["signature"])),
    ),
    "state checkpoint height": (
        "checkpoint",
        lambda b: b["state"]["checkpoint"].update(
            text=b["state"]["checkpoint"]["text"].replace("height: ", "height: 1")
        ),
    ),
    "state header of another block": ("header", lambda b: b["state"].update(header=first(b)["header"])),
    "account of another contract": (
        "contracts",
        lambda b: b["state"]["accounts"].update(Lots=b["state"]["accounts"]["Members"]),
    ),
    "a needed slot left out": ("state", lambda b: b["state"]["accounts"]["Lots"]["storage"].pop()),
    "a slot that is not needed": (
        "state",
        lambda b: b["state"]["accounts"]["Trades"]["storage"].append(b["state"]["accounts"]["Lots"]["storage"][0]),
    ),
    "another value in a slot": (
        "state",
        lambda b: b["state"]["accounts"]["Lots"]["storage"][2].update(
            value=flip(b["state"]["accounts"]["Lots"]["storage"][2]["value"])
        ),
    ),
    "submission's checkpoint of another block": (
        "blocks",
        lambda b: first(b).update(checkpoint=b["submissions"][1]["checkpoint"]),
    ),
    "submission's header of another block": ("blocks", lambda b: first(b).update(header=b["submissions"][1]["header"])),
    "transaction of another block": (
        "transactions",
        lambda b: first(b).update(transaction=b["submissions"][1]["transaction"]),
    ),
    "receipt of another block": ("receipts", lambda b: first(b).update(receipt=b["submissions"][1]["receipt"])),
    "signature": ("transactions", lambda b: first(b).update(signature=flip(first(b)["signature"]))),
    "an operation": (
        "transactions",
        lambda b: first(b)["action"]["operations"][0].update(data=flip(first(b)["action"]["operations"][0]["data"])),
    ),
    "custodial flag": ("members", lambda b: first(b)["key"].update(custodial=True)),
    "record kind": ("records", lambda b: first(b)["records"][0].update(kind="epcis.event")),
    "record author": (
        "records",
        lambda b: first(b)["records"][0].update(author=flip(first(b)["records"][0]["author"])),
    ),
    "field value": ("records", lambda b: first(b)["records"][0]["fields"][0].update(value="other")),
    "inclusion index": ("inclusion", lambda b: first(b)["records"][0]["inclusion"].update(index=1)),
    "records out of order": ("inclusion", lambda b: first(b)["records"].reverse()),
    "a record left out": ("entries", lambda b: first(b)["records"].pop()),
    "lot code": ("origin", lambda b: b["lot"].update(lot="GZ-FZX-0902")),
    "gtin": ("origin", lambda b: b["lot"].update(gtin="09521002000122")),
}


@pytest.mark.parametrize("name", STEP_MUTATIONS)
def test_bundle_fails_at_the_right_step_when_one_part_is_wrong(bundle, anchors, name):
    step, mutate = STEP_MUTATIONS[name]
    mutate(bundle)
    assert outcome(bundle, anchors) == step


def drop_submission(bundle, at):
    """Remove a submission together with everything that only it needs."""
    gone = bundle["submissions"].pop(at)
    storage = bundle["state"]["accounts"]["Submissions"]["storage"]
    storage.pop(at)
    return gone


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_history_fails_as_incomplete_when_a_submission_is_hidden(bundle, anchors, at):
    gone = drop_submission(bundle, at)
    still = {s["key"]["keyId"] for s in bundle["submissions"]}
    if gone["key"]["keyId"] not in still:  # its key and member are then not needed either
        key_id = bytes.fromhex(gone["key"]["keyId"][4:])
        member = bytes.fromhex(gone["key"]["memberId"][4:])
        unneeded = {f"0x{slot:064x}" for slot in (*slots.key_slots(key_id), *slots.member_slots(member))}
        members = bundle["state"]["accounts"]["Members"]
        members["storage"] = [s for s in members["storage"] if s["slot"] not in unneeded]
    if at == 0:
        reorder_members(bundle)
    assert outcome(bundle, anchors) == "completeness"


def reorder_members(bundle):
    """Put the slots into the order of first appearance again."""
    members = dict.fromkeys(bytes.fromhex(s["key"]["memberId"][4:]) for s in bundle["submissions"])
    keys = dict.fromkeys(bytes.fromhex(s["key"]["keyId"][4:]) for s in bundle["submissions"])
    order = [slot for member in members for slot in slots.member_slots(member)]
    order += [slot for key in keys for word, slot in enumerate(slots.key_slots(key)) if word != 3]
    storage = bundle["state"]["accounts"]["Members"]["storage"]
    found = {int(s["slot"], 16): s for s in storage}
    bundle["state"]["accounts"]["Members"]["storage"] = [found[slot] for slot in order]


def test_history_fails_when_submissions_are_swapped(bundle, anchors):
    for part in (bundle["submissions"], bundle["state"]["accounts"]["Submissions"]["storage"]):
        part[1], part[2] = part[2], part[1]
    reorder_members(bundle)
    assert outcome(bundle, anchors) == "blocks"


def test_record_fails_when_its_fields_are_out_of_order_or_twice(bundle, anchors):
    fields = first(bundle)["records"][0]["fields"]
    fields[0], fields[1] = fields[1], fields[0]
    assert outcome(bundle, anchors) == "records"
    fields[0] = fields[1]
    assert outcome(bundle, anchors) == "records"


# ------------------------------------------------------------------------------------------------ other chains


@pytest.fixture(scope="module")
def fabricated(tmp_path_factory):
    """Somebody else's chain with the same genesis, contracts, addresses and names: everything in it is valid."""
    made = seeded(tmp_path_factory.mktemp("fabricated"))
    yield made
    made.close()


def test_fabricated_chain_fails_when_the_anchors_are_real(fabricated, world, anchors):
    assert fabricated.deployment == world.deployment, "the forger copied chain id, genesis, addresses and code"
    forged = fabricated.bundle(LYCHEE)
    assert outcome(forged, fabricated.anchors()) is None
    assert outcome(forged, anchors) == "checkpoint"
    assert argue(parse_bundle(forged), None).result == "holds-under-assumptions"


def test_fabricated_chain_fails_when_it_names_the_real_checkpoint_key(fabricated, world, anchors):
    forged = fabricated.bundle(LYCHEE)
    real = world.operator.public
    forged["checkpointKeys"] = [{"keyId": f"sm3:{real.key_id.hex()}", "publicKey": real.point.hex()}]
    for holder in (forged["state"], *forged["submissions"]):
        holder["checkpoint"]["keyId"] = f"sm3:{real.key_id.hex()}"
    assert outcome(forged, anchors) == "checkpoint"
    assert outcome(forged, None) == "checkpoint"


def test_fabricated_state_fails_when_mixed_with_a_real_checkpoint(fabricated, world, bundle, anchors):
    forged = fabricated.bundle(LYCHEE)
    forged["state"]["checkpoint"] = bundle["state"]["checkpoint"]
    assert outcome(forged, anchors) == "header"
    forged["state"] = bundle["state"]
    assert outcome(forged, anchors) == "state"


def test_real_bundle_fails_when_the_anchors_are_of_another_genesis_or_code(bundle, anchors):
    value = anchors.to_dict()
    other = copy.deepcopy(value)
    other["genesis"] = flip(other["genesis"])
    assert outcome(bundle, parse_anchors(other)) == "checkpoint"
    other = copy.deepcopy(value)
    other["contracts"]["SM2Verifier"]["codeHash"] = flip(other["contracts"]["SM2Verifier"]["codeHash"])
    assert outcome(bundle, parse_anchors(other)) == "contracts"


def test_checkpoints_fail_when_another_operator_signs_them(world, anchors):
    stranger = Signer(PrivateKey.generate())
    bundle = world.bundle(LYCHEE)
    bundle["submissions"][1]["checkpoint"] = world.checkpoint(5, stranger).to_dict()
    assert outcome(bundle, anchors) == "blocks"


# ------------------------------------------------------------------------------------------------ keys and time


def test_history_holds_when_the_key_was_revoked_afterwards(tmp_path):
    world = seeded(tmp_path)
    key = world.signers[ORCHARD].public
    authority = "authority-maoming"
    said = {
        "uscc": BY_SLUG[ORCHARD].uscc, "change": "revoke-key", "keyId": f"sm3:{key.key_id.hex()}",
        "reason_zh": "密钥遗失", "reason_en": "key lost",
    }  # fmt: skip
    world.submit(authority, [world.composer(authority).part("member.notice", said)])
    assert outcome(world.bundle(LYCHEE), world.anchors()) is None
    world.close()


def test_every_step_of_the_argument_is_documented_and_failing_somewhere():
    for number, (name, _, _) in enumerate(STEPS, 1):
        assert f"{number:>3} {name}" in verifier.__doc__
    failing = {step for step, _ in STEP_MUTATIONS.values()} | {"completeness", "signatures"}
    assert failing == {name for name, _, _ in STEPS}


def test_signature_step_fails_when_the_contract_accepted_what_the_key_did_not_sign(bundle, anchors):
    """Cannot happen on the real chain; the verifier does not rely on the contract for it."""
    parsed = parse_bundle(bundle)
    case = verifier._Case(parsed, anchors)
    case.step_signatures()
    object.__setattr__(parsed.submissions[0], "signature", bytes(64))
    with pytest.raises(VerificationFailed, match="SM2"):
        verifier._Case(parsed, anchors).step_signatures()


# ------------------------------------------------------------------------------------------------ hostile files


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "1", '{"format":"originseal-bundle/v1"}', "[" * 100_000, "\ud800"]
)
def test_parse_bundle_raises_only_untrusted_when_given_garbage(text):
    with pytest.raises(Untrusted):
        parse_bundle(text)


@pytest.mark.parametrize("replacement", [None, True, 0, -1, 1.5, "", "x", "0x", "\ud800", [], {}, [[]], 2**70])
def test_parse_bundle_raises_only_malformed_when_any_part_has_another_type(bundles, replacement):
    original = bundles[LONGAN]
    paths = [path for path, _ in containers(original) if path] + [path for path, _ in leaves(original)]
    for path in paths[:: max(1, len(paths) // 150)]:
        mutant = copy.deepcopy(original)
        place(mutant, path[:-1])[path[-1]] = replacement
        try:
            parse_bundle(mutant)
        except Malformed as error:
            assert error.field is None or error.field.startswith("/") or error.field == ""
