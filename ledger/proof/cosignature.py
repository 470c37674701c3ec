"""Co-signatures: an agency's word that a checkpoint follows from those it saw before, signed with SM2.

    originseal-cosignature/v1
    witness: sm3:…
    time: 1764000123
    method: headers
    <the seven lines of the checkpoint>

Exactly these lines, each ended by LF. `headers`: the witness verified every parent link from its last co-signed
checkpoint (at first: from genesis) to this one. `execution`: it executed every block from genesis itself. `time` is the
witness's clock in Unix seconds. Whoever signs promises never to sign another block of this height: docs/checkpoints.md.
"""

from __future__ import annotations

from ledger.errors import Malformed, SignatureRejected, VerificationFailed
from ledger.proof.text import digest, hexadecimal, integer, items, members, string
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ledger.crypto.ports import Signer
    from ledger.proof.anchors import Anchors, Witness
    from ledger.proof.checkpoint import Checkpoint

HEADING = "originseal-cosignature/v1"
HEADERS, EXECUTION = "headers", "execution"
METHODS = (HEADERS, EXECUTION)
TIME_BITS = 53  # what every JSON reader holds exactly
MAX_COSIGNATURES = 64  # of one checkpoint: as many as an anchors file has witnesses


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's signature over some checkpoint, which nobody has checked yet."""

    key_id: bytes
    time: int
    method: str
    signature: bytes

    def to_dict(self) -> dict[str, str | int]:
        """The JSON form; parse_cosignature reads it back."""
        return {
            "keyId": f"sm3:{self.key_id.hex()}",
            "time": self.time,
            "method": self.method,
            "signature": self.signature.hex(),
        }


@dataclass(frozen=True, slots=True)
class VerifiedCosignature:
    """Evidence: this witness signed this checkpoint, having checked it by `method`, at `time` by its own clock."""

    checkpoint: Checkpoint
    witness: Witness
    time: int
    method: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Evidence: who besides the operator stands behind a checkpoint.

    `agencies`: how many offices the anchors know, None without anchors; `needed` had to sign.
    """

    cosignatures: tuple[VerifiedCosignature, ...]
    agencies: int | None
    needed: int

    @property
    def offices(self) -> int:
        """How many offices co-signed, each counted once however many keys it used."""
        return len({each.witness.office for each in self.cosignatures})


def cosignature_text(key_id: bytes, time: int, method: str, checkpoint: Checkpoint) -> str:
    """The text that a witness signs."""
    return f"{HEADING}\nwitness: sm3:{key_id.hex()}\ntime: {time}\nmethod: {method}\n{checkpoint.text}"


def cosign(checkpoint: Checkpoint, signer: Signer, time: int, method: str) -> Cosignature:
    """`checkpoint`, co-signed. The caller has checked it by `method` and has never signed another of its height."""
    if method not in METHODS or not 0 <= time < 1 << TIME_BITS:
        raise RuntimeError(f"a co-signature of method {method!r} at {time}")
    key_id = signer.public.key_id
    text = cosignature_text(key_id, time, method, checkpoint)
    return Cosignature(key_id, time, method, signer.sign(text.encode()))


def parse_cosignature(value: Any, field: str = "cosignature") -> Cosignature:
    """The co-signature in a JSON value. Raises Malformed; checks no signature."""
    entry = members(value, field, ("keyId", "time", "method", "signature"))
    method = string(entry["method"], f"{field}/method", 16)
    if method not in METHODS:
        raise Malformed(f"the method is {' or '.join(METHODS)}", field=f"{field}/method")
    return Cosignature(
        digest(entry["keyId"], f"{field}/keyId"),
        integer(entry["time"], f"{field}/time", TIME_BITS),
        method,
        hexadecimal(entry["signature"], f"{field}/signature", 64),
    )


def parse_cosignatures(value: Any, field: str = "cosignatures") -> tuple[Cosignature, ...]:
    """The co-signatures of one checkpoint, by ascending key id, each key once. Raises Malformed."""
    found = tuple(
        parse_cosignature(item, f"{field}/{at}")
        for at, item in enumerate(items(value, field, MAX_COSIGNATURES, empty=True))
    )
    check_order(found, field)
    return found


def check_order(cosignatures: Iterable[Cosignature], field: str) -> None:
    """Refuses keys that do not ascend (so none comes twice) with Malformed."""
    last = b""
    for at, cosignature in enumerate(cosignatures):
        if cosignature.key_id <= last:
            raise Malformed("co-signatures ascend by key id, each key once", field=f"{field}/{at}")
        last = cosignature.key_id


def verify(
    cosignature: Cosignature,
    checkpoint: Checkpoint,
    witnesses: Mapping[bytes, Witness],
    field: str = "cosignature",
) -> VerifiedCosignature:
    """Evidence that one of `witnesses` co-signed `checkpoint`. Raises VerificationFailed when none of them did."""
    witness = witnesses.get(cosignature.key_id)
    if witness is None:
        raise VerificationFailed(
            f"co-signed by sm3:{cosignature.key_id.hex()}, which is none of the {len(witnesses)} known witnesses",
            field=f"{field}/keyId",
        )
    text = cosignature_text(cosignature.key_id, cosignature.time, cosignature.method, checkpoint)
    try:
        witness.public.verify(text.encode(), cosignature.signature)
    except SignatureRejected as error:
        raise VerificationFailed(
            f"the co-signature of {witness.name_en} does not verify", field=f"{field}/signature"
        ) from error
    return VerifiedCosignature(checkpoint, witness, cosignature.time, cosignature.method)


def verify_known(
    cosignatures: Iterable[Cosignature],
    checkpoint: Checkpoint,
    witnesses: Mapping[bytes, Witness],
    field: str = "cosignatures",
) -> tuple[VerifiedCosignature, ...]:
    """Evidence of every co-signature whose key is known; others count for nothing. Raises VerificationFailed.

    An office that signed with two keys is still one witness: count `VerifiedCosignature.witness.office`.
    """
    return tuple(
        verify(cosignature, checkpoint, witnesses, f"{field}/{at}")
        for at, cosignature in enumerate(cosignatures)
        if cosignature.key_id in witnesses
    )


def vouch(
    cosignatures: Iterable[Cosignature],
    checkpoint: Checkpoint,
    anchors: Anchors | None,
    wanted: int = 0,
    field: str = "cosignatures",
) -> Vouched:
    """Evidence of who vouches for `checkpoint`. Raises VerificationFailed when a known witness did not sign, or when
    fewer offices did than `wanted` or the anchors want. Without anchors nobody is known."""
    known = anchors.witnesses if anchors else {}
    needed = max(wanted, anchors.witness_quorum if anchors else 0)
    vouched = Vouched(
        verify_known(cosignatures, checkpoint, known, field), len(anchors.offices) if anchors else None, needed
    )
    if vouched.offices < needed:
        raise VerificationFailed(
            f"co-signed by {vouched.offices} of {vouched.agencies or 0} known agencies, {needed} are needed",
            field=field,
        )
    return vouched
