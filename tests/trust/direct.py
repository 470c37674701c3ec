"""The contracts' door without the server: what a member or a relayer with its own connection can send to the chain."""

from __future__ import annotations

from typing import TypeVar

from ledger.chain.relayer import Relayer
from ledger.chain.reverts import decode_revert
from ledger.chain.sending import receipt, send, transaction_count
from ledger.crypto.ports import Signer
from ledger.documents.submission import SignedSubmission
from ledger.domain.action import Action, Meta, encode_submit_calldata, message, submission_id
from ledger.services.ledger import Ledger

GAS = 5_000_000
T = TypeVar("T")


def altered(value: T, **changes: object) -> T:
    """`dataclasses.replace` for the values of ledger.values as well."""
    names: tuple[str, ...] = type(value).__match_args__  # type: ignore[attr-defined]
    return type(value)(**{name: getattr(value, name) for name in names} | changes)


def calldata(said: SignedSubmission) -> bytes:
    """The call of Submissions.submit that carries `said`."""
    return encode_submit_calldata(said.key_id, said.action, said.meta, said.signature[:32], said.signature[32:])


def signed_again(said: SignedSubmission, signer: Signer, domain: bytes, *, action: Action) -> SignedSubmission:
    """`said` with another action, signed as its author would: what a dishonest member's own program can make."""
    meta = Meta(said.meta.nonce, said.meta.expiry, action.count)
    signature = signer.sign(message(domain, action.digest, meta))
    identity = submission_id(said.key_id, meta.nonce, action.digest)
    return altered(said, action=action, meta=meta, signature=signature, submission_id=identity)


def relay(ledger: Ledger, data: bytes, relayer: Relayer | None = None) -> int:
    """Seal `data` as a transaction of a stranger's account; its block. Raises RevertedOnChain as the contract said."""
    relayer = relayer or Relayer.generate()
    made = relayer.sign(
        nonce=transaction_count(ledger.engine, relayer.address),
        to=ledger.deployment.address("Submissions"),
        data=data,
        gas=GAS,
        gas_price=0,
        chain_id=ledger.engine.chain_id,
    )
    (result,) = send(ledger.engine, [made.raw])
    assert result.error is None
    sealed = receipt(ledger.engine, made.hash)
    assert sealed is not None
    if not sealed.success:
        assert result.output is not None
        raise decode_revert(result.output)
    return sealed.block


def used(ledger: Ledger, key_id: bytes, nonce: int) -> bool:
    """Whether the chain holds a submission under this key and nonce."""
    stored: bytes = ledger.gateway.call("Submissions", "submissionOf", key_id, nonce)
    return stored != bytes(32)
