"""A replica's own store: does it open, and has the replica refused anything?"""

from __future__ import annotations

from ledger.services.doctor.case import Case, Found, failed, ok, skipped, warning
from ledger.services.replica.kept import Kept
from ledger.services.replica.refusals import Refusal


def replica(case: Case) -> Found:
    if not case.replica:
        return skipped("not a replica")
    path = case.data / "replica.sqlite"
    if not path.exists():
        return failed("replica.sqlite is missing")
    kept = Kept(path, read_only=True)
    case.to_close.append(kept.close)
    refusal = kept.meta("refusal")
    if refusal is not None:
        known = Refusal.from_json(refusal)
        return failed(f"{known.zh} {known.en} ({known.detail}; DATA/evidence/{known.evidence})")
    newest = kept.newest_checkpoint(agreed=True)
    if newest is None:
        return warning("no checkpoint of the source was compared yet")
    return ok(f"checkpoint {newest.checkpoint.height} of the source is this chain's")
