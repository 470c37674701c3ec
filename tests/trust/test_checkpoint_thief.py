"""Who stole the operator's checkpoint key: any head can be promised, and state made up to fit it. No member's key."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

import pytest
from forge import Forge
from proof_world import Signer, World

from ledger.chain.reader import ChainReader
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import NotFound, VerificationFailed
from ledger.proof.anchors import Anchors, Witness
from ledger.proof.bundle import parse_bundle
from ledger.proof.cosignature import cosign
from ledger.proof.equivocation import Equivocation, verify_equivocation
from ledger.proof.slots import read_lot
from ledger.proof.verifier import verify
from ledger.services.replica.verifying import OURS, SPLIT, judge

CUSTOMS = Signer(PrivateKey.generate())


@dataclass
class OwnChain:
    """The part of a replica's chain that judging asks: its own headers."""

    chain: ChainReader

    def header(self, number: int) -> bytes | None:
        try:
            return self.chain.raw_header(number)
        except NotFound:
            return None


def with_witness(anchors: Anchors, quorum: int) -> Anchors:
    witness = Witness(CUSTOMS.public.key_id, CUSTOMS.public, "customs", "茂名海关", "Maoming Customs")
    return Anchors(
        anchors.chain_id, anchors.genesis, anchors.contracts, anchors.checkpoint_keys, anchors.authorities,
        {witness.key_id: witness}, quorum,
    )  # fmt: skip


def hide(forge: Forge) -> dict[str, Any]:
    """The lot's history without its last submission, with state, blocks and checkpoints that fit."""
    assert len(forge.entries) > 1
    del forge.entries[-1]
    return forge.bundle()


def swap(forge: Forge) -> dict[str, Any]:
    """Two later submissions in the other order."""
    first, second = forge.entries[-2:]
    forge.entries[-2:] = [second, first]
    (first.number, first.time, first.header), (second.number, second.time, second.header) = (
        (second.number, second.time, second.header), (first.number, first.time, first.header),
    )  # fmt: skip
    return forge.bundle()


def backdate(forge: Forge) -> dict[str, Any]:
    """The newest submission, sealed an hour earlier than it was."""
    forge.entries[-1].time = max(forge.entries[-2].time, forge.entries[-1].time - 3600)
    forge.entries[-1].header = list(forge.entries[-1].header)
    forge.entries[-1].header[12] = b"made up"
    return forge.bundle()


def multiply(forge: Forge) -> dict[str, Any]:
    """The lot's state with what was taken from it put back, so that it can be sold again."""
    lot = read_lot(forge.words)
    assert lot.remaining < lot.quantity
    forge.words[2] = lot.quantity << 128 | lot.quantity
    assert read_lot(forge.words).remaining == lot.quantity
    return forge.bundle()


ACTS = {"omit": hide, "reorder": swap, "back-date": backdate, "double-claim": multiply}


@pytest.mark.parametrize("act", ACTS)
def test_thief_is_noticed_by_missing_witnesses_and_by_replicas_when_it_makes_up_a_state(
    forge: Forge, proof_world: World, act: str
) -> None:
    made, anchors = ACTS[act](forge), proof_world.anchors()
    parsed = parse_bundle(json.dumps(made))
    # What the key is worth: with nobody beside the operator, a made-up state passes.
    assert verify(parsed, with_witness(anchors, 0)).vouched.offices == 0
    with pytest.raises(VerificationFailed) as failure:
        verify(parsed, with_witness(anchors, 1))
    assert failure.value.step == "checkpoint"
    verdict = judge(json.dumps(made).encode(), anchors, OwnChain(proof_world.chain))
    assert verdict.chain == SPLIT


def test_true_bundle_passes_with_the_same_quorum_when_the_witness_signed_it(
    shown: dict[str, Any], proof_world: World
) -> None:
    value = copy.deepcopy(shown)
    point = parse_bundle(value).checkpoint.checkpoint
    value["state"]["cosignatures"] = [cosign(point, CUSTOMS, point.time + 60, "headers").to_dict()]
    assert verify(parse_bundle(value), with_witness(proof_world.anchors(), 1)).vouched.offices == 1
    verdict = judge(json.dumps(value).encode(), proof_world.anchors(), OwnChain(proof_world.chain))
    assert verdict.chain == OURS


def test_thief_cannot_forge_words_when_it_has_no_members_key(forge: Forge, proof_world: World) -> None:
    entry = forge.entries[-1]
    entry.signature = Signer(PrivateKey.generate()).sign(b"anything")
    with pytest.raises(VerificationFailed) as failure:
        verify(parse_bundle(forge.bundle()), proof_world.anchors())
    assert failure.value.step == "signatures"


def test_thief_cannot_edit_a_record_when_the_member_signed_its_digest(forge: Forge, proof_world: World) -> None:
    entry = forge.entries[-1]
    genuine = parse_bundle(forge.value).submissions[-1].signature
    record = next(r for r in entry.records if any("value" in field for field in r["fields"]))
    field = next(f for f in record["fields"] if isinstance(f.get("value"), str))
    field["value"] += "!"
    forge.reseal(len(forge.entries) - 1, entry.records.index(record))
    entry.signature = genuine  # all that the thief has of the member
    with pytest.raises(VerificationFailed) as failure:
        verify(parse_bundle(forge.bundle()), proof_world.anchors())
    assert failure.value.step == "signatures"


def test_thief_convicts_the_key_when_it_signs_two_heads_of_one_height(forge: Forge, proof_world: World) -> None:
    anchors = proof_world.anchors()
    true = parse_bundle(forge.value).checkpoint
    false = parse_bundle(json.dumps(hide(forge))).checkpoint
    assert false.checkpoint.height == true.checkpoint.height
    proven = verify_equivocation(Equivocation(true, false, ()), anchors)
    assert (proven.one, proven.other) == (true.checkpoint.block, false.checkpoint.block)
    with pytest.raises(VerificationFailed):
        verify_equivocation(Equivocation(true, true, ()), anchors)


def test_thief_cannot_pass_a_copy_of_the_ledger_off_when_anchors_name_the_true_one(
    forge: Forge, proof_world: World
) -> None:
    forge.genesis = b"\x11" * 32  # a ledger founded again, with the stolen key, under another genesis
    with pytest.raises(VerificationFailed) as failure:
        verify(parse_bundle(forge.bundle()), proof_world.anchors())
    assert failure.value.step in ("anchors", "checkpoint")
