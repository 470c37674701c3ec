"""Reports of audits made by hand: the JSON value as an audit leaves it, sound or with findings; a key to sign it."""

from __future__ import annotations

from typing import Any

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.services.audit.findings import KINDS, Findings
from ledger.services.audit.report_file import plain

STARTED = 1_790_000_000
GENESIS = "0x" + "5b" * 32
HASH = "keccak256:" + "ab" * 32
HOSTILE = "<script>alert('x')</script> & \u202eevil\u0007 \U0001f600 龘 %%EOF /ByteRange [0 1 2 3]"


def signer() -> FileSigner:
    """A fresh auditor's key."""
    return FileSigner(PrivateKey.generate())


def sound_facts(**changes: Any) -> dict[str, Any]:
    """A full audit of a small ledger that found nothing."""
    return {
        "format": "originseal-audit/v1",
        "result": "sound",
        "chainId": 20250,
        "genesis": GENESIS,
        "head": 115,
        "startedAt": STARTED,
        "seconds": 12.345,
        "records": 301,
        "mode": "full",
        "from": 0,
        "role": "operator",
        "statement": {"zh": "", "en": ""},
        "findings": [],
        "findingsByKind": {},
        "coverage": {"blocks": 116, "signatures": 114, "storage slots": 1268, "a counter of a later version": 7},
        "notes": [],
        "program": "0.1.0",
        "ledger": {
            "operator": {"zh": "广东源印", "en": "OriginSeal Guangdong"},
            "engine": "embedded",
            "contracts": {"Submissions": "0x" + "11" * 20, "Lots": "0x" + "22" * 20},
            "checkpointKeys": [{"keyId": "sm3:" + "cd" * 32, "name": "operator"}],
        },
        **changes,
    }


def facts_with(*found: tuple[str, str], **changes: Any) -> dict[str, Any]:
    """The same audit with these findings: (kind, where)."""
    findings = Findings("originseal audit --data /srv/secret-place/data")
    for kind, where in found:
        findings.add(kind, where, f"detail of {where}", expected=bytes.fromhex("0badc0de"), number=2**60)
    listed = [finding.to_json() for finding in findings.found]
    more = {"result": "findings", "findings": listed, "findingsByKind": dict(findings.by_kind)}
    made: dict[str, Any] = plain(sound_facts(**more, **changes))
    return made


def many_facts() -> dict[str, Any]:
    """Ten findings of different kinds, one of them with a hostile name."""
    kinds = [
        *[kind for kind in KINDS if kind.startswith("chain.")][:5],
        "payload.record",
        "payload.root",
        "match.verdict",
    ]
    kinds.append("checkpoint.chain")
    places = [(kind, f"block {number}, record 0 of submission {HASH}") for number, kind in enumerate(kinds)]
    return facts_with(*places, ("index.row", HOSTILE))
