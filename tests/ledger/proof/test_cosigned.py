"""Co-signatures in a bundle: counted by agency, demanded by the anchors or the reader, wrong ones fail the bundle."""

from __future__ import annotations

import json

import pytest
from proof_world import Signer

from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Malformed, VerificationFailed
from ledger.proof.anchors import Anchors, Witness
from ledger.proof.bundle import parse_bundle
from ledger.proof.cli import main
from ledger.proof.cosignature import cosign
from ledger.proof.verifier import argue, verify

CUSTOMS, CUSTOMS_NEW, MARKET, FARMING, STRANGER = (Signer(PrivateKey.generate()) for _ in range(5))
NAMES = (
    (CUSTOMS, "customs", "拱北海关", "Gongbei Customs"),
    (CUSTOMS_NEW, "customs", "拱北海关", "Gongbei Customs"),
    (MARKET, "market-supervision", "茂名市监局", "Maoming AMR"),
    (FARMING, "agriculture", "茂名农业农村局", "Maoming Agriculture"),
)
WITNESSES = {s.public.key_id: Witness(s.public.key_id, s.public, agency, zh, en) for s, agency, zh, en in NAMES}


@pytest.fixture
def anchored(anchors):
    """The anchors with four keys of three offices, of which so many are wanted."""

    def made(quorum: int = 0) -> Anchors:
        return Anchors(
            anchors.chain_id, anchors.genesis, anchors.contracts, anchors.checkpoint_keys, anchors.authorities,
            WITNESSES, quorum,
        )  # fmt: skip

    return made


@pytest.fixture
def cosigned(bundle):
    """The bundle with co-signatures of these signers."""

    def made(*signers: Signer, method: str = "headers") -> dict:
        point = parse_bundle(bundle).checkpoint.checkpoint
        given = [cosign(point, signer, 1_764_100_000, method) for signer in signers]
        bundle["state"]["cosignatures"] = [one.to_dict() for one in sorted(given, key=lambda one: one.key_id)]
        return bundle

    return made


def test_cosignatures_are_counted_when_known_agencies_signed(cosigned, anchored):
    verified = verify(parse_bundle(cosigned(CUSTOMS, MARKET)), anchored(2))
    assert (verified.vouched.offices, verified.vouched.agencies, verified.vouched.needed) == (2, 3, 2)
    assert {one.witness.name_en for one in verified.vouched.cosignatures} == {"Gongbei Customs", "Maoming AMR"}


def test_bundle_holds_when_it_is_from_before_there_were_witnesses(bundle, anchored):
    bundle["state"].pop("cosignatures", None)
    assert verify(parse_bundle(bundle), anchored()).vouched.offices == 0


def test_one_office_counts_once_when_it_signed_with_two_keys(cosigned, anchored):
    value = cosigned(CUSTOMS, CUSTOMS_NEW)
    assert verify(parse_bundle(value), anchored(1)).vouched.offices == 1
    with pytest.raises(VerificationFailed, match="co-signed by 1 of 3 known agencies, 2 are needed"):
        verify(parse_bundle(value), anchored(2))


def test_unknown_witnesses_are_not_counted(cosigned, anchored):
    value = cosigned(STRANGER, MARKET)
    assert verify(parse_bundle(value), anchored(1)).vouched.offices == 1
    with pytest.raises(VerificationFailed, match="co-signed by 1 of 3") as caught:
        verify(parse_bundle(value), anchored(2))
    assert (caught.value.step, caught.value.field) == ("checkpoint", "/state/cosignatures")


@pytest.mark.parametrize(("quorum", "wanted"), [(1, 0), (0, 1), (3, 1), (1, 3)])
def test_bundle_fails_when_fewer_agencies_signed_than_anchors_or_reader_want(cosigned, anchored, quorum, wanted):
    signers = () if max(quorum, wanted) == 1 else (CUSTOMS, MARKET)
    with pytest.raises(VerificationFailed, match=f"{max(quorum, wanted)} are needed"):
        verify(parse_bundle(cosigned(*signers)), anchored(quorum), wanted)


def test_bundle_fails_when_witnesses_are_wanted_and_nobody_is_known(cosigned, anchors):
    for known in (anchors, None):
        report = argue(parse_bundle(cosigned(CUSTOMS)), known, 1)
        assert [step.id for step in report.steps if step.outcome == "failed"] == ["checkpoint"]


@pytest.mark.parametrize("wanted", [0, 1])
def test_bundle_fails_when_a_known_witness_did_not_sign_what_it_shows(cosigned, anchored, wanted):
    """Even where enough others signed: a bundle that shows a false signature is not to be believed."""
    value = cosigned(CUSTOMS, MARKET)
    for at in (0, 1):
        forged = json.loads(json.dumps(value))
        forged["state"]["cosignatures"][at]["time"] += 1
        with pytest.raises(VerificationFailed, match="does not verify") as caught:
            verify(parse_bundle(forged), anchored(wanted))
        assert caught.value.field == f"/state/cosignatures/{at}/signature"


def test_bundle_fails_when_a_cosignature_is_of_another_state(cosigned, anchored, world):
    value = cosigned(CUSTOMS)
    earlier = cosign(world.checkpoint(world.chain.height() - 1).checkpoint, CUSTOMS, 1_764_100_000, "headers")
    value["state"]["cosignatures"] = [earlier.to_dict()]
    with pytest.raises(VerificationFailed, match="Gongbei Customs does not verify"):
        verify(parse_bundle(value), anchored())


def test_bundle_fails_when_a_method_is_claimed_that_was_not_signed(cosigned, anchored):
    value = cosigned(CUSTOMS)
    value["state"]["cosignatures"][0]["method"] = "execution"
    with pytest.raises(VerificationFailed, match="does not verify"):
        verify(parse_bundle(value), anchored())


@pytest.mark.parametrize("wrong", ["twice", "order", "unknown member", "no list", "too many"])
def test_bundle_is_malformed_when_its_cosignatures_are(cosigned, wrong):
    value = cosigned(CUSTOMS, MARKET)
    listed = value["state"]["cosignatures"]
    value["state"]["cosignatures"] = {
        "twice": [listed[0], *listed],
        "order": listed[::-1],
        "unknown member": [listed[0] | {"note": ""}],
        "no list": listed[0],
        "too many": listed * 33,
    }[wrong]
    with pytest.raises(Malformed) as caught:
        parse_bundle(value)
    assert caught.value.field.startswith("/state/cosignatures")


# --------------------------------------------------------------------------------------------------- in words


@pytest.fixture
def files(tmp_path, cosigned, anchored):
    (tmp_path / "two").write_text(json.dumps(cosigned(CUSTOMS, MARKET, method="execution")), encoding="utf-8")
    (tmp_path / "none").write_text(json.dumps(cosigned()), encoding="utf-8")
    (tmp_path / "anchors").write_text(json.dumps(anchored(0).to_dict()), encoding="utf-8")
    return {name: str(tmp_path / name) for name in ("two", "none", "anchors")}


def test_verify_says_how_many_of_which_agencies_cosigned(files, capsys):
    assert main([files["two"], "--anchors", files["anchors"], "--lang", "en", "--witnesses", "2"]) == 0
    out = capsys.readouterr().out
    assert "Co-signed by 2 of 3 agencies: " in out
    assert "Gongbei Customs (execution: executed every block)" in out
    assert main([files["two"], "--anchors", files["anchors"], "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert "3 家机构中的 2 家会签了这个状态" in out and "拱北海关（execution：逐块执行）" in out
    assert main([files["two"], "--anchors", files["anchors"], "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["verified"]["witnesses"]
    assert (said["cosigned"], said["of"], said["needed"]) == (2, 3, 0)
    assert {one["agency"] for one in said["cosignatures"]} == {"customs", "market-supervision"}


def test_verify_says_that_only_the_operator_vouches_when_nobody_cosigned(files, capsys):
    assert main([files["none"], "--anchors", files["anchors"], "--lang", "en"]) == 0
    assert "Co-signed by 0 of 3 agencies: only the operator vouches" in capsys.readouterr().out
    assert main([files["none"], "--lang", "en"]) == 0
    assert "nobody is known as a witness" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "wanted", "code"), [("two", 3, 1), ("none", 1, 1), ("two", 2, 0), ("none", 0, 0)])
def test_verify_fails_when_fewer_agencies_cosigned_than_asked_for(files, capsys, name, wanted, code):
    assert main([files[name], "--anchors", files["anchors"], "--witnesses", str(wanted), "--json"]) == code
    capsys.readouterr()


def test_verify_fails_when_witnesses_are_asked_for_without_anchors(files, capsys):
    assert main([files["two"], "--witnesses", "1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "anchors-required"
    assert main([files["two"], "--anchors", files["anchors"], "--witnesses", "-1"]) == 2
    assert main([files["two"], "--anchors", files["anchors"], "--witnesses", "many"]) == 2
