"""Co-signing as a witness by execution: the newest checkpoint whose block this replica executed itself.

The first co-signature of a height is on disk before it leaves the house, and is the only one ever given for it: what is
handed in is what is kept. Whoever holds two different co-signatures of one height under one key has caught a witness.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ledger.chain.reader import ChainReader
from ledger.crypto.ports import Signer
from ledger.errors import NotAuthorised, OriginSealError
from ledger.proof.anchors import Anchors
from ledger.services.replica.kept import Kept
from ledger.services.replica.source import Source
from ledger.services.witness.execution import cosign_checkpoint

HANDED_IN = "handedIn"  # the setting: highest height whose co-signature the source took


class Vouching:
    """Co-signs with `signer`, whose key must be a witness of the anchors. Raises NotAuthorised otherwise."""

    def __init__(
        self,
        chain: ChainReader,
        kept: Kept,
        anchors: Anchors,
        signer: Signer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if signer.public.key_id not in anchors.witnesses:
            raise NotAuthorised(
                "this key is none of the witnesses in the trust anchors", hint="the anchors must name it first"
            )
        self._chain, self._kept, self._signer, self._clock = chain, kept, signer, clock

    def vouch(self, source: Source) -> str:
        """Co-sign the newest agreed checkpoint and hand it in; returns why the source did not take it, or ""."""
        signed = self._kept.newest_checkpoint(agreed=True)
        if signed is None:
            return ""
        height, key_id = signed.checkpoint.height, self._signer.public.key_id
        if not any(one.key_id == key_id for one in self._kept.cosignatures(height)):
            made = cosign_checkpoint(signed, self._chain, self._signer, int(self._clock()))
            self._kept.add_checkpoint(signed, [made])
        if self._kept.meta(HANDED_IN, -1) >= height:
            return ""
        mine = next(one for one in self._kept.cosignatures(height) if one.key_id == key_id)
        try:
            source.post_cosignature(height, mine)
        except OriginSealError as error:
            return f"the source did not take the co-signature of height {height}: {error.message}"
        self._kept.set_meta(HANDED_IN, height)
        return ""
