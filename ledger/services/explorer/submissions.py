"""A submission out of calldata: what its author said and signed, with the SM2 signature checked once more, here.

The contract has checked it already; this check needs no contract and no engine's word but the key, which is read from
the state. An action that a contract refused is shown the same way, with its signature as it is.
"""

from __future__ import annotations

from ledger.chain.reader import ChainReader
from ledger.crypto.sm2 import DEFAULT_ID, PublicKey
from ledger.domain import action as act
from ledger.errors import BadKey, SignatureRejected
from ledger.services.explorer.operations import describe
from ledger.services.explorer.views import LotEntryView, LotRef, MemberRef, SignatureView, SubmissionView
from ledger.services.explorer.wording import NOBODY, Words


def decode(chain: ChainReader, words: Words, calldata: bytes) -> SubmissionView:
    """The submission that `calldata` carries. Raises Malformed when it carries none."""
    call = act.decode_submit_calldata(calldata)
    meta = act.Meta.decode(call.meta)
    digest = call.action.digest
    key = chain.call("Members", "key", call.key_id)  # member, point and custody of a key never change
    author = None if key["memberId"] == NOBODY else member_ref(words, key["memberId"])
    domain = act.domain(chain.deployment.chain_id, chain.deployment.address("Submissions"))
    return SubmissionView(
        id=f"keccak256:{act.submission_id(call.key_id, meta.nonce, digest).hex()}",
        author=author,
        key_id=f"sm3:{call.key_id.hex()}",
        custodial=bool(key["custodial"]),
        nonce=str(meta.nonce),
        expiry=meta.expiry,
        count=call.action.count,
        root=f"sm3:{call.action.root.hex()}",
        action_digest=f"keccak256:{digest.hex()}",
        lots=tuple(
            LotEntryView(lot_ref(words, entry.lot_id), f"sm3:{entry.root.hex()}", entry.count)
            for entry in call.action.lots
        ),
        operations=tuple(describe(words, index, each) for index, each in enumerate(call.action.operations)),
        signature=_signature(call, domain, act.message(domain, digest, call.meta), (key["x"], key["y"])),
    )


def _signature(call: act.SubmitCall, domain: bytes, message: bytes, point: tuple[int, int]) -> SignatureView:
    public_key = z = e = ""
    try:
        public = PublicKey(*point)
        digest = public.digest(message)
        public_key, z, e = public.point.hex(), public.z().hex(), digest.hex()
        if public.key_id != call.key_id:
            raise SignatureRejected("the state holds another key under this id")
        public.verify_digest(digest, call.signature)
        problem = ""
    except BadKey:
        problem = "no member has this key"
    except SignatureRejected as error:
        problem = error.message
    return SignatureView(
        holds=not problem,
        problem=problem,
        user_id=DEFAULT_ID.decode(),
        public_key=public_key,
        z=z,
        domain=domain.hex(),
        message=message.hex(),
        e=e,
        r=call.signature[:32].hex(),
        s=call.signature[32:].hex(),
    )


def member_ref(words: Words, member_id: bytes) -> MemberRef:
    """A member with the name that is known of it."""
    return MemberRef(f"sm3:{member_id.hex()}", words.name(member_id))


def lot_ref(words: Words, lot_id: bytes) -> LotRef:
    """A lot with what it is called outside the chain, where that is known."""
    return LotRef(f"sm3:{lot_id.hex()}", words.lot_name(lot_id))
