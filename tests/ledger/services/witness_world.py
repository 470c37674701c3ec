"""Agencies with keys, and an operator in memory: made-up blocks, real signatures, as hostile as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from headers import CHAIN_ID, chain, checkpoint

from ledger.crypto.keccak import keccak256
from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Conflict, NotFound, Unavailable, VerificationFailed
from ledger.proof.anchors import CONTRACTS, Anchors, CheckpointKey, ContractAnchor
from ledger.proof.anchors import Witness as Anchored
from ledger.proof.checkpoint import sign
from ledger.proof.cosignature import Cosignature, verify
from ledger.proof.note import Note, note
from ledger.services.witness import Memory, Witness

OPERATOR, CUSTOMS, MARKET, STRANGER = (FileSigner(PrivateKey.generate()) for _ in range(4))
HEADERS = chain(40)
GENESIS = keccak256(HEADERS[0])
FORKED = chain(40, mark=b"fork", after=HEADERS[:11])  # another history from block 11 on


def anchored(signer: FileSigner, agency: str, zh: str, en: str) -> Anchored:
    return Anchored(signer.public.key_id, signer.public, agency, zh, en)


WITNESSES = {
    each.key_id: each
    for each in (
        anchored(CUSTOMS, "customs", "茂名海关（演示）", "Maoming Customs (demo)"),
        anchored(MARKET, "market-supervision", "茂名市监局（演示）", "Maoming AMR (demo)"),
    )
}
ANCHORS = Anchors(
    CHAIN_ID,
    GENESIS,
    {name: ContractAnchor(bytes([at]) * 20, bytes(32)) for at, name in enumerate(CONTRACTS)},
    {OPERATOR.public.key_id: CheckpointKey(OPERATOR.public.key_id, OPERATOR.public, "operator")},
    (),
    WITNESSES,
    0,
)


class Operator:
    """A server of `headers` up to `head`, that has signed the heights in `signed` and signs its head when asked."""

    def __init__(self, headers: Sequence[bytes] = HEADERS, head: int = 10, name: str = "operator") -> None:
        self.blocks, self.head, self.name = list(headers), head, name
        self.signed: dict[int, Note] = {}
        self.down = False
        self.refuses: Exception | None = None
        self.signer = OPERATOR
        self.taken: list[tuple[int, Cosignature]] = []
        self.asked: list[int] = []  # heights of headers

    def sign(self, height: int, **changes: object) -> Note:
        if height not in self.signed or changes:
            point = checkpoint(self.blocks[height], **({"genesis": GENESIS} | changes))
            self.signed[height] = note(sign(point, self.signer))
        return self.signed[height]

    def latest(self) -> Note:
        self._answer()
        return self.sign(self.head)

    def note(self, height: int) -> Note:
        self._answer()
        if height > self.head:
            raise NotFound("not final")
        return self.sign(height)

    def notes(self, start: int) -> Iterator[Note]:
        self._answer()
        for height in sorted(self.signed):
            if height >= start:
                yield self.signed[height]

    def headers(self, first: int, last: int) -> Iterator[bytes]:
        self._answer()
        for height in range(first, last + 1):
            if height > self.head:
                raise Unavailable(f"no block {height}")
            self.asked.append(height)
            yield self.blocks[height]

    def hand_in(self, height: int, cosignature: Cosignature) -> None:
        self._answer()
        if self.refuses is not None:
            raise self.refuses
        if height not in self.signed:
            raise NotFound(f"height {height} was never signed")
        try:
            verify(cosignature, self.signed[height].checkpoint, WITNESSES)
        except VerificationFailed as error:
            raise Conflict("another block") from error
        self.taken.append((height, cosignature))
        known = [one for one in self.signed[height].cosignatures if one.key_id != cosignature.key_id]
        self.signed[height] = note(self.signed[height].signed, [*known, cosignature])

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("down")


class Clock:
    """Seconds that go on by one at each look."""

    def __init__(self, now: float = 1_764_200_000) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1
        return self.now


CLOCK = Clock()


@contextmanager
def opened(
    folder: Path, source: object, signer: FileSigner = CUSTOMS, also: Sequence[object] = ()
) -> Iterator[Witness]:
    """A witness in `folder`; leaving the block is what a stop of the process is."""
    with Memory(folder).opened() as memory:
        yield Witness(memory, signer, ANCHORS, source, also, CLOCK)  # type: ignore[arg-type] - sources by what they do


def look(folder: Path, source: object, **options: object):
    """One start, one look, one stop."""
    with opened(folder, source, **options) as witness:  # type: ignore[arg-type]
        return witness.look()
