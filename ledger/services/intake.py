"""Intake: decide whether a submission from outside may be stored and anchored. Stores nothing itself.

1. the wire form parses; 2. every record commits to what it says (digests, lots, Merkle roots recomputed);
3. each record obeys the rules of its kind and the operations are exactly those the records demand; 4. the SM2
signature verifies under the named key. Every bad record is named, not just the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from ledger.crypto.digest import Digest
from ledger.crypto.sm2 import PublicKey
from ledger.documents.submission import CheckedSubmission, check
from ledger.errors import Malformed, OriginSealError, RecordsRefused
from ledger.services.kinds import demand

KeyLookup = Callable[[bytes], tuple[PublicKey, bytes]]  # key id -> (public key, member id); raises UnknownMember


def check_submission(
    wire: Mapping[str, Any], domain: bytes, lookup: KeyLookup, *, now: int | None = None
) -> CheckedSubmission:
    """Check a submission in wire form that arrives at `now` (Unix seconds; None: at any time).

    Raises Malformed, UnknownMember, SignatureRejected or RecordsRefused.
    """
    key_text = wire.get("keyId") if isinstance(wire, Mapping) else None
    if not isinstance(key_text, str):
        raise Malformed("the id of the signing key is required", field="/keyId")
    public_key, member = lookup(Digest.parse(key_text).value)
    checked = check(wire, domain, public_key, member)
    _check_rules(checked, now)
    return checked


def _check_rules(checked: CheckedSubmission, now: int | None) -> None:
    problems: list[dict[str, Any]] = []
    demanded: Counter[tuple[int, bytes]] = Counter()
    for index, record in enumerate(checked.records):
        try:
            wanted = demand(record, record.payload, now=now)
        except OriginSealError as error:
            problems.append(_problem(index, error))
            continue
        if tuple(record.lots) != wanted.lots:
            problems.append(
                _problem(index, Malformed("the record must name exactly the lots that it speaks of", field="/lots"))
            )
        if wanted.operation is not None:
            demanded[(wanted.operation.kind, wanted.operation.data)] += 1
    if not problems and (demanded or checked.action.operations):
        given = Counter((operation.kind, operation.data) for operation in checked.action.operations)
        for kind, _ in (given - demanded).elements():
            reason = f"operation of kind {kind} is not what the records say"
            problems.append(_problem(None, Malformed(reason, field="/operations")))
        for kind, _ in (demanded - given).elements():
            problems.append(_problem(None, Malformed(f"operation of kind {kind} is missing", field="/operations")))
    if problems:
        raise RecordsRefused(f"{len(problems)} problem(s); nothing was stored", problems)


def _problem(index: int | None, error: OriginSealError) -> dict[str, Any]:
    return {"record": index, "code": error.code, "field": error.field, "reason": error.message}
