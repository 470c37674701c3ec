"""What members and lots are called, by their ids: the explorer's look-ups, answered from the read model."""

from __future__ import annotations

from ledger.crypto.digest import sm3_text
from ledger.errors import NotFound
from ledger.index.queries import Queries
from ledger.services.explorer import LotName, Name


class IndexedNames:
    """Names from public profiles and origins; None where the read model has none."""

    def __init__(self, index: Queries) -> None:
        self._index = index

    def member(self, member_id: bytes) -> Name | None:
        """A member's name by its own profile."""
        try:
            found = self._index.member(sm3_text(member_id))
        except NotFound:
            return None
        return Name(found.name_zh, found.name_en) if found.name_zh or found.name_en else None

    def lot(self, lot_id: bytes) -> LotName | None:
        """A lot's GTIN and lot code."""
        found = self._index.lot_name(lot_id)
        return None if found is None else LotName(*found)
