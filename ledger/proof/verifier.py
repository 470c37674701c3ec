"""The argument that a bundle holds: from anchors got elsewhere to “this is the lot's complete history”.

Each step uses only what the steps before it established. The code blocks below carry the same numbers.

  1 anchors       The bundle speaks of the chain (id, genesis) and the contracts that the anchors name.
                  Without anchors, chain, contracts and checkpoint keys are the bundle's own claim: ASSUMED.
  2 checkpoint    A trusted checkpoint key signed the checkpoint of the state, and it is of that chain. The known
                  witnesses named beside it did co-sign it, and are as many as wanted.
  3 header        The header has the hash, height, time and state root that the checkpoint states.
  4 contracts     Under that state root every contract has its anchored code: what follows was enforced by that code.
  5 state         Under the contracts' storage roots: the lot, each author's key and standing, each submission's nonce.
                  Exactly the slots that the argument needs, no more.
  6 blocks        Every submission's header belongs to a block with a checkpoint of the same chain, in order.
  7 transactions  In that block's transaction root: a call of Submissions with exactly this key, action, meta and
                  signature.
  8 receipts      In that block's receipt root, at the same place: success, and Submissions said Accepted for exactly
                  this submission; and it still holds that id under the key and nonce.
  9 signatures    The author's SM2 key signed the message over domain, action and meta.
 10 members       That key belongs to the named member, in the state and at the time of the block.
 11 records       Fields and commitments lead to each record's digest. (Of an erased record only the digest is left.)
 12 inclusion     Each record stands in its submission's signed root, once, is its author's and names this lot.
 13 entries       In each submission ALL records that name the lot are listed: the signed root and count for the lot.
 14 completeness  Folding the entries gives the head, the totals and the number of entries that the chain holds: no
                  submission about the lot is missing, added, changed or out of order.
 15 origin        The lot's id is that of its GTIN and lot code, and its first submission registered it with exactly
                  the origin record that is listed.

What the argument does not show: that records are true, that the goods are in the box, or what withheld fields say.
Where the server keeps a member's key (custodial), a signature shows the server's act, not the member's.
"""

from __future__ import annotations

from ledger.crypto.keccak import keccak256
from ledger.domain import action as actions
from ledger.domain.abi import decode_fields
from ledger.domain.ids import lot_id
from ledger.errors import OriginSealError, SignatureRejected, Unavailable, Untrusted, VerificationFailed
from ledger.merkle.proof import verify_inclusion
from ledger.merkle.tree import merkle_root
from ledger.proof import checkpoint as checkpoints
from ledger.proof import slots, trie
from ledger.proof.anchors import CONTRACTS
from ledger.proof.cosignature import vouch
from ledger.proof.records import check_record
from ledger.proof.report import STEPS, Assumption, Report, StepResult, Verified, VerifiedRecord
from ledger.proof.transaction import STATUS_SUCCESS, parse_receipt, parse_transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.domain.action import LotEntry
    from ledger.proof.anchors import Anchors, CheckpointKey
    from ledger.proof.bundle import Bundle, BundledSubmission
    from ledger.proof.checkpoint import SignedCheckpoint
    from ledger.proof.cosignature import Vouched
    from ledger.proof.header import Header
    from ledger.proof.slots import KeyState, LotStateWords, MemberState
    from ledger.proof.trie import Account

REGISTER_LOT = 1
REGISTER_LOT_FIELDS = (
    ("lotId", "bytes32"), ("originDigest", "bytes32"), ("quantity", "uint128"), ("unit", "uint8"), ("parents", "lots"),
)  # fmt: skip
ORIGIN_KIND = "lot.origin"
ACCEPTED = keccak256(b"Accepted(bytes32,bytes32,bytes32,bytes32,uint32,uint64,bytes32)")


def verify(bundle: Bundle, anchors: Anchors | None, witnesses: int = 0) -> Verified:
    """Evidence that the bundle holds (under `.assumptions` without anchors); `witnesses` as for `argue`.

    Raises VerificationFailed whose `step` names the first step that does not hold.
    """
    report = argue(bundle, anchors, witnesses)
    if report.verified is None:
        failed = next(step for step in report.steps if step.outcome == "failed")
        raise VerificationFailed(failed.reason, step=failed.id, field=failed.field)
    return report.verified


def argue(bundle: Bundle, anchors: Anchors | None, witnesses: int = 0) -> Report:
    """The whole argument, up to the first step that does not hold; `witnesses` agencies must have co-signed the state
    (where the anchors want more: as many as they want). Raises only Unavailable."""
    case = _Case(bundle, anchors, witnesses)
    results: list[StepResult] = []
    failed = False
    for number, (name, zh, en) in enumerate(STEPS, 1):
        outcome, reason, field = "not-reached", "", ""
        if not failed:
            try:
                outcome = getattr(case, f"step_{name}")() or "ok"
            except Unavailable:
                raise
            except OriginSealError as error:
                if not isinstance(error, (Untrusted, SignatureRejected)):
                    raise
                failed, outcome, reason, field = True, "failed", error.message, error.field or ""
        results.append(StepResult(number, name, zh, en, outcome, reason, field))
    return Report(bundle.lot, tuple(results), tuple(case.assumptions), None if failed else case.conclusion())


class _Case:
    """The state of one argument: what has been established so far. One method per step."""

    def __init__(self, bundle: Bundle, anchors: Anchors | None, witnesses: int = 0) -> None:
        self.bundle = bundle
        self.anchors = anchors
        self.witnesses = witnesses
        self.assumptions: list[Assumption] = []
        self.keys: dict[bytes, CheckpointKey] = {}
        self.genesis = b""
        self.accounts: dict[str, Account] = {}
        self.blocks: list[Header] = []
        self.members: dict[bytes, MemberState] = {}
        self.member_keys: dict[bytes, KeyState] = {}
        self.entries: list[LotEntry] = []
        self.header: Header
        self.lot: LotStateWords
        self.vouched: Vouched
        self._checked: dict[SignedCheckpoint, None] = {}

    # 1
    def step_anchors(self) -> str:
        bundle, anchors = self.bundle, self.anchors
        if anchors is None:
            self.genesis = bundle.checkpoint.checkpoint.genesis
            self.keys = bundle.checkpoint_keys
            self.assumptions = Assumption.of_claims(bundle, self.genesis)
            return "assumed"
        self.genesis, self.keys = anchors.genesis, anchors.checkpoint_keys
        if bundle.chain_id != anchors.chain_id:
            raise VerificationFailed(f"the anchors are of chain {anchors.chain_id}", field="/chainId")
        for name in CONTRACTS:
            if bundle.contracts[name] != anchors.contracts[name].address:
                raise VerificationFailed("this is not the anchored contract", field=f"/contracts/{name}")
        return "ok"

    # 2
    def step_checkpoint(self) -> None:
        self._check_checkpoint(self.bundle.checkpoint, "/state/checkpoint")
        point, given = self.bundle.checkpoint.checkpoint, self.bundle.cosignatures
        self.vouched = vouch(given, point, self.anchors, self.witnesses, "/state/cosignatures")

    # 3
    def step_header(self) -> None:
        self.header = checkpoints.header_of(self.bundle.checkpoint, self.bundle.header, "/state/header")

    # 4
    def step_contracts(self) -> str:
        for name in CONTRACTS:
            where = f"/state/accounts/{name}"
            proven = self.bundle.accounts[name]
            if proven.address != self.bundle.contracts[name]:
                raise VerificationFailed("this is the account of another contract", field=f"{where}/address")
            account = trie.prove_account(self.header.state_root, proven.address, proven.proof, f"{where}/proof")
            if self.anchors is None:
                self.assumptions.append(Assumption.of_code(name, account.code_hash))
            elif account.code_hash != self.anchors.contracts[name].code_hash:
                raise VerificationFailed("the contract's code is not the anchored code", field=where)
            if account.code_hash == trie.EMPTY_CODE:
                raise VerificationFailed("there is no contract at this address", field=where)
            self.accounts[name] = account
        return "assumed" if self.anchors is None else "ok"

    # 5
    def step_state(self) -> None:
        bundle = self.bundle
        lot_at = slots.lot_slots(bundle.lot.id)
        key_ids = dict.fromkeys(submission.key.key_id for submission in bundle.submissions)
        member_ids = dict.fromkeys(submission.member_id for submission in bundle.submissions)
        keys_at = {key_id: slots.key_slots(key_id) for key_id in key_ids}
        members_at = {member: slots.member_slots(member) for member in member_ids}
        nonces_at = [slots.submission_slot(s.key.key_id, s.nonce) for s in bundle.submissions]
        in_members = [slot for at in members_at.values() for slot in at]
        in_members += [s for at in keys_at.values() for word, s in enumerate(at) if word != slots.KEY_MIDSTATE_WORD]
        lots = self._storage("Lots", lot_at)
        members = self._storage("Members", in_members)
        used = self._storage("Submissions", nonces_at)
        for name in ("Trades", "SM2Verifier", "SM3Hasher"):
            self._storage(name, ())
        self.lot = slots.read_lot([lots[slot] for slot in lot_at])
        if not self.lot.registered_at:
            raise VerificationFailed("the chain does not know this lot", field="/lot/id")
        for member, at in members_at.items():
            self.members[member] = slots.read_member([members[slot] for slot in at])
        for key_id, at in keys_at.items():
            self.member_keys[key_id] = slots.read_key([members.get(slot, 0) for slot in at])
        for at_, (slot, submission) in enumerate(zip(nonces_at, bundle.submissions, strict=True)):
            if used[slot].to_bytes(32, "big") != submission.id:
                raise VerificationFailed("the chain holds another submission here", field=f"/submissions/{at_}/id")

    # 6
    def step_blocks(self) -> None:
        previous = (-1, -1)
        for where, submission in self._submissions():
            self._check_checkpoint(submission.checkpoint, f"{where}/checkpoint")
            block = checkpoints.header_of(submission.checkpoint, submission.header, f"{where}/header")
            if (block.number, submission.index) <= previous:
                raise VerificationFailed("the submissions are not in the order of their blocks", field=where)
            if block.number > self.header.number or (block.number == self.header.number) != (
                block.hash == self.header.hash
            ):
                raise VerificationFailed("the block is not one of those before the state", field=f"{where}/header")
            previous = (block.number, submission.index)
            self.blocks.append(block)

    # 7
    def step_transactions(self) -> None:
        door = self.bundle.contracts["Submissions"]
        for (where, submission), block in zip(self._submissions(), self.blocks, strict=True):
            field, sent = f"{where}/transaction", submission.transaction
            trie.check_indexed(block.transactions_root, submission.index, sent.raw, sent.proof, field)
            transaction = parse_transaction(sent.raw, f"{field}/raw")
            if transaction.to != door:
                raise VerificationFailed("the transaction does not call Submissions", field=f"{field}/raw")
            call = actions.decode_submit_calldata(transaction.data)
            if (call.key_id, call.action, call.meta, call.signature) != (
                submission.key.key_id, submission.action, submission.meta, submission.signature,
            ):  # fmt: skip
                raise VerificationFailed("the transaction carries another submission", field=f"{field}/raw")

    # 8
    def step_receipts(self) -> None:
        door = self.bundle.contracts["Submissions"]
        for (where, submission), block in zip(self._submissions(), self.blocks, strict=True):
            field, got = f"{where}/receipt", submission.receipt
            trie.check_indexed(block.receipts_root, submission.index, got.raw, got.proof, field)
            receipt = parse_receipt(got.raw, f"{field}/raw")
            if receipt.status != STATUS_SUCCESS:
                raise VerificationFailed("the transaction was reverted", field=f"{field}/raw")
            said = [log for log in receipt.logs if log.address == door and log.topics[:1] == (ACCEPTED,)]
            action = submission.action
            topics = (ACCEPTED, submission.id, submission.member_id, submission.key.key_id)
            words = (action.root, action.count, submission.nonce, action.digest)
            data = b"".join(word if isinstance(word, bytes) else word.to_bytes(32, "big") for word in words)
            if len(said) != 1 or said[0].topics != topics or said[0].data != data:
                raise VerificationFailed("Submissions did not say that it accepted this", field=f"{field}/raw")

    # 9
    def step_signatures(self) -> None:
        domain = actions.domain(self.bundle.chain_id, self.bundle.contracts["Submissions"])
        for where, submission in self._submissions():
            digest = submission.action.digest
            if actions.submission_id(submission.key.key_id, submission.nonce, digest) != submission.id:
                raise VerificationFailed("the id is not that of key, nonce and action", field=f"{where}/id")
            message = actions.message(domain, digest, submission.meta)
            try:
                submission.key.public.verify(message, submission.signature)
            except SignatureRejected as error:
                raise VerificationFailed(
                    "the author's SM2 signature does not verify", field=f"{where}/signature"
                ) from error

    # 10
    def step_members(self) -> None:
        for (where, submission), block in zip(self._submissions(), self.blocks, strict=True):
            field = f"{where}/key"
            key, member = self.member_keys[submission.key.key_id], self.members[submission.member_id]
            if key.member_id != submission.member_id:
                raise VerificationFailed("the key belongs to another member", field=f"{field}/memberId")
            if (key.x, key.y) != (submission.key.public.x, submission.key.public.y):
                raise VerificationFailed("the chain holds another public key", field=f"{field}/publicKey")
            if key.custodial != submission.custodial:
                raise VerificationFailed("the chain says otherwise who keeps this key", field=f"{field}/custodial")
            if not member.standing or not member.since <= block.time:
                raise VerificationFailed("the author was not a member at that time", field=f"{field}/memberId")
            if not 0 < key.since <= block.time or 0 < key.revoked_at < block.time:
                raise VerificationFailed("the key was not valid at that time", field=f"{field}/keyId")

    # 11
    def step_records(self) -> None:
        for where, submission in self._submissions():
            for at, record in enumerate(submission.records):
                if not record.erased:
                    check_record(record, f"{where}/records/{at}")

    # 12
    def step_inclusion(self) -> None:
        lot = self.bundle.lot.id
        for where, submission in self._submissions():
            previous = -1
            for at, record in enumerate(submission.records):
                field = f"{where}/records/{at}"
                if not record.erased and record.author != submission.member_id:
                    raise VerificationFailed("the record is another member's", field=f"{field}/author")
                if not record.erased and lot not in record.lots:
                    raise VerificationFailed("the record does not name the lot", field=f"{field}/lots")
                if record.inclusion.size != submission.action.count:
                    raise VerificationFailed("the submission has another size", field=f"{field}/inclusion/size")
                if record.inclusion.index <= previous:
                    raise VerificationFailed(
                        "the records are not in submission order", field=f"{field}/inclusion/index"
                    )
                previous = record.inclusion.index
                try:
                    verify_inclusion(record.digest, record.inclusion, submission.action.root)
                except VerificationFailed as error:
                    raise VerificationFailed(error.message, field=f"{field}/inclusion") from error

    # 13
    def step_entries(self) -> None:
        for where, submission in self._submissions():
            found = [entry for entry in submission.action.lots if entry.lot_id == self.bundle.lot.id]
            if len(found) != 1:
                raise VerificationFailed("the action does not name the lot exactly once", field=f"{where}/action/lots")
            if found[0].count != len(submission.records):
                raise VerificationFailed(
                    f"{found[0].count} records name the lot, {len(submission.records)} are listed",
                    field=f"{where}/records",
                )
            if merkle_root([record.digest for record in submission.records]) != found[0].root:
                raise VerificationFailed("these are not all records that name the lot", field=f"{where}/records")
            self.entries.append(found[0])

    # 14
    def step_completeness(self) -> None:
        head, total = bytes(32), 0
        for entry, submission in zip(self.entries, self.bundle.submissions, strict=True):
            head = actions.fold(head, entry.root, entry.count, submission.id)
            total += entry.count
        if len(self.entries) != self.lot.entries or total != self.lot.total:
            raise VerificationFailed(
                f"the chain counts {self.lot.total} records in {self.lot.entries} submissions, the bundle lists "
                f"{total} in {len(self.entries)}",
                field="/submissions",
            )
        if head != self.lot.head:
            raise VerificationFailed("the history does not lead to the head that the chain holds", field="/submissions")

    # 15
    def step_origin(self) -> None:
        lot, first = self.bundle.lot, self.bundle.submissions[0]
        if lot_id(lot.gtin, lot.lot) != lot.id:
            raise VerificationFailed("the id is not that of this GTIN and lot code", field="/lot/id")
        registrations = [
            decode_fields(REGISTER_LOT_FIELDS, operation.data)
            for operation in first.action.operations
            if operation.kind == REGISTER_LOT and operation.data[:32] == lot.id
        ]
        if len(registrations) != 1 or registrations[0][1] != self.lot.origin_digest:
            raise VerificationFailed(
                "the first submission does not register the lot with this origin", field="/submissions/0/action"
            )
        origins = [record for record in first.records if record.digest == self.lot.origin_digest]
        if len(origins) != 1 or (origins[0].kind != ORIGIN_KIND and not origins[0].erased):
            raise VerificationFailed("the origin record is not listed", field="/submissions/0/records")
        if self.blocks[0].time != self.lot.registered_at or registrations[0][2:4] != [self.lot.quantity, self.lot.unit]:
            raise VerificationFailed("the chain holds another registration", field="/submissions/0")

    # ------------------------------------------------------------------------------------------------ helpers

    def _submissions(self) -> list[tuple[str, BundledSubmission]]:
        return [(f"/submissions/{at}", submission) for at, submission in enumerate(self.bundle.submissions)]

    def _check_checkpoint(self, signed: SignedCheckpoint, field: str) -> None:
        if signed in self._checked:
            return
        checkpoint = checkpoints.verify(signed, self.keys, field).checkpoint
        if checkpoint.chain_id != self.bundle.chain_id or checkpoint.genesis != self.genesis:
            raise VerificationFailed("the checkpoint is of another chain", field=f"{field}/text")
        self._checked[signed] = None

    def _storage(self, name: str, needed: Sequence[int]) -> dict[int, int]:
        """The proven values of exactly the slots `needed` of one contract, in that order."""
        where = f"/state/accounts/{name}/storage"
        shown = self.bundle.accounts[name].storage
        if [proof.slot for proof in shown] != list(needed):
            raise VerificationFailed("these are not the slots that the argument needs, in order", field=where)
        root = self.accounts[name].storage_root
        seen: trie.Seen = {}
        for at, proof in enumerate(shown):
            if trie.prove_storage(root, proof.slot, proof.proof, f"{where}/{at}/proof", seen) != proof.value:
                raise VerificationFailed("the contract holds another value", field=f"{where}/{at}/value")
        return {proof.slot: proof.value for proof in shown}

    def conclusion(self) -> Verified:
        """What holds once no step failed."""
        bundle = self.bundle
        records = [
            VerifiedRecord.of(record, submission, block)
            for submission, block in zip(bundle.submissions, self.blocks, strict=True)
            for record in submission.records
        ]
        return Verified(
            lot=bundle.lot,
            chain_id=bundle.chain_id,
            genesis=self.genesis,
            height=self.header.number,
            block=self.header.hash,
            time=self.header.time,
            signed_by=self.keys[bundle.checkpoint.key_id],
            vouched=self.vouched,
            state=self.lot,
            standings=tuple((member, state.standing_at(self.header.time)) for member, state in self.members.items()),
            records=tuple(records),
            assumptions=tuple(self.assumptions),
        )
