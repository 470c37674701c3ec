"""The part of the walk that needs what came before: every submission carried out again, in the order of the chain.

Takes what workers say of one range of blocks after the other. For each accepted submission: 1 the shadow of the
contracts accepts it too, 2 the receipt's events are exactly the ones it causes, 3 the key that its signature was
verified with is the one registered. At the head: 4 the contracts' code is this release's and 5 their storage is exactly
the shadow's, compared slot by slot in the order of the trie.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.chain.contracts import Deployment
from ledger.domain import action as act
from ledger.errors import OriginSealError
from ledger.services.audit.blocks import verifies
from ledger.services.audit.findings import Findings
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.shadow_state import KeptShadow
from ledger.services.audit.shadow_types import Emitted, Violation
from ledger.services.audit.sources import Source, hashed
from ledger.services.audit.spans import Accepted, Creation, Logs, Seen, Span

__all__ = ["Accepted", "History"]


class History:
    """One walk. Use `follow` for each range in order, then `check_state`; `save` makes a point to go on from."""

    def __init__(self, deployment: Deployment, findings: Findings, scratch: Scratch) -> None:
        self.findings = findings
        self._deployment = deployment
        self._scratch = scratch
        self._names = {c.address: c.name for c in deployment.contracts}
        self._domain = act.domain(deployment.chain_id, deployment.address("Submissions"))
        self._kept = KeptShadow(scratch.db, self._domain)
        self.shadow = self._kept.shadow

    @property
    def founders(self) -> list[tuple[bytes, int]]:
        """Member id and zone of the genesis authorities."""
        return [(bytes.fromhex(member), zone) for member, zone in self._scratch.get("founders", [])]

    @property
    def first_blocks(self) -> list[int]:
        """The blocks in which the first contract of a deployment was created."""
        return [int(number) for number in self._scratch.get("first blocks", [])]

    def follow(self, span: Span) -> None:
        """Carry out the submissions of the next range."""
        self.findings.merge(span.findings, span.unlisted, span.coverage)
        self._scratch.add_headers(span.headers)
        self._scratch.add_reached(span.first, span.nodes)
        if span.first_blocks:
            self._scratch.put("first blocks", self.first_blocks + span.first_blocks)
        rows = []
        for step in span.steps:
            if isinstance(step, Creation):
                self._creation(step)
                continue
            self._submission(step)
            self._kept.trim()
            a = step.accepted
            place = (a.block, a.block_hash, a.time, a.index, a.transaction_hash)
            rows.append((a.submission_id, *place, step.checked.verdict))
        self._scratch.add_accepted(rows)

    def save(self) -> None:
        """Write everything into the work file."""
        self._kept.flush()
        self._scratch.commit()

    def _creation(self, step: Creation) -> None:
        if step.problem:
            self.findings.add("submission.rule", step.where, step.problem)
            return
        authorities = list(step.authorities)
        self._scratch.put("founders", [(member.hex(), zone) for member, zone, _, _ in authorities])
        try:
            self._compare(self.shadow.found(authorities, step.threshold, step.time), step.logs, step.where)
        except Violation as error:
            self.findings.add("submission.rule", step.where, str(error))

    def _submission(self, seen: Seen) -> None:
        accepted, call = seen.accepted, seen.accepted.call
        self.findings.count("submissions")
        public = None
        try:
            applied = self.shadow.apply(call, accepted.time, seen.digest)
            public = applied.key
            self._compare(list(applied.events), seen.logs, accepted.name)
        except Violation as violation:
            self.findings.add("submission.rule", accepted.name, str(violation), block=accepted.block)
            known = self.shadow.people.keys.get(call.key_id)
            public = None if known is None else known.public
        if public is None:
            return
        self.findings.count("signatures")
        verified = seen.verified
        if verified is None:  # the chain file's events did not give the key: the shadow knows it
            verified = verifies(public, act.message(self._domain, seen.digest, call.meta), call.signature)
        if not verified:
            self.findings.add("submission.signature", accepted.name)

    def _compare(self, expected: list[Emitted], logs: Logs, where: str) -> None:
        said = [Emitted(self._names.get(address, "?"), topics, data) for address, topics, data in logs]
        if said != expected:
            at = next((i for i, pair in enumerate(zip(said, expected, strict=False)) if pair[0] != pair[1]), len(said))
            self.findings.add("submission.events", where, f"event {at} of {len(said)}, {len(expected)} expected")

    # ------------------------------------------------------------------------------------------------ state

    def check_state(self, source: Source, head: int) -> None:
        """The contracts at the head: code and every storage slot."""
        header = self._scratch.header(head)
        if header is None:
            self.findings.add("audit.incomplete", f"block {head}", "the head cannot be read")
            return
        self._expect()
        for deployed in self._deployment.contracts:
            slots = self._scratch.db.cursor().execute(
                "SELECT key, slot FROM expected WHERE contract=? ORDER BY key", (deployed.name,)
            )
            state = source.contract(deployed.address, header[1], slots, self.findings)
            if state is None:
                continue
            if state.code_hash != deployed.code_hash:
                self.findings.add("chain.code", f"contract {deployed.name}", found=state.code_hash)
            try:
                self._slots(deployed.name, state.storage)
            except OriginSealError as error:
                self.findings.add("state.value", f"contract 0x{deployed.address.hex()}", error.message)
        self._scratch.db.execute("DELETE FROM expected")

    def _expect(self) -> None:
        """Every slot that the history gives, in the order in which a trie holds them."""
        self._kept.flush()
        self._scratch.db.execute("DELETE FROM expected")
        self._scratch.db.executemany(
            "INSERT INTO expected VALUES (?,?,?,?,?)",
            (
                (contract, hashed(slot), slot.to_bytes(32, "big"), value.to_bytes(32, "big"), label)
                for contract, slot, value, label in self.shadow.slots()
            ),
        )

    def _slots(self, contract: str, storage: Iterator[tuple[bytes, int]]) -> None:
        wanted = self._scratch.db.cursor().execute(
            "SELECT key, value, label FROM expected WHERE contract=? ORDER BY key", (contract,)
        )
        add, count = self.findings.add, 0
        row = wanted.fetchone()
        for key, value in storage:
            count += 1
            while row is not None and row[0] < key:
                self._differs(contract, row[2], 0, row[1])
                row = wanted.fetchone()
            if row is None or row[0] != key:
                add("state.unknown", f"{contract}: slot hash {key.hex()}")
                continue
            if value != int.from_bytes(row[1], "big"):
                self._differs(contract, row[2], value, row[1])
            row = wanted.fetchone()
        while row is not None:
            self._differs(contract, row[2], 0, row[1])
            row = wanted.fetchone()
        self.findings.count("storage slots", count)

    def _differs(self, contract: str, label: str, found: int, expected: bytes) -> None:
        value = int.from_bytes(expected, "big")
        self.findings.add("state.value", f"{contract}: {label}", found=f"{found:#x}", expected=f"{value:#x}")
