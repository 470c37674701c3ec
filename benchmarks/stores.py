"""The two stores: keeping records, reading them back, projecting the read model, answering for one lot."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.floors import D
from benchmarks.harness import Floors, Result, compared, cpu_seconds
from benchmarks.intake import DOMAIN, GTIN, MEMBER, Signer, event
from ledger.chain.reader import Event
from ledger.documents.statement import commit
from ledger.documents.submission import CheckedSubmission, build, check
from ledger.domain.ids import lot_id
from ledger.index.changes import Change
from ledger.index.model import Cursor, ReadModel
from ledger.index.projector import Happening, project
from ledger.index.queries import Queries
from ledger.vault import Vault, open_engine

SUBMISSIONS, RECORDS = 40, 100
LOT = lot_id(GTIN, "L1")
PAGE_ROUNDS = 100


def run(floors: Floors) -> Iterator[Result]:
    items = _submissions()
    total = SUBMISSIONS * RECORDS
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for n in range(3):
            vault = Vault(open_engine(Path(folder) / f"ledger{n}.sqlite"), bytes(16))

            def keep(vault: Vault = vault) -> None:
                with vault.transaction() as connection:
                    vault.store_many(connection, items, 1_764_000_000)

            seconds.append(cpu_seconds(keep))
        kept = Path(folder) / "ledger2.sqlite"
        vault.scrub()
        yield compared("payload store, encrypt and keep", total / min(seconds), floors, D, None, unit="records/cpu-s")
        yield Result("payload store, size", kept.stat().st_size / total, "bytes/record")
        read = min(cpu_seconds(lambda: sum(len(rows) for _, rows in vault.everything())) for _ in range(3))
        yield compared("payload store, read and decrypt", total / read, floors, D, None, unit="records/cpu-s")
        rows = dict((stored.submission_id, found) for stored, found in vault.everything())
        model = ReadModel.open(Path(folder) / "index.sqlite")

        def fill() -> None:
            model.clear()
            changes: list[Change] = []
            for block, each in enumerate(items, 1):
                changes += project(Happening(_events(each, block), 1_764_000_000, rows[each.submission_id]))
            assert model.apply(changes, None, Cursor("bench", SUBMISSIONS, bytes(32), 0))

        projected = min(cpu_seconds(fill) for _ in range(3))
        yield compared("read model, project", total / projected, floors, D, None, unit="records/cpu-s")
        yield from _answers(model)
        model.close()
        vault.engine.dispose()


def _answers(model: ReadModel) -> Iterator[Result]:
    queries = Queries(model)

    def ask() -> None:
        for _ in range(PAGE_ROUNDS):
            queries.lots(limit=50)

    def version() -> None:
        for _ in range(PAGE_ROUNDS * 10):
            model.version()

    yield Result("read model, page of lots", min(cpu_seconds(ask) for _ in range(3)) / PAGE_ROUNDS * 1e6, "µs cpu")
    yield Result("read model, version", min(cpu_seconds(version) for _ in range(3)) / PAGE_ROUNDS * 1e5, "µs cpu")


def _submissions() -> list[CheckedSubmission]:
    signer, found = Signer(), []
    for n in range(SUBMISSIONS):
        said = [commit("epcis.event", MEMBER, [LOT], event(f"{n}-{i}")) for i in range(RECORDS)]
        signed = build(said, [], signer, DOMAIN, nonce=n, expiry=1_900_000_000)
        found.append(check(signed, DOMAIN, signer.public, MEMBER))
    return found


def _events(each: CheckedSubmission, block: int) -> tuple[Event, ...]:
    """The events that the contracts emit for such a submission."""
    (entry,) = each.action.lots
    accepted = {
        "submissionId": each.submission_id, "memberId": MEMBER, "keyId": each.key_id, "root": each.action.root,
        "count": each.action.count, "nonce": each.meta.nonce, "actionDigest": each.action.digest,
    }  # fmt: skip
    extended = {
        "lotId": LOT, "submissionId": each.submission_id, "root": entry.root, "count": entry.count,
        "head": each.submission_id, "total": block * RECORDS,
    }  # fmt: skip
    place = (block, bytes(32), each.submission_id, 0)
    first = Event("Submissions", "Accepted", accepted, *place, 0)
    found = (first, Event("Lots", "LotExtended", extended, *place, 1))
    if block > 1:
        return found
    registered = {
        "lotId": LOT, "memberId": MEMBER, "submissionId": each.submission_id, "originDigest": bytes(32),
        "quantity": 10**9, "unit": 1,
    }  # fmt: skip
    admitted = {
        "memberId": MEMBER, "by": MEMBER, "submissionId": each.submission_id, "roles": 1, "zone": 6, "custodial": False,
    }  # fmt: skip
    return (
        first,
        Event("Members", "MemberAdmitted", admitted, *place, 2),
        Event("Lots", "LotRegistered", registered, *place, 3),
        Event("Lots", "LotExtended", extended, *place, 4),
    )
