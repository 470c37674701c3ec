"""The explorer's one face: text in, views out. Parses ids strictly; the work is in the modules beside it."""

from __future__ import annotations

import re

from ledger.chain.reader import ChainReader
from ledger.crypto.digest import KECCAK256, SM3, Digest
from ledger.errors import Malformed, NotFound
from ledger.services.explorer import blocks, contract_pages, finding, governance, lots, members, transactions, views
from ledger.services.explorer import state_views as sv
from ledger.services.explorer.access import Access
from ledger.services.explorer.history import Place
from ledger.services.explorer.wording import LotNames, MemberNames, Words

MAX_SIZE = 100  # items of one page
OVERVIEW = 8
MEMBERS = members.PER_PAGE
_HASH = re.compile(r"0x[0-9a-f]{64}\Z", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-f]{40}\Z", re.ASCII)
_NUMBER = re.compile(r"(?:0|[1-9]\d{0,14})\Z", re.ASCII)


class Explorer:
    """A chain to look at. `names` tells a member's name by its id, `lots` a lot's GTIN and lot code; both may know
    nothing. Thread-safe. Raises only leaves of ledger.errors."""

    def __init__(self, chain: ChainReader, names: MemberNames | None = None, lots: LotNames | None = None) -> None:
        self._access = Access(chain)
        self._names = names
        self._lots = lots

    @property
    def _words(self) -> Words:
        return Words(self._names, self._lots)

    def head(self) -> int:
        """Number of the newest final block: answers stay the same while it (and the names) does."""
        return self._access.head()

    def overview(self) -> sv.Overview:
        """The newest blocks and acts, and whether the contracts are the ones of this release."""
        access, deployment = self._access, self._access.chain.deployment
        newest = blocks.block_page(access, self._words, size=OVERVIEW)
        acts = governance.governance_page(access, self._words, size=OVERVIEW)
        contracts = contract_pages.contract_list(access)
        return sv.Overview(
            chain_id=deployment.chain_id,
            genesis="0x" + deployment.genesis.hex(),
            deployed_in=deployment.block,
            head=newest.items[0],
            blocks=newest.items,
            governance=acts.items,
            contracts=contracts.items,
            requests=(*newest.requests, *acts.requests),
        )

    def blocks(self, before: int | None = None, size: int = blocks.PER_PAGE) -> views.BlockPage:
        """Blocks below `before`, newest first."""
        return blocks.block_page(self._access, self._words, before, _size(size))

    def block(self, name: str, page: int = 1) -> views.BlockView:
        """A block by number or hash."""
        return blocks.block(self._access, self._words, self._height(name), page)

    def header(self, name: str) -> bytes:
        """A block's RLP header."""
        height = self._height(name)
        if height > self._access.head():
            raise NotFound(f"the chain has no block {height}")
        return self._access.chain.raw_header(height)

    def transaction(self, name: str) -> views.TransactionView:
        """A transaction by hash."""
        return transactions.transaction(self._access, self._words, _hash(name))

    def raw_transaction(self, name: str) -> bytes:
        """A transaction's bytes (EIP-2718)."""
        return self._access.raw_transaction(_hash(name))

    def submission(self, name: str) -> str:
        """The hash of the transaction that a submission was accepted in."""
        return finding.submission_transaction(self._access, Digest.parse(name, KECCAK256, field="submissionId").value)

    def members(self, before: str | None = None, size: int = MEMBERS) -> sv.MemberList:
        """Members, newest admission first."""
        return members.member_list(self._access, self._words, Place.parse(before), _size(size))

    def member(self, name: str, before: str | None = None, size: int = MEMBERS) -> sv.MemberPage:
        """A member by id, with a page of its submissions."""
        return members.member_page(self._access, self._words, _sm3(name, "memberId"), Place.parse(before), _size(size))

    def member_of_key(self, name: str) -> str:
        """The id of the member that a key belongs to."""
        return f"sm3:{members.member_of_key(self._access, _sm3(name, 'keyId')).hex()}"

    def governance(
        self,
        kind: str | None = None,
        member: str | None = None,
        before: str | None = None,
        size: int = governance.PER_PAGE,
    ) -> sv.GovernancePage:
        """Acts about members, newest first."""
        member_id = None if member is None else _sm3(member, "member")
        return governance.governance_page(self._access, self._words, kind, member_id, Place.parse(before), _size(size))

    def lot(self, name: str, before: str | None = None, size: int = lots.PER_PAGE) -> sv.LotPage:
        """A lot by id, with a page of its events."""
        return lots.lot_page(self._access, self._words, _sm3(name, "lotId"), Place.parse(before), _size(size))

    def contracts(self) -> sv.ContractList:
        """All contracts."""
        return contract_pages.contract_list(self._access)

    def contract(self, name: str) -> sv.ContractPage:
        """A contract by name."""
        return contract_pages.contract_page(self._access, name)

    def contract_source(self, name: str, path: str) -> sv.SourceFile:
        """A source file of a contract."""
        return contract_pages.contract_source(self._access, name, path)

    def contract_code(self, name: str) -> bytes:
        """The code that is on the chain now under a contract's name."""
        address = contract_pages.contract_page(self._access, name).line.address
        return self._access.code(bytes.fromhex(address[2:]), self._access.head())

    def account(self, name: str) -> sv.AccountPage:
        """An account by address."""
        if not _ADDRESS.match(name.lower()):
            raise Malformed("an address is 0x and 40 hexadecimal digits", field="address")
        return contract_pages.account_page(self._access, bytes.fromhex(name[2:]))

    def find(self, query: str) -> finding.Target:
        """Where a search leads."""
        return finding.find(self._access, query)

    def _height(self, name: str) -> int:
        if _NUMBER.match(name):
            return int(name)
        if _HASH.match(name.lower()):
            return self._access.height_of(bytes.fromhex(name[2:]))
        raise Malformed("a block is named by its number or its hash (0x and 64 hexadecimal digits)", field="block")


def _hash(name: str) -> bytes:
    if not _HASH.match(name.lower()):
        raise Malformed("a transaction hash is 0x and 64 hexadecimal digits", field="transaction")
    return bytes.fromhex(name[2:])


def _sm3(name: str, field: str) -> bytes:
    return Digest.parse(name, SM3, field=field).value


def _size(size: int) -> int:
    if not 1 <= size <= MAX_SIZE:
        raise Malformed(f"a page has 1 to {MAX_SIZE} items", field="limit")
    return size
