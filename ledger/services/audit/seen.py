"""The chain against checkpoints that somebody kept elsewhere: a witness's feed, a page saved in time, a receipt's note.

What an operator signed once, it must still show. Whoever brings such a file catches a chain that was rebuilt from
genesis with valid hashes and fresh checkpoints, which no look at the operator's folder alone can.
"""

from __future__ import annotations

from pathlib import Path

from ledger.errors import Malformed, NotFound, VerificationFailed
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import Anchors
from ledger.proof.cosignature import verify_known
from ledger.proof.note import Note, read_notes
from ledger.services.audit.findings import Findings
from ledger.services.audit.sources import Source
from ledger.services.audit.workfile import hash_of


def check_seen(path: Path, source: Source, anchors: Anchors, findings: Findings) -> None:
    """Every note in the feed at `path` is of this chain: same genesis, genuine signatures, same block at its height.

    Raises NotFound when the file cannot be read. A feed that is malformed, or holds no note at all, is a finding: an
    auditor must not take a comparison for made that was not.
    """
    count = 0
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            for note in read_notes((line.removesuffix("\n") for line in lines), "seen"):
                _check(note, source, anchors, findings)
                count += 1
    except OSError as error:
        raise NotFound(f"{path.name}: {error.strerror}", field="--seen") from error
    except (Malformed, UnicodeDecodeError) as error:
        findings.add("audit.incomplete", f"seen checkpoints after the first {count}", str(error))
    if not count:
        findings.add("audit.incomplete", "seen checkpoints", "the file holds no checkpoint")
    findings.count("checkpoints kept elsewhere", count)


def _check(note: Note, source: Source, anchors: Anchors, findings: Findings) -> None:
    point = note.checkpoint
    where = f"checkpoint {point.height} kept elsewhere"
    try:
        checkpoints.verify(note.signed, anchors.checkpoint_keys)
        verify_known(note.cosignatures, point, anchors.witnesses)
    except VerificationFailed as error:
        findings.add("checkpoint.signature", where, error.message)
        return
    if (point.chain_id, point.genesis) != (anchors.chain_id, anchors.genesis):
        findings.add("chain.other", where, "it is of another chain", found=point.genesis, expected=anchors.genesis)
        return
    found = hash_of(source, point.height) if point.height <= source.head else b""
    if found != point.block:
        what = "the chain has another block" if found else "the chain ends below a height that was signed"
        findings.add("checkpoint.chain", where, what, found=found, expected=point.block)
