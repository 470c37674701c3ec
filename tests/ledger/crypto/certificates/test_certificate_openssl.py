"""Both ways with the `openssl` command, and with GmSSL's signatures.

OpenSSL 3 takes the user ID of SM2 from `-sigopt`/`-vfyopt distid:…`; `verify` applies it to the leaf only, and `crl`
has no such option. So chains are checked link by link there, and a list's signature with `openssl dgst`.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from certificate_world import DAY, MEMBER, MEMBER_KEY, ROOT, SUB, SUB_CRL, SUB_KEY, forge, key

from ledger.crypto.certificates import refusals
from ledger.crypto.certificates.certificate import Certificate
from ledger.crypto.certificates.issuing import Period, issue_member, self_sign
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.path import verify
from ledger.crypto.certificates.request import CertificateRequest, request
from ledger.crypto.certificates.revocation import Revocation, RevocationList, sign_list
from ledger.crypto.sm2 import raw_to_der

ID = "distid:1234567812345678"
USCC = "91441400MA4UXY123U"
CONFIG = """
[req]
distinguished_name = dn
prompt = no
utf8 = yes
string_mask = utf8only
[dn]
C = CN
O = 梅州柚子合作社
organizationIdentifier = NTRCN-91441400MA4UXY123U
OU = zone-1
CN = 梅州柚子合作社
[dn_root]
C = CN
O = 广东省商务厅
CN = OpenSSL 根证书
[req_root]
distinguished_name = dn_root
prompt = no
utf8 = yes
string_mask = utf8only
x509_extensions = authority
[authority]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[member]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid,issuer:always
1.2.156.10260.4.1.4 = ASN1:PRINTABLESTRING:91441400MA4UXY123U
[strict_unknown]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
authorityKeyIdentifier = keyid
1.2.3.4.5 = critical,ASN1:UTF8String:must understand
[encryption]
basicConstraints = critical,CA:FALSE
keyUsage = critical,keyEncipherment,dataEncipherment,keyAgreement
authorityKeyIdentifier = keyid
[ca]
default_ca = here
[here]
database = index.txt
crlnumber = crlnumber
default_md = sm3
default_crl_days = 30
crl_extensions = crl
certificate = root.pem
private_key = root.key
[crl]
authorityKeyIdentifier = keyid
"""


class OpenSSL:
    """The command, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("openssl"):
            pytest.skip("no openssl command here")
        self.folder = folder
        (folder / "config").write_text(CONFIG, encoding="utf-8")

    def __call__(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(["openssl", *arguments], capture_output=True, cwd=self.folder)
        text = (done.stdout + done.stderr).decode("utf-8", "replace")
        if "Algorithm SM2 not found" in text or "unknown curve" in text.lower():
            pytest.skip("this openssl command was built without SM2")
        assert not check or done.returncode == 0, text
        return text if check else f"{done.returncode} {text}"

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def holds(self, tbs: bytes, signature: bytes, public: str, user_id: str = ID) -> bool:
        """Whether `openssl dgst` verifies a raw signature over the signed part of anything."""
        (self.folder / "tbs").write_bytes(tbs)
        (self.folder / "signature").write_bytes(raw_to_der(signature))
        self.write("public.pem", public)
        verifying = ("dgst", "-sm3", "-verify", "public.pem", "-signature", "signature", "-sigopt", user_id, "tbs")
        return "Verified OK" in self(*verifying, check=False)

    def root(self, *options: str) -> Certificate:
        self("genpkey", "-algorithm", "SM2", "-out", "root.key")
        self(
            *("req", "-x509", "-new", "-config", "config", "-section", "req_root", "-key", "root.key", "-sm3"),
            *(options or ("-sigopt", ID)),
            *("-days", "900", "-set_serial", "0x1234", "-out", "root.pem"),
        )
        return Certificate.from_pem(self.read("root.pem"))

    def request(self, *options: str, generate: tuple[str, ...] = ("-algorithm", "SM2")) -> bytes:
        self("genpkey", *generate, "-out", "member.key")
        self(
            *("req", "-new", "-config", "config", "-key", "member.key", "-out", "member.csr"),
            *(options or ("-sm3", "-sigopt", ID)),
        )
        return self.read("member.csr")

    def member(self, section: str | None = "member", signing: tuple[str, ...] = ("-sm3", "-sigopt", ID)) -> bytes:
        extensions = ("-extfile", "config", "-extensions", section) if section else ()
        self(
            *("x509", "-req", "-in", "member.csr", "-CA", "root.pem", "-CAkey", "root.key", "-days", "300"),
            *("-set_serial", "0x77", *signing, "-vfyopt", ID, *extensions, "-out", "member.pem"),
        )
        return self.read("member.pem")

    def list(self, *options: str) -> RevocationList:
        for name, text in (("index.txt", ""), ("crlnumber", "0A\n")):
            if not (self.folder / name).exists():
                self.write(name, text)
        self("ca", "-config", "config", "-gencrl", *(options or ("-sigopt", ID)), "-out", "root.crl")
        return RevocationList.from_pem(self.read("root.crl"))


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSSL:
    return OpenSSL(tmp_path)


# ---- ours, read by OpenSSL


def test_openssl_accepts_our_certificates_link_by_link(openssl: OpenSSL) -> None:
    for name, held in (("root", ROOT), ("sub", SUB), ("member", MEMBER)):
        openssl.write(f"{name}.pem", held.pem)
    at = ("-attime", str(MEMBER.not_before + DAY), "-vfyopt", ID)
    assert "sub.pem: OK" in openssl("verify", *at, "-CAfile", "root.pem", "sub.pem")
    assert "member.pem: OK" in openssl("verify", *at, "-partial_chain", "-trusted", "sub.pem", "member.pem")
    assert openssl.holds(ROOT.tbs, ROOT.signature, ROOT.key.spki_pem), "the root's own signature"
    wrong = ("-attime", str(MEMBER.not_before + DAY), "-vfyopt", "distid:somebody")
    assert "signature failure" in openssl("verify", *wrong, "-CAfile", "root.pem", "sub.pem", check=False)
    late = ("-attime", str(MEMBER.not_after + 1), "-vfyopt", ID, "-partial_chain", "-trusted", "sub.pem")
    assert "expired" in openssl("verify", *late, "member.pem", check=False)


def test_openssl_shows_our_certificate(openssl: OpenSSL) -> None:
    openssl.write("member.pem", MEMBER.pem)
    text = openssl("x509", "-in", "member.pem", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus")
    for expected in (
        "Version: 3",
        "Signature Algorithm: SM2-with-SM3",
        "ASN1 OID: SM2",
        "CN=梅州柚子合作社",
        f"organizationIdentifier=NTRCN-{USCC}",
        "CA:FALSE",
        "Digital Signature, Non Repudiation",
        SUB.key_id.hex(":").upper(),
        "1.2.156.10260.4.1.4",
    ):
        assert expected in text, expected


def test_openssl_accepts_our_request(openssl: OpenSSL) -> None:
    openssl.write("member.csr", request(MEMBER.subject, MEMBER_KEY).pem)
    verified = ("req", "-in", "member.csr", "-noout", "-verify", "-vfyopt")
    assert "verify OK" in openssl(*verified, ID)
    assert "verify OK" not in openssl(*verified, "distid:somebody", check=False)


def test_openssl_reads_our_list_and_its_signature_holds_there(openssl: OpenSSL) -> None:
    held = sign_list(
        SUB,
        SUB_KEY,
        [Revocation(MEMBER.serial, SUB_CRL.this_update, "keyCompromise", SUB_CRL.this_update - DAY)],
        number=12,
        this_update=SUB_CRL.this_update,
        next_update=SUB_CRL.next_update,
    )
    openssl.write("sub.crl", held.pem)
    text = openssl("crl", "-in", "sub.crl", "-noout", "-text")
    for expected in ("Version 2", "SM2-with-SM3", "Key Compromise", "Invalidity Date", f"{MEMBER.serial:X}"):
        assert expected in text, expected
    assert "X509v3 CRL Number: \n                12" in text
    assert openssl.holds(held.tbs, held.signature, SUB_KEY.public.spki_pem)
    assert not openssl.holds(held.tbs, held.signature, SUB_KEY.public.spki_pem, "distid:somebody")


# ---- OpenSSL's, read by us


def test_chain_is_accepted_when_openssl_made_all_of_it(openssl: OpenSSL) -> None:
    root = openssl.root()
    asked = CertificateRequest.from_pem(openssl.request())
    member = Certificate.from_pem(openssl.member())
    held = verify(member, roots=[root], lists=[openssl.list()], at=int(time.time()))
    assert held.uscc == USCC and held.zone == 1 and held.key == asked.key == member.key
    assert held.path == (member, root) and held.lists[0].number == 10
    assert member.serial == 0x77 and root.extensions.path_len == 0


def test_certificate_is_refused_when_openssl_revoked_it(openssl: OpenSSL) -> None:
    root = openssl.root()
    openssl.request()
    member = Certificate.from_pem(openssl.member())
    openssl.write("index.txt", "")
    openssl("ca", "-config", "config", "-revoke", "member.pem", "-crl_compromise", "20261101000000Z")
    revoked = openssl.list()
    entry = revoked.entries[0x77]
    assert entry.reason == "keyCompromise" and entry.invalid_from == 1_793_491_200 < entry.revoked_at
    with pytest.raises(refusals.CertificateRevoked):
        verify(member, roots=[root], lists=[revoked], at=int(time.time()))


def test_our_authority_certifies_a_key_and_request_of_openssls(openssl: OpenSSL) -> None:
    asked = CertificateRequest.from_pem(openssl.request())
    now = int(time.time())
    authority = key(5)
    root = self_sign(Name.make("综试区根证书", zone=1), authority, Period(now - DAY, now + 900 * DAY))
    member = issue_member(root, authority, asked.subject, asked.key, Period(now, now + DAY))
    openssl.write("root.pem", root.pem)
    openssl.write("member.pem", member.pem)
    assert "member.pem: OK" in openssl("verify", "-vfyopt", ID, "-CAfile", "root.pem", "member.pem")
    assert openssl("pkey", "-in", "member.key", "-pubout") == openssl("x509", "-in", "member.pem", "-noout", "-pubkey")


def test_openssl_authority_certifies_our_request(openssl: OpenSSL) -> None:
    root = openssl.root()
    openssl.write("member.csr", request(MEMBER.subject, MEMBER_KEY).pem)
    member = Certificate.from_pem(openssl.member())
    held = verify(member, roots=[root], lists=[openssl.list()], at=int(time.time()))
    assert held.key == MEMBER_KEY.public and held.subject == MEMBER.subject


# ---- OpenSSL's, refused


def test_openssl_certificates_are_refused_when_signed_under_another_id(openssl: OpenSSL) -> None:
    other = ("-sigopt", "distid:somebody")
    root = openssl.root(*other)
    with pytest.raises(refusals.CertificateSignatureRejected) as caught:
        verify(root, roots=[root], at=int(time.time()), of_authority=True)
    assert "distid" in caught.value.hint
    with pytest.raises(refusals.RequestSignatureRejected):
        CertificateRequest.from_pem(openssl.request("-sm3", *other))
    openssl.root()
    openssl.request()
    member = Certificate.from_pem(openssl.member(signing=("-sm3", *other)))
    trusted = Certificate.from_pem(openssl.read("root.pem"))
    with pytest.raises(refusals.CertificateSignatureRejected):
        verify(member, roots=[trusted], at=int(time.time()))
    with pytest.raises(refusals.CrlSignatureRejected):
        openssl.list(*other).check_issuer(trusted)


@pytest.mark.parametrize("encoding", ["named_curve", "explicit"])
def test_openssl_certificate_is_refused_when_its_key_is_on_p256(openssl: OpenSSL, encoding: str) -> None:
    openssl.root()
    p256 = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", f"ec_param_enc:{encoding}")
    pem = openssl.request("-sha256", generate=p256)
    with pytest.raises(refusals.WrongAlgorithm):  # ECDSA with SHA-256 is met before the curve
        CertificateRequest.from_pem(pem)
    openssl("x509", "-req", "-in", "member.csr", "-CA", "root.pem", "-CAkey", "root.key", "-sm3", "-sigopt", ID,
            "-extfile", "config", "-extensions", "member", "-out", "member.pem")  # fmt: skip
    with pytest.raises(refusals.WrongCurve) as caught:
        Certificate.from_pem(openssl.read("member.pem"))
    assert ("explicit" if encoding == "explicit" else "P-256") in caught.value.message


def test_openssl_certificate_is_refused_when_its_authority_is_on_p256(openssl: OpenSSL) -> None:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "root.key")
    openssl("req", "-x509", "-new", "-config", "config", "-section", "req_root", "-key", "root.key", "-sha256",
            "-out", "root.pem")  # fmt: skip
    openssl.request()
    with pytest.raises(refusals.WrongAlgorithm) as caught:
        Certificate.from_pem(openssl.member(signing=("-sha256",)))
    assert "ECDSA with SHA-256" in caught.value.message
    with pytest.raises(refusals.WrongAlgorithm):
        Certificate.from_pem(openssl.read("root.pem"))


def test_openssl_certificate_is_refused_when_of_version_1(openssl: OpenSSL) -> None:
    openssl.root()
    openssl.request()
    with pytest.raises(refusals.OutsideProfile):
        Certificate.from_pem(openssl.member(section=None))


def test_openssl_certificate_is_refused_when_a_critical_extension_is_unknown(openssl: OpenSSL) -> None:
    openssl.root()
    openssl.request()
    with pytest.raises(refusals.UnknownCriticalExtension):
        Certificate.from_pem(openssl.member("strict_unknown"))


def test_openssl_certificate_is_refused_when_it_is_for_encryption(openssl: OpenSSL) -> None:
    root = openssl.root()
    openssl.request()
    member = Certificate.from_pem(openssl.member("encryption"))
    with pytest.raises(refusals.WrongKeyUsage):
        verify(member, roots=[root], lists=[openssl.list()], at=int(time.time()))


def test_openssl_text_around_a_block_is_refused(openssl: OpenSSL) -> None:
    openssl.root()
    text = openssl("x509", "-in", "root.pem", "-text")
    with pytest.raises(refusals.CertificateMalformed) as caught:
        Certificate.from_pem(text)
    assert "openssl x509" in caught.value.hint


# ---- GmSSL's implementation: it signs and verifies; the package has no certificate parser of its own


def test_gmssl_verifies_our_signatures_and_we_its() -> None:
    gmssl = pytest.importorskip("gmssl_pyx")
    from ledger.crypto.sm2 import PrivateKey

    for signer, held in ((SUB_KEY, MEMBER), (SUB_KEY, SUB_CRL)):
        assert gmssl.sm2_verify_sm3_digest(
            signer.public.point[1:], signer.public.digest(held.tbs), raw_to_der(held.signature)
        )
    scalar = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8 + 2
    assert PrivateKey.from_scalar(scalar).public == SUB_KEY.public
    tbs = Certificate.from_der(forge()).tbs
    signature = gmssl.sm2_sign_sm3_digest(scalar.to_bytes(32, "big"), SUB_KEY.public.digest(tbs))
    Certificate.from_der(forge(signature=signature)).check_signature(SUB_KEY.public)
