"""`originseal certificate`: SM2 certificates: requests, a zone authority's folder, revocation lists, the chain check.

Keys stay in their encrypted files (`originseal key new`). What an authority issued and revoked is in its folder
(`--ca`), which only these commands write. Files may be PEM or DER when read; PEM is written.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ledger.crypto.certificates.certificate import MAX_CERTIFICATE_BYTES, Certificate
from ledger.crypto.certificates.issuing import Period, self_sign
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.path import MAX_INTERMEDIATES, MAX_ROOTS
from ledger.crypto.certificates.path import verify as verify_path
from ledger.crypto.certificates.registry import Registry
from ledger.crypto.certificates.request import CertificateRequest, request
from ledger.crypto.certificates.revocation import MAX_CRL_BYTES, REASON_CODES, RevocationList
from ledger.crypto.files import PUBLIC, write_whole
from ledger.domain.members import ZONES, check_uscc
from ledger.errors import Conflict, Malformed, NotFound, StorageUnavailable
from scripts.commands import certificate_facts as facts
from scripts.commands.key import AsJson, PassphraseFile, open_signer
from scripts.commands.output import emit

app = typer.Typer(no_args_is_help=True, help="SM2 certificates SM2证书.")

DAY = 86_400
Authority = Annotated[Path, typer.Option("--ca", help="the authority's folder 证书机构目录")]
KeyFile = Annotated[Path, typer.Option("--key", help="the authority's key file 证书机构密钥文件")]
Out = Annotated[Path, typer.Option("--out", "-o", help="file to write 输出文件")]
CommonName = Annotated[str, typer.Option("--name", help="common name 名称")]
Organization = Annotated[str, typer.Option("--organization", help="organisation 单位名称")]
ZoneNumber = Annotated[int | None, typer.Option("--zone", min=1, max=max(ZONES), help="zone 综试区 (1-7)")]
Moment = Annotated[str, typer.Option("--at", help="time judged: 2026-11-24T08:00:00Z or Unix seconds (default: now)")]


@app.command("request")
def request_(
    key: Annotated[Path, typer.Argument(help="the key file to certify 密钥文件")],
    out: Out,
    name: CommonName,
    uscc: Annotated[
        str, typer.Option("--uscc", help="unified social credit code; none for an authority 统一社会信用代码")
    ] = "",
    organization: Organization = "",
    zone: ZoneNumber = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a certificate: a PKCS#10 request signed with the key 申请证书."""
    subject = Name.make(name, organization=organization or name, uscc=check_uscc(uscc) if uscc else "", zone=zone)
    made = request(subject, open_signer(key, passphrase_file))
    _write(out, made.pem)
    facts.show(facts.of_request(made) | {"file": str(out)}, as_json)


@app.command("self-sign")
def self_sign_(
    ca: Authority,
    key: KeyFile,
    out: Out,
    name: CommonName,
    organization: Organization = "",
    zone: ZoneNumber = None,
    days: Annotated[int, typer.Option("--days", min=1, max=36_525)] = 3650,
    path_len: Annotated[
        int | None, typer.Option("--path-len", min=0, max=3, help="authorities allowed below (default: any)")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Found a root authority: its self-signed certificate and its folder 建立根证书机构."""
    _check_target(out)
    now = _now()
    subject = Name.make(name, organization=organization or name, zone=zone)
    made = self_sign(subject, open_signer(key, passphrase_file), Period(now, now + days * DAY), path_len=path_len)
    Registry.create(ca, made, at=now)
    _write(out, made.pem)
    facts.show(facts.of_certificate(made) | {"file": str(out), "ca": str(ca)}, as_json)


@app.command("adopt")
def adopt(
    certificate: Annotated[Path, typer.Argument(help="the certificate that another authority gave 上级签发的证书")],
    ca: Authority,
    above: Annotated[
        list[Path], typer.Option("--above", help="authorities above, the root last 上级证书(根证书在最后)")
    ],
    as_json: AsJson = False,
) -> None:
    """Found an authority below another one: its folder for the certificate it was given 建立下级证书机构."""
    held = read_certificate(certificate)
    Registry.create(ca, held, tuple(read_certificate(path) for path in above), at=_now())
    facts.show(facts.of_certificate(held) | {"ca": str(ca)}, as_json)


@app.command("issue")
def issue(
    request_file: Annotated[Path, typer.Argument(metavar="REQUEST", help="the request 证书申请")],
    ca: Authority,
    key: KeyFile,
    out: Out,
    uscc: Annotated[
        str, typer.Option("--uscc", help="the company that you have checked the requester to be 已核实的代码")
    ] = "",
    authority: Annotated[bool, typer.Option("--authority", help="for an authority below this one 下级机构")] = False,
    path_len: Annotated[int, typer.Option("--path-len", min=0, max=3, help="with --authority")] = 0,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=36_525, help="default: 365, authorities 1825; not beyond the issuer's end"),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Issue a certificate for a request, whose requester you have identified by other means 签发证书."""
    if bool(uscc) == authority:
        raise Malformed("give either --uscc, for a member, or --authority", field="--uscc")
    _check_target(out)
    asked = read_request(request_file)
    registry, signer = Registry.open(ca), open_signer(key, passphrase_file)
    now = _now()
    period = _period(now, days, 1825 if authority else 365, registry.certificate)
    if authority:
        made = registry.issue_authority(signer, asked, period, path_len=path_len)
    else:
        made = registry.issue_member(signer, asked, period, uscc=check_uscc(uscc, "--uscc"))
    _write(out, made.pem)
    facts.show(facts.of_certificate(made) | {"file": str(out)}, as_json)


@app.command("revoke")
def revoke(
    which: Annotated[
        str, typer.Argument(metavar="CERTIFICATE", help="certificate file or serial number (hex) 证书或序列号")
    ],
    ca: Authority,
    reason: Annotated[str, typer.Option("--reason", help=f"one of {', '.join(REASON_CODES)}")] = "unspecified",
    since: Annotated[
        str, typer.Option("--from", help="since when the key is in doubt, if earlier than now 密钥存疑起始时间")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Revoke a certificate; the next list says so 吊销证书."""
    registry = Registry.open(ca)
    path = Path(which)
    serial = read_certificate(path).serial if path.exists() else _serial(which)
    now = _now()
    held = registry.revoke(serial, at=now, reason=reason, invalid_from=parse_moment(since, "--from") if since else None)
    assert held.revocation is not None
    facts.show(facts.of_certificate(held.certificate) | {"revocation": facts.of_revocation(held.revocation)}, as_json)


@app.command("crl")
def crl(
    ca: Authority,
    key: KeyFile,
    out: Out,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="until the next list is due")] = 7,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign the next revocation list (also when nothing was revoked: it says so) 签发吊销列表."""
    now = _now()
    made = Registry.open(ca).sign_list(open_signer(key, passphrase_file), this_update=now, next_update=now + days * DAY)
    _write(out, made.pem, replace=True)
    facts.show(facts.of_list(made) | {"file": str(out)}, as_json)


@app.command("list")
def list_(ca: Authority, as_json: AsJson = False) -> None:
    """List what an authority has issued 列出已签发证书."""
    rows = [
        facts.of_certificate(held.certificate)
        | {"kind": held.kind, "revocation": held.revocation and facts.of_revocation(held.revocation)}
        for held in Registry.open(ca).issued
    ]
    if as_json:
        emit(rows)
        return
    for row in rows:
        state = f"revoked 已吊销 ({row['revocation']['reason']})" if row["revocation"] else f"until {row['notAfter']}"
        typer.echo(f"{row['serial']}  {row['kind']:9}  {row['subject']}  {state}")


@app.command("show")
def show(
    file: Annotated[Path, typer.Argument(help="certificate, request or revocation list")], as_json: AsJson = False
) -> None:
    """Show what a certificate, a request or a revocation list says. Says nothing about trust 查看内容."""
    data = _read(file)
    if b"-----BEGIN X509 CRL-----" in data:
        shown = facts.of_list(RevocationList.from_pem(data))
    elif b"-----BEGIN CERTIFICATE REQUEST-----" in data:
        shown = facts.of_request(CertificateRequest.from_pem(data))
    else:
        shown = facts.of_certificate(read_certificate(file))
    facts.show(shown, as_json)


@app.command("verify")
def verify(
    certificate: Annotated[Path, typer.Argument(help="the certificate 证书")],
    root: Annotated[list[Path], typer.Option("--root", help="trusted root certificate(s) 信任的根证书")],
    crl_files: Annotated[
        list[Path] | None, typer.Option("--crl", help="revocation list of each issuer in the path 吊销列表")
    ] = None,
    intermediate: Annotated[
        list[Path] | None, typer.Option("--intermediate", help="authorities between 中间证书")
    ] = None,
    at: Moment = "",
    authority: Annotated[bool, typer.Option("--authority", help="an authority's certificate, not a member's")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a certificate up to a trusted root, with revocation; refuses unless every step holds 验证证书链."""
    now = _now()
    held = verify_path(
        read_certificate(certificate),
        roots=[held for path in root for held in read_bundle(path, MAX_ROOTS)],
        intermediates=[held for path in intermediate or () for held in read_bundle(path, MAX_INTERMEDIATES)],
        lists=[read_list(path) for path in crl_files or ()],
        at=parse_moment(at, "--at") if at else now,
        checked_at=now,
        of_authority=authority,
    )
    if held.uscc:
        check_uscc(held.uscc, "subject.organizationIdentifier")
    facts.show(facts.of_evidence(held), as_json)


# ---- files and times


def read_certificate(path: Path) -> Certificate:
    """A certificate file, PEM or DER."""
    data = _read(path)
    return Certificate.from_der(data) if data[:1] == b"\x30" else Certificate.from_pem(data)


def read_bundle(path: Path, most: int) -> tuple[Certificate, ...]:
    """A file of several certificates, PEM, or of one, PEM or DER."""
    data = _read(path)
    return (Certificate.from_der(data),) if data[:1] == b"\x30" else Certificate.several_from_pem(data, most)


def read_request(path: Path) -> CertificateRequest:
    """A request file, PEM or DER."""
    data = _read(path)
    return CertificateRequest.from_der(data) if data[:1] == b"\x30" else CertificateRequest.from_pem(data)


def read_list(path: Path) -> RevocationList:
    """A revocation list file, PEM or DER."""
    data = _read(path)
    return RevocationList.from_der(data) if data[:1] == b"\x30" else RevocationList.from_pem(data)


def parse_moment(text: str, field: str) -> int:
    """Unix seconds from digits or ISO 8601 with a time zone; raises Malformed."""
    try:
        if text.isascii() and text.isdigit():
            return int(datetime.fromtimestamp(int(text), UTC).timestamp())
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("a time is Unix seconds or ISO 8601, e.g. 2026-11-24T08:00:00Z", field=field) from error
    if moment.tzinfo is None:
        raise Malformed("a time names its zone, e.g. Z or +08:00", field=field)
    return int(moment.timestamp())


def _serial(text: str) -> int:
    try:
        return int(text.replace(":", ""), 16)
    except ValueError as error:
        raise NotFound(f"there is no certificate file {text}, and it is no serial number") from error


def _period(now: int, days: int | None, usual: int, issuer: Certificate) -> Period:
    """From now for the days asked for; for the usual time when none were, as far as the issuer's own time goes."""
    if days is not None:
        return Period(now, now + days * DAY)
    return Period(now, max(now, min(now + usual * DAY, issuer.not_after)))


def _now() -> int:
    return int(time.time())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2 * MAX_CRL_BYTES + MAX_CERTIFICATE_BYTES)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path.name}") from error
    except OSError as error:
        raise StorageUnavailable(f"cannot read {path.name}: {error.strerror}") from error


def _check_target(path: Path) -> None:
    """Before anything is signed and remembered: that its file can be made."""
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}")
    if path.exists():
        raise Conflict(f"{path.name} exists already", hint="choose another name")


def _write(path: Path, text: str, *, replace: bool = False) -> None:
    write_whole(path, text.encode("ascii"), mode=PUBLIC, replace=replace)
