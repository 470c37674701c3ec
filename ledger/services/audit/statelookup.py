"""One submission against the contracts' state at the head, for audits that do not carry out the whole history."""

from __future__ import annotations

from ledger.chain.contracts import Deployment
from ledger.crypto.sm2 import PublicKey
from ledger.domain import action as act
from ledger.errors import OriginSealError
from ledger.proof.header import parse_header
from ledger.proof.slots import MEMBERS_KEYS, SUBMISSIONS_USED, mapping_slot
from ledger.services.audit.blocks import ACCEPTED_EVENT, verifies
from ledger.services.audit.findings import Findings
from ledger.services.audit.shadow_types import Emitted, emit, word
from ledger.services.audit.sources import Source
from ledger.services.audit.spans import Seen


class StateLookup:
    """What the contracts' state at the head says of one submission, along paths whose every node has its hash."""

    def __init__(self, source: Source, deployment: Deployment, head: int, findings: Findings) -> None:
        self._source, self._deployment, self._findings = source, deployment, findings
        raw = source.block(head, Findings(""))
        self._root = parse_header(raw.header, "head").state_root if raw is not None else bytes(32)

    def check(self, seen: Seen) -> None:
        """The Accepted event, the nonce's slot, the key's member and point; the signature under that key."""
        accepted, add = seen.accepted, self._findings.add
        action, meta = accepted.call.action, act.Meta.decode(accepted.call.meta)
        said: list[bytes | int] = [action.root, action.count, meta.nonce, seen.digest]
        events: list[Emitted] = []
        indexed = (accepted.submission_id, accepted.member_id, accepted.call.key_id)
        emit(events, "Submissions", ACCEPTED_EVENT, indexed, said)
        door = self._deployment.address("Submissions")
        if not any(log == (door, events[0].topics, events[0].data) for log in seen.logs):
            add("submission.events", accepted.name, "the Accepted event is not the submission's")
        key = mapping_slot(accepted.call.key_id, MEMBERS_KEYS)
        used = mapping_slot(meta.nonce.to_bytes(32, "big"), mapping_slot(accepted.call.key_id, SUBMISSIONS_USED))
        expected = {"nonce": ("Submissions", used, word(accepted.submission_id)),
                    "member of the key": ("Members", key, word(accepted.member_id))}  # fmt: skip
        for what, (contract, slot, value) in expected.items():
            found = self._slot(contract, slot)
            if found != value:
                add("state.value", f"{what} of {accepted.name}", found=f"{found:#x}", expected=f"{value:#x}")
        point = self._slot("Members", key + 1), self._slot("Members", key + 2)
        try:
            public = PublicKey(*point)
        except OriginSealError:
            public = None
        if public is None or public.key_id != accepted.call.key_id:
            add("state.value", f"key of {accepted.name}", "the key on chain is not the signer's")
        elif seen.verified is None:
            message = act.message(act.domain(self._deployment.chain_id, door), seen.digest, accepted.call.meta)
            seen.verified = verifies(public, message, accepted.call.signature)
        self._findings.count("signatures")
        if not seen.verified:
            add("submission.signature", accepted.name)

    def _slot(self, contract: str, slot: int) -> int:
        return self._source.slot(self._deployment.address(contract), self._root, slot)
