"""A signed report holds as it was signed and in no other form; OpenSSL agrees; whose key it is comes from elsewhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from ledger.crypto import sm2
from ledger.crypto.keyfile import FileSigner
from ledger.documents.canonical import jcs
from ledger.errors import Malformed, TooLarge, Untrusted, VerificationFailed
from ledger.proof.anchors import Anchors, CheckpointKey, Witness
from ledger.services.audit import report_signing
from ledger.services.audit.report_file import report_id
from ledger.services.audit.report_pdf import render_pdf
from ledger.services.audit.report_signing import HOLE, SUBFILTER, sign_json, sign_pdf, verify, verify_json, verify_pdf
from ledger.services.audit.report_trust import parse_key, vouch
from tests.report_facts import GENESIS, STARTED, many_facts, signer, sound_facts

COMMANDS = Path(__file__).with_name("audit_signature.sh")
KEY = signer()
FACTS = many_facts()


@pytest.fixture(scope="module")
def pages() -> bytes:
    return render_pdf(FACTS, f"sm3:{KEY.public.key_id.hex()}")


@pytest.fixture(scope="module")
def signed(pages: bytes) -> bytes:
    """With a signature that leaves room in the hole: one in four has the full 72 bytes."""
    while True:
        made = sign_pdf(pages, FACTS, KEY, STARTED + 60)
        if made[hole(made) + HOLE - 3 : hole(made) + HOLE] == b"00>":
            return made


def hole(pdf: bytes) -> int:
    return pdf.rindex(b"/Contents <") + len("/Contents ")


def signature_object(pdf: bytes) -> bytes:
    return pdf[pdf.rindex(b"<< /Type /Sig") : hole(pdf)]


def swap(pdf: bytes, old: bytes, new: bytes) -> bytes:
    """The last occurrence exchanged; the length stays, so that nothing else moves."""
    assert len(old) == len(new) and old in pdf
    at = pdf.rindex(old)
    return pdf[:at] + new + pdf[at + len(old) :]


# ------------------------------------------------------------------------------------------------------- it holds


def test_signed_pdf_gives_evidence_when_nothing_was_touched(signed: bytes, pages: bytes) -> None:
    evidence = verify(signed)
    assert (evidence.form, evidence.key_id) == ("pdf", f"sm3:{KEY.public.key_id.hex()}")
    assert evidence.signed_at == STARTED + 60
    assert evidence.pages == pages and signed.startswith(pages)
    assert jcs(evidence.report) == jcs(FACTS)
    start = hole(signed)
    assert KEY.public.verify(signed[:start] + signed[start + HOLE :], evidence.signature).e == evidence.digest


def test_signed_pdf_opens_as_a_signed_file_with_the_report_attached(signed: bytes) -> None:
    import pypdfium2.raw as raw

    document = pypdfium2.PdfDocument(signed)
    try:
        assert raw.FPDF_GetSignatureCount(document.raw) == 1
        signature = raw.FPDF_GetSignatureObject(document.raw, 0)
        room = (raw.c_int * 4)()
        assert raw.FPDFSignatureObj_GetByteRange(signature, room, 4) == 4
        start = hole(signed)
        assert list(room) == [0, start, start + HOLE, len(signed) - start - HOLE]
        assert document.count_attachments() == 1
        attachment = document.get_attachment(0)
        assert attachment.get_name() == "report.json"
        assert bytes(attachment.get_data()) == jcs(FACTS)
        assert len(document) > 3
    finally:
        document.close()


@pytest.mark.skipif(shutil.which("openssl") is None or shutil.which("xxd") is None, reason="needs openssl and xxd")
@pytest.mark.parametrize("spoilt", [False, True])
def test_openssl_alone_agrees_with_us(signed: bytes, tmp_path: Path, spoilt: bool) -> None:
    if (
        "SM2"
        not in subprocess.run(["openssl", "list", "-public-key-algorithms"], capture_output=True, text=True).stdout
    ):
        pytest.skip("this openssl has no SM2")
    path = tmp_path / "report.pdf"
    path.write_bytes(swap(signed, b"/Lang (zh-CN)", b"/Lang (en-CN)") if spoilt else signed)
    done = subprocess.run(["bash", str(COMMANDS), str(path), str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode == 0) == (not spoilt), done.stdout + done.stderr
    assert ("Verified Successfully" in done.stdout) == (not spoilt)


def test_documented_commands_are_those_that_the_test_runs() -> None:
    documented = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
    for line in COMMANDS.read_text().splitlines():
        assert line.startswith(("#", "set ", "pdf=")) or line in documented, line


def test_signed_pdf_holds_whatever_length_its_signature_has(pages: bytes) -> None:
    for _ in range(12):
        assert verify_pdf(sign_pdf(pages, FACTS, KEY, STARTED)).signed_at == STARTED


def test_every_signature_fits_the_hole_when_r_or_s_is_short(pages: bytes) -> None:
    class Fixed:
        public, custodial = KEY.public, False

        def __init__(self, raw: bytes) -> None:
            self._raw = raw

        def sign(self, message: bytes) -> bytes:
            return self._raw

    for r in (1, 2**128, 2**247, 2**255):
        made = sign_pdf(pages, FACTS, Fixed(r.to_bytes(32, "big") + (2**255).to_bytes(32, "big")), STARTED)
        with pytest.raises(VerificationFailed) as refused:
            verify_pdf(made)
        assert refused.value.detail["step"] == "signature", "well formed, but not that key's"


# --------------------------------------------------------------------------------------------- it holds in no other


def other_key(pdf: bytes) -> bytes:
    return swap(pdf, KEY.public.spki_der.hex().encode(), signer().public.spki_der.hex().encode())


def off_the_curve(pdf: bytes) -> bytes:
    spki = KEY.public.spki_der
    return swap(pdf, spki.hex().encode(), (spki[:-1] + bytes([spki[-1] ^ 1])).hex().encode())


def other_signature(pdf: bytes) -> bytes:
    other = _hole_with(sm2.raw_to_der(KEY.sign(b"something else")))
    return pdf[: hole(pdf)] + other + pdf[hole(pdf) + HOLE :]


def _hole_with(der: bytes) -> bytes:
    return b"<" + der.ljust(72, b"\0").hex().encode() + b">"


def in_the_hole(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(pdf: bytes) -> bytes:
        start = hole(pdf)
        return pdf[: start + 1] + change(pdf[start + 1 : start + HOLE - 1]) + pdf[start + HOLE - 1 :]

    return changed


def byte_range(change: Callable[[list[int]], list[int]]) -> Callable[[bytes], bytes]:
    def changed(pdf: bytes) -> bytes:
        found = re.findall(rb"/ByteRange \[0 (\d{10}) (\d{10}) (\d{10})\]", pdf)[-1]
        new = b" ".join(b"%010d" % number for number in change([int(number) for number in found]))
        return swap(pdf, b" ".join(found), new)

    return changed


def signed_again(pdf: bytes) -> bytes:
    """A second update, with a good signature of another key over all of it, written by hand over our own refusal."""
    base = report_signing._Base.__new__(report_signing._Base)
    inner = report_signing._read(pdf)[0]
    base.__dict__.update(inner.__dict__)
    base.data, base.xref, base.size = pdf, int(pdf.split()[-2]), inner.size + 4
    other, content = signer(), jcs(FACTS)
    parts = report_signing._Parts(
        zlib.compress(content, 9), len(content), STARTED, other.public.spki_der, bytes.fromhex(report_id(FACTS)[4:])
    )
    whole, start = report_signing._update(base, parts, b"")
    der = sm2.raw_to_der(other.sign(whole[:start] + whole[start + HOLE :]))
    return report_signing._update(base, parts, der)[0]


def page_changed(pdf: bytes) -> bytes:
    at = pdf.index(b"stream\n", 3000) + 40
    return pdf[:at] + (b"A" if pdf[at : at + 1] != b"A" else b"B") + pdf[at + 1 :]


def object_repeated(pdf: bytes) -> bytes:
    """A second signature dictionary before the first: a reader that searches would find it."""
    return pdf.replace(b"\n%%EOF\n", b"\n%%EOF\n" + signature_object(pdf) + b"<00> >>\nendobj\n", 1)


def table_changed(pdf: bytes) -> bytes:
    """The signature dictionary said to be one byte further on."""
    at = pdf.rindex(b" 00000 n ") - 10
    return pdf[:at] + b"%010d" % (int(pdf[at : at + 10]) + 1) + pdf[at + 10 :]


HOSTILE = {
    "a byte appended": (lambda pdf: pdf + b"\n", "end"),
    "an update appended": (lambda pdf: pdf + b"1 0 obj\n<<>>\nendobj\nstartxref\n0\n%%EOF\n", ""),
    "the end cut off": (lambda pdf: pdf[:-1], "end"),
    "a page changed": (page_changed, "signature"),
    "the catalogue changed": (lambda pdf: swap(pdf, b"/SigFlags 3", b"/SigFlags 1"), "structure"),
    "the time changed": (lambda pdf: swap(pdf, b"/M (D:2026", b"/M (D:2025"), "signature"),
    "no such time": (lambda pdf: re.sub(rb"/M \(D:\d{8}", b"/M (D:20261340", pdf), ""),
    "another key": (other_key, "signature"),
    "a key off the curve": (off_the_curve, "key"),
    "another signature of the same key": (other_signature, "signature"),
    "the attachment's digest changed": (
        lambda pdf: swap(pdf, report_id(FACTS)[4:].encode(), b"ab" * 32), "signature",
    ),
    "the hole made larger": (byte_range(lambda n: [n[0] - 8, n[1], n[2]]), "byte-range"),
    "the hole moved": (byte_range(lambda n: [n[0] + 2, n[1] + 2, n[2] - 2]), "byte-range"),
    "the end left out": (byte_range(lambda n: [n[0], n[1], n[2] - 7]), "byte-range"),
    "a range beyond the file": (byte_range(lambda n: [n[0], n[1], n[2] + 9]), "byte-range"),
    "capital digits in the hole": (in_the_hole(lambda hex_: hex_.upper()), "contents"),
    "no digits in the hole": (in_the_hole(lambda hex_: b"zz" + hex_[2:]), "contents"),
    "blanks in the hole": (in_the_hole(lambda hex_: hex_[:-2] + b"  "), "contents"),
    "something after the signature": (in_the_hole(lambda hex_: hex_[:-2] + b"01"), "contents"),
    "an empty hole": (in_the_hole(lambda hex_: b"0" * len(hex_)), "contents"),
    "DER with a longer length": (in_the_hole(lambda hex_: b"3081" + hex_[2:-2]), "contents"),
    "the hole shorter": (in_the_hole(lambda hex_: hex_[:-2]), ""),
    "two signatures": (signed_again, "revisions"),
    "another kind of signature": (
        lambda pdf: swap(pdf, SUBFILTER.encode(), b"XXOriginSeal.SM2.v2"), "",
    ),
    "a second dictionary": (object_repeated, ""),
    "the field points elsewhere": (lambda pdf: swap(pdf, b"/T (OriginSeal) /V ", b"/T (OriginSeal) /W "), "structure"),
    "an entry of the table changed": (table_changed, "structure"),
    "unsigned": (lambda pdf: render_pdf(FACTS), ""),
    "empty": (lambda pdf: b"", ""),
    "only a header": (lambda pdf: b"%PDF-1.4\n", "end"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_signed_pdf_is_refused_with_its_reason_when(name: str, signed: bytes) -> None:
    spoil, step = HOSTILE[name]
    spoilt = spoil(signed)
    assert spoilt != signed
    with pytest.raises(Untrusted) as refused:
        verify(spoilt)
    assert refused.value.detail.get("step", "") == step, refused.value


def test_signed_pdf_is_refused_when_any_byte_is_changed(signed: bytes) -> None:
    """Every 997th byte of the pages, and every byte of the signed section that is not compressed data."""
    section = signed.index(b"endstream", verify(signed).pages.__len__())  # type: ignore[union-attr]
    for at in [*range(0, section, 9973), *range(section, len(signed), 7)]:
        spoilt = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        with pytest.raises(Untrusted):
            verify_pdf(spoilt)


def test_pdf_is_not_signed_twice_nor_when_it_is_none(signed: bytes) -> None:
    for wrong in (signed, b"", b"%PDF-1.4 nothing", b"hello"):
        with pytest.raises(Untrusted):
            sign_pdf(wrong, FACTS, KEY, STARTED)


def test_attached_report_is_refused_when_it_is_not_what_was_signed_for(
    pages: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content, reason in (
        (json.dumps(FACTS).encode(), "canonical form"),
        (b"[]", "not a report"),
        (b"{", "malformed|canonical"),
    ):
        monkeypatch.setattr(report_signing, "report_bytes", lambda facts, content=content: content)
        made = sign_pdf(pages, FACTS, KEY, STARTED)
        monkeypatch.undo()
        with pytest.raises(Untrusted, match=reason):
            verify_pdf(made)


def test_attached_report_is_not_unpacked_beyond_its_bound(pages: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sign_pdf(pages, FACTS, KEY, STARTED)
    monkeypatch.setattr(report_signing, "MAX_REPORT_BYTES", 100)
    with pytest.raises(VerificationFailed) as refused:
        verify_pdf(made)
    assert refused.value.detail["step"] == "report"


def test_file_is_refused_when_it_is_too_large(monkeypatch: pytest.MonkeyPatch, signed: bytes) -> None:
    monkeypatch.setattr(report_signing, "MAX_PDF_BYTES", 1000)
    with pytest.raises(TooLarge):
        verify(signed)


# ------------------------------------------------------------------------------------------------------------- JSON


def test_signed_json_gives_evidence_however_it_is_written() -> None:
    made = sign_json(FACTS, KEY)
    for text in (json.dumps(made, indent=1), json.dumps(made, sort_keys=True), jcs(made).decode()):
        evidence = verify(text.encode())
        assert (evidence.form, evidence.key_id) == ("json", f"sm3:{KEY.public.key_id.hex()}")
    assert evidence.pages is None
    assert KEY.public.verify(jcs(FACTS), evidence.signature)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.update(head=made["head"] + 1),
        lambda made: made.update(result="sound"),
        lambda made: made.update(another=1),
        lambda made: made["findings"].pop(),
        lambda made: made["findings"].reverse(),
        lambda made: made.pop("signature"),
        lambda made: made.update(signature=None),
        lambda made: made["signature"].update(more=1),
        lambda made: made["signature"].update(keyId="sm3:" + "00" * 32),
        lambda made: made["signature"].update(publicKey=signer().public.point.hex()),
        lambda made: made["signature"].update(value="00" * 64),
        lambda made: made["signature"].update(value=made["signature"]["value"].upper()),
        lambda made: made["signature"].update(value=made["signature"]["value"] + "00"),
        lambda made: made.update(signature=sign_json(sound_facts(), KEY)["signature"]),
    ],
)  # fmt: skip
def test_signed_json_is_refused_when_it_was_changed(spoil: Callable[[dict[str, Any]], Any]) -> None:
    made = json.loads(json.dumps(sign_json(FACTS, KEY)))
    spoil(made)
    with pytest.raises((Malformed, VerificationFailed)):
        verify_json(made)


# ------------------------------------------------------------------------------------------------------ whose key


def anchors(key: FileSigner | None = None, **changes: Any) -> Anchors:
    keys = {} if key is None else {key.public.key_id: CheckpointKey(key.public.key_id, key.public, "the operator")}
    given = {
        "chain_id": 20250,
        "genesis": bytes.fromhex(GENESIS[2:]),
        "contracts": {},
        "checkpoint_keys": keys,
        "authorities": (),
        "witnesses": {},
        "witness_quorum": 0,
    }
    return Anchors(**{**given, **changes})


def test_nobody_vouches_for_a_key_when_neither_key_nor_anchors_name_it(signed: bytes) -> None:
    evidence = verify(signed)
    assert vouch(evidence).by == "" and vouch(evidence, anchors=anchors(signer())).by == ""
    assert vouch(evidence).to_json()["vouchedBy"] is None


def test_key_is_vouched_for_when_it_was_given_or_is_anchored(signed: bytes) -> None:
    evidence = verify(signed)
    assert vouch(evidence, KEY.public.key_id).by == "key"
    made = vouch(evidence, anchors=anchors(KEY))
    assert (made.by, made.name, made.pages_match) == ("anchors", "the operator", True)
    assert made.to_json()["report"]["findings"] == 10


def test_report_is_refused_when_another_key_or_another_ledger_was_expected(signed: bytes) -> None:
    evidence = verify(signed)
    for key, known, step in (
        (signer().public.key_id, None, "key"),
        (signer().public.key_id, anchors(KEY), "key"),
        (None, anchors(KEY, chain_id=1), "anchors"),
        (KEY.public.key_id, anchors(KEY, genesis=bytes(32)), "anchors"),
    ):
        with pytest.raises(VerificationFailed) as refused:
            vouch(evidence, key, known)
        assert refused.value.detail["step"] == step


def test_key_of_a_witness_is_vouched_for_by_the_anchors(signed: bytes) -> None:
    key_id = KEY.public.key_id
    witness = Witness(key_id, KEY.public, "MARKET_SUPERVISION", "市场监管局", "Market supervision")
    made = vouch(verify(signed), anchors=anchors(witnesses={key_id: witness}))
    assert (made.by, made.name) == ("anchors", "市场监管局 Market supervision")


def test_pages_that_say_something_else_are_noticed_when_the_signer_lies() -> None:
    lie = sign_pdf(render_pdf(sound_facts(), f"sm3:{KEY.public.key_id.hex()}"), FACTS, KEY, STARTED)
    assert vouch(verify(lie), KEY.public.key_id).pages_match is False


def test_verifying_loads_neither_engine_nor_database_nor_web() -> None:
    program = (
        "import sys, ledger.services.audit.report_trust, ledger.services.audit.report_signing\n"
        "print({'eth', 'web3', 'sqlalchemy', 'lxml', 'fastapi', 'reportlab'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_key_is_read_from_text_or_pem() -> None:
    assert parse_key(f"sm3:{KEY.public.key_id.hex()}", None) == KEY.public.key_id
    assert parse_key("auditor.pem", KEY.public.spki_pem.encode()) == KEY.public.key_id
    for text, pem in (("sm3:00", None), ("sha-256:" + "00" * 32, None), ("x.pem", b"hello"), ("x.pem", b"x" * 10_000)):
        with pytest.raises(Malformed):
            parse_key(text, pem)
