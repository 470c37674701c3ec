"""The replica's public records: fetched from the source, verified against the replica's own chain, kept, served again.

What is kept was signed by its author: 1. shown fields and commitments give each record's digest, and the record is its
submission's author's; 2. the digests, in order, give the Merkle root in the calldata that the contract accepted; 3.
for every lot, the records that name it are exactly those of the signed lot entry. So a source can withhold records or
say that one was erased, but it cannot change, add, swap or hide one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ledger.chain.reader import ChainReader, Event
from ledger.crypto.digest import keccak256_text, parse_sm3
from ledger.crypto.keccak import keccak256
from ledger.documents.disclosure import Disclosure, entirely_public
from ledger.domain.action import Action, decode_submit_calldata, lot_entries
from ledger.domain.ids import lot_id
from ledger.errors import Malformed, NotFound, StorageUnavailable, Unavailable, Untrusted, VerificationFailed
from ledger.merkle.tree import merkle_root
from ledger.proof.transaction import parse_transaction
from ledger.services.public_records import PublicRecord
from ledger.services.replica.kept import HELD, MISSING, REFUSED, Kept
from ledger.services.replica.source import Source

ACCEPTED = keccak256(b"Accepted(bytes32,bytes32,bytes32,bytes32,uint32,uint64,bytes32)")
FETCHED_AT_ONCE = 200  # submissions per poll
RECHECKED_AT_ONCE = 20  # held ones asked for again per poll, the longest unasked first: this is how erasures arrive
SCANNED_AT_ONCE = 2_000  # blocks looked through in one transaction
RETRY_AFTER = 60  # seconds before a submission that was not given, or was refused, is asked for again
MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class Taken:
    """What one round of fetching did: submissions now held, not given by the source, refused; and whether more could be
    had at once."""

    held: int = 0
    missing: int = 0
    refused: int = 0
    reason: str = ""
    more: bool = False


class Holdings:
    """Public records over the replica's store; a `ledger.services.public_records.Records`."""

    def __init__(self, chain: ChainReader, kept: Kept, clock: Callable[[], float] = time.time) -> None:
        self._chain = chain
        self._kept = kept
        self._clock = clock

    def of(self, submission_id: bytes) -> tuple[PublicRecord, ...]:
        """See `Records.of`."""
        try:
            return self._kept.records(submission_id)
        except NotFound as error:
            raise StorageUnavailable(error.message, hint="wait until the replica has fetched them") from error

    def look(self, head: int, stopped: Callable[[], bool]) -> None:
        """Note every submission that our own chain accepted, up to block `head`."""
        first = int(self._kept.meta("scanned", -1)) + 1
        while first <= head and not stopped():
            last = min(first + SCANNED_AT_ONCE - 1, head)
            found = [
                (event.args["submissionId"], event.block, event.transaction_index)
                for event in self._chain.iter_events(first, last, ["0x" + ACCEPTED.hex()])
                if event.contract == "Submissions"
            ]
            self._kept.add_submissions(found, last)
            first = last + 1

    def fetch(self, source: Source, stopped: Callable[[], bool]) -> Taken:
        """Fetch and verify what is missing, and ask again for a few that are held."""
        now, held, missing, refused, reason = int(self._clock()), 0, 0, 0, ""
        wanted = [
            (each, state)
            for state, limit in ((MISSING, FETCHED_AT_ONCE), (REFUSED, RECHECKED_AT_ONCE), (HELD, RECHECKED_AT_ONCE))
            for each in self._kept.submissions(state, limit, before=now - RETRY_AFTER)
        ]
        for (submission_id, block, position), state in wanted:
            if stopped():
                break
            try:
                records = self.verified(source.records(submission_id), submission_id, block, position)
            except (NotFound, Unavailable) as error:
                missing += state != HELD
                self._kept.asked(submission_id, state, error.message[:MAX_REASON], now)
                if isinstance(error, Unavailable):
                    break
            except Untrusted as error:
                refused += 1
                reason = f"{keccak256_text(submission_id)}: {error.message}"
                # What is held was verified and stays: a source that now lies changes nothing here.
                self._kept.asked(submission_id, HELD if state == HELD else REFUSED, error.message[:MAX_REASON], now)
            else:
                held += 1
                self._kept.put_records(submission_id, records, now, named_lots(records))
        full = sum(state == MISSING for _, state in wanted) == FETCHED_AT_ONCE
        return Taken(held, missing, refused, reason, full and missing == 0)

    def verified(self, value: Any, submission_id: bytes, block: int, position: int) -> tuple[PublicRecord, ...]:
        """The records in the JSON `value`, checked against our own chain. Raises Untrusted."""
        event = self._accepted(submission_id, block)
        calldata = parse_transaction(self._chain.raw_transactions(block)[position]).data
        action = decode_submit_calldata(calldata).action
        records = parse(value, submission_id, event.args["memberId"])
        check(records, action)
        return records

    def _accepted(self, submission_id: bytes, block: int) -> Event:
        topics = ["0x" + ACCEPTED.hex(), "0x" + submission_id.hex()]
        for event in self._chain.iter_events(block, block, topics):
            if event.contract == "Submissions":
                return event
        raise VerificationFailed("our own chain did not accept this submission", step="submission")


def named_lots(records: Iterable[PublicRecord]) -> list[tuple[bytes, str, str]]:
    """(lot id, GTIN, lot code) of every lot whose origin is among `records`: the id must be theirs."""
    found = []
    for record in records:
        if record.body is None or record.body["kind"] != "lot.origin":
            continue
        shown = {tuple(each["path"]): each["value"] for each in record.body["fields"] if "path" in each}
        gtin, lot = shown.get(("gtin",)), shown.get(("lot",))
        if isinstance(gtin, str) and isinstance(lot, str) and (identity := lot_id(gtin, lot)) in record.lots:
            found.append((identity, gtin, lot))
    return found


def check(records: tuple[PublicRecord, ...], action: Action) -> None:
    """Refuse records that are not exactly those of the signed action. Raises VerificationFailed."""
    if len(records) != action.count:
        raise VerificationFailed(f"{action.count} records were signed, {len(records)} are given", step="count")
    if merkle_root([record.digest for record in records]) != action.root:
        raise VerificationFailed("the digests do not give the signed root", step="root")
    entries = {entry.lot_id: (entry.count, entry.root) for entry in action.lots}
    named = lot_entries((record.digest, record.lots) for record in records)
    if {lot: (len(digests), merkle_root(digests)) for lot, digests in named.items()} != entries:
        raise VerificationFailed("the records do not name the lots that were signed", step="lots")


def parse(value: Any, submission_id: bytes, author: bytes) -> tuple[PublicRecord, ...]:
    """The records in the JSON form of `public_records.published`, each verified by itself. Raises Untrusted."""
    if not isinstance(value, dict) or set(value) != {"submissionId", "records"}:
        raise Malformed("public records have submissionId and records", field="")
    if value["submissionId"] != keccak256_text(submission_id):
        raise Malformed("the records of another submission", field="/submissionId")
    if not isinstance(value["records"], list):
        raise Malformed("records is an array", field="/records")
    return tuple(_record(item, author, f"/records/{at}") for at, item in enumerate(value["records"]))


def _record(item: Any, author: bytes, field: str) -> PublicRecord:
    if not isinstance(item, dict) or set(item) not in ({"digest", "lots", "record"}, {"digest", "lots", "erased"}):
        raise Malformed("a record has digest, lots, and record or erased", field=field)
    digest = parse_sm3(item["digest"], field=f"{field}/digest")
    if not isinstance(item["lots"], list):
        raise Malformed("lots is an array", field=f"{field}/lots")
    lots = tuple(parse_sm3(lot, field=f"{field}/lots/{at}") for at, lot in enumerate(item["lots"]))
    if list(lots) != sorted(set(lots)):
        raise Malformed("lots are in ascending order, each once", field=f"{field}/lots")
    if "erased" in item:
        if item["erased"] is not True:
            raise Malformed("erased is true", field=f"{field}/erased")
        return PublicRecord(digest, lots, None, erased=True)
    if item["record"] is None:
        if lots:
            raise VerificationFailed("a record that names a lot is withheld", step="record", field=f"{field}/record")
        return PublicRecord(digest, (), None)
    disclosure = Disclosure.from_json(item["record"])
    if (disclosure.digest, disclosure.lots) != (digest, lots):
        raise VerificationFailed("digest or lots differ from the record's own", step="record", field=field)
    if disclosure.author != author:
        raise VerificationFailed("the record is another member's", step="author", field=field)
    if disclosure.verify().withheld and entirely_public(disclosure.kind):
        raise VerificationFailed("public fields of the record are withheld", step="record", field=f"{field}/record")
    return PublicRecord(digest, lots, disclosure.to_json())
