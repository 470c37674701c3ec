"""Equivocation: proven from two signatures and a chain of headers, by anybody, and never against the honest."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass

import pytest
from headers import CHAIN_ID, START, chain, checkpoint, header
from test_checkpoint import Signer

from ledger.crypto.keccak import keccak256
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Malformed, Untrusted, VerificationFailed
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import CONTRACTS, Anchors, CheckpointKey, ContractAnchor
from ledger.proof.cli import main
from ledger.proof.equivocation import MAX_HEADERS, Equivocation, parse_equivocation, verify_equivocation

OPERATOR, OLDER, STRANGER = (Signer(PrivateKey.generate()) for _ in range(3))
HEADERS = chain(9)
GENESIS = keccak256(HEADERS[0])
FORKED = chain(9, mark=b"other", after=HEADERS[:3])
ELSEWHERE = [header(0, bytes(32), mark=b"elsewhere")]
ELSEWHERE = chain(4, after=ELSEWHERE)
ANCHORS = Anchors(
    CHAIN_ID,
    GENESIS,
    {name: ContractAnchor(bytes([at]) * 20, bytes(32)) for at, name in enumerate(CONTRACTS)},
    {
        signer.public.key_id: CheckpointKey(signer.public.key_id, signer.public, name)
        for signer, name in ((OPERATOR, "operator"), (OLDER, "before"))
    },
    (),
    {},
    0,
)  # fmt: skip


def signed(raw, signer=OPERATOR, genesis=GENESIS, **changes):
    return checkpoints.sign(checkpoint(raw, genesis, **changes), signer)


def claim(first=HEADERS[3], second=FORKED[9], headers=None, **signers):
    return Equivocation(
        signed(first, signers.get("one", OPERATOR)),
        signed(second, signers.get("other", OPERATOR)),
        tuple(FORKED[4:10] if headers is None else headers),
    )


def test_two_blocks_of_one_height_are_evidence():
    made = claim(HEADERS[5], FORKED[5], ())
    assert parse_equivocation(json.dumps(made.to_dict())) == made
    proven = verify_equivocation(made, ANCHORS)
    assert (proven.height, {proven.one, proven.other}) == (5, {keccak256(HEADERS[5]), keccak256(FORKED[5])})
    assert [key.name for key in proven.keys] == ["operator", "operator"]


def test_a_later_checkpoint_over_another_history_is_evidence():
    for first, second in ((3, 9), (3, 4), (8, 9)):
        made = claim(HEADERS[first], FORKED[second], FORKED[first + 1 : second + 1])
        proven = verify_equivocation(parse_equivocation(made.to_dict()), ANCHORS)
        assert (proven.height, proven.one, proven.other) == (first, keccak256(HEADERS[first]), keccak256(FORKED[first]))


def test_two_accounts_of_one_block_are_evidence():
    for change in ({"time": START}, {"state_root": bytes(32)}):
        made = Equivocation(signed(HEADERS[5]), signed(HEADERS[5], **change), ())
        proven = verify_equivocation(made, ANCHORS)
        assert proven.one == proven.other
        assert "two accounts" in proven.to_text("en") and "两种说法" in proven.to_text("zh")


def test_a_history_that_begins_with_another_block_than_genesis_is_evidence():
    made = Equivocation(None, signed(ELSEWHERE[4]), tuple(ELSEWHERE[1:]))
    assert parse_equivocation(made.to_dict()) == made
    proven = verify_equivocation(made, ANCHORS)
    assert (proven.height, proven.one, proven.other) == (0, GENESIS, keccak256(ELSEWHERE[0]))
    assert verify_equivocation(Equivocation(None, signed(ELSEWHERE[0]), ()), ANCHORS).height == 0


def test_two_keys_of_one_operator_are_evidence_when_both_are_anchored():
    assert [key.name for key in verify_equivocation(claim(one=OLDER), ANCHORS).keys] == ["before", "operator"]


# ---------------------------------------------------------------------------------------------------- no evidence


@pytest.mark.parametrize(("first", "second"), [(5, 5), (3, 9), (8, 9), (0, 9)])
def test_an_honest_operator_cannot_be_accused_whatever_its_heights(first, second):
    made = claim(HEADERS[first], HEADERS[second], HEADERS[first + 1 : second + 1])
    with pytest.raises(VerificationFailed, match="one history"):
        verify_equivocation(made, ANCHORS)


def test_an_honest_operator_cannot_be_accused_of_another_genesis():
    for height in (0, 1, 9):
        with pytest.raises(VerificationFailed, match="one history"):
            verify_equivocation(Equivocation(None, signed(HEADERS[height]), tuple(HEADERS[1 : height + 1])), ANCHORS)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((), "6 headers"),
        (FORKED[5:], "6 headers"),
        ([*FORKED[3:]], "6 headers"),
        (HEADERS[4:], "not the header of block 9"),
        ([*FORKED[4:6], HEADERS[6], *FORKED[7:]], "not the header of block 6"),
        ([header(4, bytes(32)), *FORKED[5:]], "not the header of block 4"),
        (list(reversed(FORKED[4:])), "not the header of block 9"),
    ],
)
def test_claim_is_refused_when_its_headers_do_not_lead_from_one_to_the_other(headers, reason):
    with pytest.raises(VerificationFailed, match=reason):
        verify_equivocation(claim(headers=headers), ANCHORS)


def test_claim_is_refused_when_a_header_names_another_height():
    """Somebody with the key signs a block whose header says another number: a lie, but not a second history."""
    odd = header(7, keccak256(HEADERS[3]))
    made = Equivocation(signed(HEADERS[3]), signed(odd, height=4), (odd,))
    with pytest.raises(VerificationFailed, match="not the header of block 4"):
        verify_equivocation(made, ANCHORS)


@pytest.mark.parametrize("who", ["one", "other"])
def test_claim_is_refused_when_one_of_the_two_is_signed_by_a_stranger(who):
    with pytest.raises(VerificationFailed, match="none of the 2"):
        verify_equivocation(claim(**{who: STRANGER}), ANCHORS)


@pytest.mark.parametrize("who", ["first", "second"])
def test_claim_is_refused_when_a_signature_is_of_something_else(who):
    value = claim().to_dict()
    value[who]["signature"] = signed(HEADERS[1]).signature.hex()
    with pytest.raises(VerificationFailed, match="signature"):
        verify_equivocation(parse_equivocation(value), ANCHORS)


@pytest.mark.parametrize("change", [{"chain_id": 1}, {"genesis": bytes(32)}])
@pytest.mark.parametrize("who", ["first", "second"])
def test_claim_is_refused_when_one_of_the_two_is_of_another_chain(who, change):
    made = claim()
    parts = {"first": made.first, "second": made.second}
    raw = HEADERS[3] if who == "first" else FORKED[9]
    parts[who] = signed(raw, **({"genesis": GENESIS} | change))
    with pytest.raises(VerificationFailed, match="another chain"):
        verify_equivocation(Equivocation(parts["first"], parts["second"], made.headers), ANCHORS)


def test_claim_is_refused_when_the_second_is_below_the_first():
    with pytest.raises(VerificationFailed, match="below"):
        verify_equivocation(claim(HEADERS[9], FORKED[5], ()), ANCHORS)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "originseal-equivocation/v2"}, "/format"),
        ({"first": {}}, "/first/text"),
        ({"second": None}, "/second"),
        ({"headers": None}, "/headers"),
        ({"headers": ["00"]}, "/headers/0"),
        ({"headers": ["0x" + "00" * 9000]}, "/headers/0"),
        ({"headers": ["0x00"] * (MAX_HEADERS + 1)}, "/headers"),
        ({"note": ""}, "/note"),
    ],
)
def test_claim_is_malformed_naming_the_member_when_its_file_is_wrong(change, field):
    with pytest.raises(Malformed) as caught:
        parse_equivocation(claim().to_dict() | change)
    assert caught.value.field == field


def test_garbage_headers_are_refused_when_they_are_no_headers():
    for garbage in (b"", b"\xc0", b"\xff" * 600):
        with pytest.raises(Untrusted):
            verify_equivocation(claim(headers=[*FORKED[4:9], garbage]), ANCHORS)


# ----------------------------------------------------------------------------------------------- command line


@dataclass
class Files:
    evidence: str
    anchors: str
    nothing: str


@pytest.fixture
def files(tmp_path):
    anchors = copy.deepcopy(ANCHORS.to_dict())
    anchors["authorities"] = [{"zone": 6, "memberId": "sm3:" + "cd" * 32, "name": {"zh": "茂名", "en": "Maoming"}}]
    values = {"evidence": claim().to_dict(), "anchors": anchors}
    values["nothing"] = claim(second=HEADERS[9], headers=HEADERS[4:]).to_dict()
    for name, value in values.items():
        (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
    return Files(*(str(tmp_path / name) for name in ("evidence", "anchors", "nothing")))


def test_verify_says_in_words_what_was_signed_twice(files, capsys):
    assert main(["--equivocation", files.evidence, "--anchors", files.anchors, "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "PROVEN: the operator signed two histories" in out and "Height 3" in out
    assert keccak256(HEADERS[3]).hex() in out and keccak256(FORKED[3]).hex() in out
    assert main(["--anchors", files.anchors, "--equivocation", files.evidence, "--lang=zh"]) == 0
    assert "运营方签署了两种历史" in capsys.readouterr().out
    assert main(["--equivocation", files.evidence, "--anchors", files.anchors, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["result"], answer["height"], len(answer["checkpoints"])) == ("proven", 3, 2)


def test_verify_exits_1_when_the_evidence_shows_nothing(files, capsys):
    assert main(["--equivocation", files.nothing, "--anchors", files.anchors]) == 1
    assert "one history" in capsys.readouterr().err
    assert main(["--equivocation", files.anchors, "--anchors", files.anchors, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "malformed"


def test_verify_exits_2_when_evidence_cannot_be_checked(files, capsys):
    assert main(["--equivocation", files.evidence]) == 2
    assert main(["--equivocation", files.evidence, "--anchors", files.nothing]) == 2
    assert main(["--equivocation", "/nowhere", "--anchors", files.anchors]) == 2
    assert main([files.evidence, "--equivocation", files.evidence, "--anchors", files.anchors]) == 2
    assert main(["--anchors", files.anchors]) == 2
    assert "--equivocation" in capsys.readouterr().err
