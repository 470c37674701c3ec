"""Notes and co-signatures: one text per note, strict reading, and no signature believed that was not checked."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_checkpoint import POINT, Signer

from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Malformed, Untrusted, VerificationFailed
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import Witness
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.cosignature import (
    EXECUTION,
    HEADERS,
    Cosignature,
    cosign,
    cosignature_text,
    parse_cosignature,
    parse_cosignatures,
    verify,
    verify_known,
)
from ledger.proof.note import MAX_FEED_NOTES, feed_of, feed_text, note, note_of, parse_feed, parse_note, read_notes

OPERATOR, CUSTOMS, MARKET, STRANGER = (Signer(PrivateKey.generate()) for _ in range(4))
WITNESSES = {
    signer.public.key_id: Witness(signer.public.key_id, signer.public, agency, zh, en)
    for signer, agency, zh, en in (
        (CUSTOMS, "customs", "拱北海关", "Gongbei Customs"),
        (MARKET, "market-supervision", "茂名市监局", "Maoming AMR"),
    )
}
SIGNED = checkpoints.sign(POINT, OPERATOR)
ONE = cosign(POINT, CUSTOMS, 1_764_000_123, HEADERS)
TWO = cosign(POINT, MARKET, 1_764_000_124, EXECUTION)
NOTE = note(SIGNED, [ONE, TWO])
ID = "sm3:" + CUSTOMS.public.key_id.hex()


def at(height, *cosigners):
    point = Checkpoint(POINT.chain_id, POINT.genesis, height, POINT.block, POINT.state_root, POINT.time)
    return note(checkpoints.sign(point, OPERATOR), [cosign(point, one, 1_764_000_200, HEADERS) for one in cosigners])


def test_cosignature_signs_exactly_the_published_text():
    text = f"originseal-cosignature/v1\nwitness: {ID}\ntime: 1764000123\nmethod: headers\n{POINT.text}"
    assert cosignature_text(ONE.key_id, ONE.time, ONE.method, POINT) == text
    CUSTOMS.public.verify(text.encode(), ONE.signature)


def test_cosignature_is_evidence_when_a_known_witness_signed_it():
    assert parse_cosignature(ONE.to_dict()) == ONE
    evidence = verify(ONE, POINT, WITNESSES)
    assert (evidence.witness.name_zh, evidence.time, evidence.method) == ("拱北海关", 1_764_000_123, HEADERS)
    assert evidence.checkpoint == POINT


def test_note_has_exactly_the_published_text():
    first, second = sorted((ONE, TWO), key=lambda one: one.key_id)
    assert NOTE.text == (
        f"{POINT.text}\n— operator sm3:{OPERATOR.public.key_id.hex()} {SIGNED.signature.hex()}\n"
        f"— witness sm3:{first.key_id.hex()} {first.time} {first.method} {first.signature.hex()}\n"
        f"— witness sm3:{second.key_id.hex()} {second.time} {second.method} {second.signature.hex()}\n"
    )
    assert parse_note(NOTE.text) == parse_note(NOTE.text.encode()) == NOTE
    assert note_of(NOTE.to_dict()) == NOTE


def test_feed_survives_when_written_and_read():
    notes = (at(0), at(1, MARKET, CUSTOMS), at(7), at(2**63, CUSTOMS))
    text = feed_text(notes)
    assert "\n\noriginseal-checkpoint/v1\n" in text
    assert parse_feed(text) == notes
    assert tuple(read_notes(text[:-1].split("\n"))) == notes
    assert feed_of([each.to_dict() for each in notes]) == notes
    assert parse_feed("") == () == tuple(read_notes([])) == feed_of([])


# ------------------------------------------------------------------------------------------------------- refusals

MUTATIONS = {
    "no last newline": NOTE.text[:-1],
    "crlf": NOTE.text.replace("\n", "\r\n"),
    "empty line at the end": NOTE.text + "\n",
    "empty line at the start": "\n" + NOTE.text,
    "hyphen for the dash": NOTE.text.replace("— operator", "- operator"),
    "no operator": "\n".join(line for line in NOTE.text.split("\n") if "operator" not in line),
    "two operators": NOTE.text.replace("— witness", "— operator", 1),
    "operator after the witnesses": POINT.text + "\n" + "".join(reversed(NOTE.text.splitlines(True)[8:])),
    "no empty line": NOTE.text.replace("\n\n", "\n"),
    "a word in the empty line": NOTE.text.replace("\n\n", "\nx\n"),
    "two empty lines": NOTE.text.replace("\n\n", "\n\n\n"),
    "two spaces": NOTE.text.replace(" headers ", "  headers "),
    "trailing space": NOTE.text.replace("\n— witness", " \n— witness", 1),
    "another method": NOTE.text.replace(" headers ", " trust "),
    "leading zero": NOTE.text.replace(" 1764000123 ", " 01764000123 "),
    "arabic-indic time": NOTE.text.replace(" 1764000123 ", " ١٢٣ "),
    "superscript time": NOTE.text.replace(" 1764000123 ", " 12³ "),
    "negative time": NOTE.text.replace(" 1764000123 ", " -1 "),
    "time too large": NOTE.text.replace(" 1764000123 ", f" {2**53} "),
    "no algorithm": NOTE.text.replace(ID, ID[4:]),
    "upper case": NOTE.text.replace(SIGNED.signature.hex(), SIGNED.signature.hex()[:-2] + "AB"),
    "short signature": NOTE.text.replace(SIGNED.signature.hex(), SIGNED.signature.hex()[2:]),
    "descending keys": "".join([*NOTE.text.splitlines(True)[:9], *reversed(NOTE.text.splitlines(True)[9:])]),
    "one key twice": NOTE.text + NOTE.text.splitlines(True)[-1],
    "a remark": NOTE.text + "— remark\n",
    "leading zero in the checkpoint": NOTE.text.replace("height: 123", "height: 0123"),
    "byte order mark": "\ufeff" + NOTE.text,
    "two notes": feed_text([NOTE, at(124)]),
    "nothing": "",
    "too long": NOTE.text + "x" * 100_000 + "\n",
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_note_is_refused_when_its_text_is_not_the_only_form(name):
    assert MUTATIONS[name] != NOTE.text
    with pytest.raises(Malformed) as caught:
        parse_note(MUTATIONS[name], "here")
    assert caught.value.field.startswith("here")


@pytest.mark.parametrize(
    "text",
    [
        feed_text([at(5), at(5)]),
        feed_text([at(6), at(5)]),
        at(5).text + at(6).text,
        feed_text([at(5), at(6)]) + "\n",
        at(5).text + "\n\n" + at(6).text,
        b"\xff\xfe",
    ],
)
def test_feed_is_refused_when_heights_do_not_ascend_or_notes_are_not_set_apart(text):
    with pytest.raises(Malformed):
        parse_feed(text)


def test_feed_is_refused_when_it_holds_more_notes_than_asked_for():
    text = feed_text([at(1), at(2), at(3)])
    assert len(parse_feed(text, limit=3)) == 3
    with pytest.raises(Malformed, match="more than 2"):
        parse_feed(text, limit=2)
    with pytest.raises(Malformed):
        feed_of([at(1).to_dict()] * (MAX_FEED_NOTES + 1))
    with pytest.raises(Malformed, match="ascend"):
        feed_of([at(2).to_dict(), at(1).to_dict()])


def test_read_notes_is_refused_when_a_line_or_a_note_has_no_end():
    with pytest.raises(Malformed, match="a line"):
        list(read_notes(["x" * 1000]))
    with pytest.raises(Malformed, match="more than 64"):
        list(read_notes(["x"] * 10_000))


@given(st.text(alphabet=st.sampled_from("—operatwins \n0123:"), max_size=300) | st.binary(max_size=200))
def test_parse_feed_raises_only_untrusted_when_given_garbage(text):
    for start in ("", NOTE.text + "\n"):
        with contextlib.suppress(Untrusted):
            parse_feed(start + text if isinstance(text, str) else start.encode() + text)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"keyId": "sm3:00"}, "c/keyId"),
        ({"time": "1"}, "c/time"),
        ({"time": -1}, "c/time"),
        ({"time": 1 << 53}, "c/time"),
        ({"time": True}, "c/time"),
        ({"method": "trust"}, "c/method"),
        ({"method": ["headers"]}, "c/method"),
        ({"signature": "00"}, "c/signature"),
        ({"note": ""}, "c/note"),
        ({"method": ...}, "c/method"),
    ],
)
def test_parse_cosignature_names_the_field_when_the_json_is_wrong(change, field):
    value = {name: part for name, part in (ONE.to_dict() | change).items() if part is not ...}
    with pytest.raises(Malformed) as caught:
        parse_cosignature(value, "c")
    assert caught.value.field == field


def test_cosignatures_are_refused_when_they_are_out_of_order_or_one_key_comes_twice():
    ordered = [one.to_dict() for one in NOTE.cosignatures]
    assert parse_cosignatures(ordered) == NOTE.cosignatures
    for wrong in ([*reversed(ordered)], [ordered[0], ordered[0]], ordered * 33, {}):
        with pytest.raises(Malformed):
            parse_cosignatures(wrong)


# ------------------------------------------------------------------------------------------------------ signatures


def test_cosignature_is_refused_when_its_key_is_no_witness():
    with pytest.raises(VerificationFailed, match="none of the 2") as caught:
        verify(cosign(POINT, STRANGER, 1, HEADERS), POINT, WITNESSES, "/c")
    assert caught.value.field == "/c/keyId"


@pytest.mark.parametrize("name", Checkpoint.__slots__)
def test_cosignature_is_refused_when_it_is_of_another_checkpoint(name):
    values = {each: getattr(POINT, each) for each in Checkpoint.__slots__}
    values[name] = bytes(32) if isinstance(values[name], bytes) else values[name] + 1
    with pytest.raises(VerificationFailed, match="Gongbei Customs") as caught:
        verify(ONE, Checkpoint(**values), WITNESSES, "/c")
    assert caught.value.field == "/c/signature"


@pytest.mark.parametrize(
    "wrong",
    [
        Cosignature(ONE.key_id, ONE.time + 1, ONE.method, ONE.signature),
        Cosignature(ONE.key_id, ONE.time, EXECUTION, ONE.signature),
        Cosignature(TWO.key_id, ONE.time, ONE.method, ONE.signature),
        Cosignature(ONE.key_id, ONE.time, ONE.method, CUSTOMS.sign(POINT.text.encode())),
        Cosignature(ONE.key_id, ONE.time, ONE.method, bytes(64)),
    ],
)
def test_cosignature_is_refused_when_it_says_what_was_not_signed(wrong):
    with pytest.raises(VerificationFailed):
        verify(wrong, POINT, WITNESSES)


def test_unknown_witnesses_count_for_nothing_when_known_ones_signed():
    stranger = cosign(POINT, STRANGER, 1, HEADERS)
    found = verify_known(note(SIGNED, [stranger, ONE]).cosignatures, POINT, WITNESSES)
    assert [one.witness.agency for one in found] == ["customs"]
    assert verify_known([stranger], POINT, WITNESSES) == ()


def test_known_witnesses_are_refused_when_one_of_them_did_not_sign():
    wrong = Cosignature(TWO.key_id, TWO.time, TWO.method, ONE.signature)
    with pytest.raises(VerificationFailed, match="Maoming AMR"):
        verify_known([ONE, wrong], POINT, WITNESSES)


def test_cosign_refuses_to_sign_when_the_method_is_none_of_the_two():
    for time, method in ((1, "trust"), (-1, HEADERS), (1 << 53, HEADERS)):
        with pytest.raises(RuntimeError):
            cosign(POINT, CUSTOMS, time, method)
