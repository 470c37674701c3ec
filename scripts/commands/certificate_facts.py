"""What the certificate commands show: one set of facts, as JSON or as readable lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ledger.crypto.certificates.certificate import Certificate
from ledger.crypto.certificates.names import Name, uscc_of
from ledger.crypto.certificates.path import VerifiedCertificate
from ledger.crypto.certificates.request import CertificateRequest
from ledger.crypto.certificates.revocation import Revocation, RevocationList
from ledger.crypto.digest import sm3_text
from ledger.errors import CertificateRejected
from scripts.commands.output import console, emit

LABELS = {
    "subject": "subject 主体",
    "issuer": "issuer 签发者",
    "uscc": "code 统一社会信用代码",
    "zone": "zone 综试区",
    "serial": "serial 序列号",
    "notBefore": "from 生效",
    "notAfter": "until 截止",
    "keyId": "key id 密钥标识",
    "fingerprint": "fingerprint 指纹",
    "revocation": "revoked 已吊销",
    "at": "judged at 判定时间",
    "number": "number 编号",
    "file": "file 文件",
}


def iso(unix: int) -> str:
    """A time as people and programs read it."""
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")


def of_certificate(held: Certificate) -> dict[str, Any]:
    """What a certificate says."""
    extensions = held.extensions
    authority = extensions.authority
    return {
        "subject": str(held.subject),
        "issuer": str(held.issuer),
        "serial": f"{held.serial:x}",
        **_who(held.subject, extensions.codes),
        "notBefore": iso(held.not_before),
        "notAfter": iso(held.not_after),
        "keyId": sm3_text(held.key.key_id),
        "publicKey": held.key.point.hex(),
        "authority": bool(extensions.ca),
        "pathLen": extensions.path_len,
        "usages": sorted(extensions.usages or ()),
        "subjectKeyIdentifier": extensions.subject_key_id and extensions.subject_key_id.hex(),
        "authorityKeyIdentifier": authority and authority.key_id and authority.key_id.hex(),
        "fingerprint": held.fingerprint,
    }


def of_request(asked: CertificateRequest) -> dict[str, Any]:
    """What a request says."""
    return {
        "subject": str(asked.subject),
        **_who(asked.subject, ()),
        "keyId": sm3_text(asked.key.key_id),
        "publicKey": asked.key.point.hex(),
        "extensionsAsked": list(asked.asked),
    }


def of_list(held: RevocationList) -> dict[str, Any]:
    """What a revocation list says."""
    return {
        "issuer": str(held.issuer),
        "number": held.number,
        "thisUpdate": iso(held.this_update),
        "nextUpdate": iso(held.next_update),
        "revoked": [of_revocation(entry) for entry in held.entries.values()],
        "fingerprint": held.fingerprint,
    }


def of_revocation(entry: Revocation) -> dict[str, Any]:
    """One revocation."""
    return {
        "serial": f"{entry.serial:x}",
        "reason": entry.reason,
        "revokedAt": iso(entry.revoked_at),
        "revokedFrom": iso(entry.revoked_from),
    }


def of_evidence(held: VerifiedCertificate) -> dict[str, Any]:
    """What a check of a certificate found."""
    return {
        "verified": True,
        "at": iso(held.at),
        "checkedAt": iso(held.checked_at),
        "subject": str(held.subject),
        "uscc": held.uscc or None,
        "zone": held.zone,
        "keyId": sm3_text(held.key.key_id),
        "publicKey": held.key.point.hex(),
        "path": [
            {"subject": str(one.subject), "serial": f"{one.serial:x}", "fingerprint": one.fingerprint}
            for one in held.path
        ],
        "lists": [
            {
                "issuer": one.issuer,
                "number": one.number,
                "thisUpdate": iso(one.this_update),
                "nextUpdate": iso(one.next_update),
                "fingerprint": one.fingerprint,
            }
            for one in held.lists
        ],
        "revokedLater": [of_revocation(one) for one in held.revoked_later],
    }


def show(facts: dict[str, Any], as_json: bool) -> None:
    """One JSON document, or a line for each fact that is there."""
    if as_json:
        emit(facts)
        return
    for name, value in facts.items():
        if value is None or value == [] or name == "publicKey":
            continue
        if isinstance(value, list) and isinstance(value[0], dict):
            for one in value:
                told = "  ".join(f"{key} {item}" for key, item in one.items())
                console.print(f"{name:22} {told}", markup=False, soft_wrap=True)
            continue
        if isinstance(value, dict):
            value = "  ".join(f"{key} {item}" for key, item in value.items())
        elif isinstance(value, list):
            value = " ".join(map(str, value))
        console.print(f"{LABELS.get(name, name):22} {value}", markup=False, soft_wrap=True)


def _who(subject: Name, codes: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    try:
        return {"uscc": uscc_of(subject, codes), "zone": subject.zone}
    except CertificateRejected:  # an authority without a code, or a subject that `verify` will refuse
        return {"uscc": None, "zone": None}
