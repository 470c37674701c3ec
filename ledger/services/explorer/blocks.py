"""Blocks: the list, newest first, and one block with its hash and both tries recomputed from raw bytes."""

from __future__ import annotations

from collections import defaultdict

from ledger.chain.reader import Event
from ledger.errors import EngineUnavailable, Malformed, NotFound
from ledger.proof.transaction import TransactionReceipt, parse_receipt
from ledger.proof.trie_build import ordered_root
from ledger.services.explorer.access import Access
from ledger.services.explorer.envelopes import open_envelope
from ledger.services.explorer.history import Filter, in_block, topic
from ledger.services.explorer.submissions import member_ref
from ledger.services.explorer.transactions import line
from ledger.services.explorer.views import BlockLine, BlockPage, BlockView, Check, Request
from ledger.services.explorer.wording import Name, Words

PER_PAGE = 20
TRANSACTIONS_PER_PAGE = 50
AUTHORS = 3  # named per block of the list
SUCCESS = 1


def block_page(access: Access, words: Words, before: int | None = None, size: int = PER_PAGE) -> BlockPage:
    """At most `size` blocks below `before`, newest first: one request per block and one for all their events."""
    head = access.head()
    top = head if before is None else min(head, before - 1)
    if top < 0:
        raise NotFound("there are no blocks below the first")
    low = max(0, top - size + 1)
    numbers = range(top, low - 1, -1)
    accepted = Filter("Submissions", [topic(access, "Submissions", "Accepted")])
    said: dict[int, list[Event]] = defaultdict(list)
    for event in in_block(access, accepted, low, top):
        said[event.block].append(event)
    return BlockPage(
        head=head,
        items=tuple(_line(access, words, number, said[number]) for number in numbers),
        before=low if low > 0 else None,
        newer=None if top == head else min(head + 1, top + 1 + size),
        requests=(
            Request(
                "block",
                "eth_getBlockByNumber",
                (hex(top), False),
                Name("区块（此处为列表中的第一个）", "a block (here the first of the list)"),
            ),
            Request(
                "accepted",
                "eth_getLogs",
                (
                    {
                        "fromBlock": hex(low),
                        "toBlock": hex(top),
                        "address": "0x" + access.chain.deployment.address("Submissions").hex(),
                        "topics": list(accepted.topics),
                    },
                ),
                Name("这些区块中被接受的提交", "the submissions accepted in these blocks"),
            ),
        ),
    )


def _line(access: Access, words: Words, number: int, accepted: list[Event]) -> BlockLine:
    block = access.chain.block(number)
    authors = dict.fromkeys(event.args["memberId"] for event in accepted)
    return BlockLine(
        number=number,
        hash="0x" + block.hash.hex(),
        time=block.time,
        transactions=len(block.transactions),
        submissions=len(accepted),
        records=sum(event.args["count"] for event in accepted),
        authors=tuple(member_ref(words, author) for author in list(authors)[:AUTHORS]),
    )


def block(access: Access, words: Words, number: int, page: int = 1) -> BlockView:
    """One block; `page` of its transactions. Raises NotFound."""
    head = access.head()
    if not 0 <= number <= head:
        raise NotFound(f"the chain has no block {number}; its newest is {head}")
    identity = access.chain.block(number)
    raw, header = access.header(number)
    transactions, raw_receipts = access.chain.raw_transactions(number), access.chain.raw_receipts(number)
    pages = max(1, -(-len(transactions) // TRANSACTIONS_PER_PAGE))
    if not 1 <= page <= pages:
        raise NotFound(f"block {number} has {pages} page(s) of transactions")
    parent = access.chain.block(number - 1).hash if number else bytes(32)
    start = (page - 1) * TRANSACTIONS_PER_PAGE
    said: dict[int, list[Event]] = defaultdict(list)
    for event in access.chain.events(number, number):
        said[event.transaction_index].append(event)
    receipts = _receipts(raw_receipts, len(transactions))
    return BlockView(
        number=number,
        hash="0x" + identity.hash.hex(),
        parent_hash="0x" + header.parent_hash.hex(),
        time=header.time,
        state_root="0x" + header.state_root.hex(),
        transactions_root="0x" + header.transactions_root.hex(),
        receipts_root="0x" + header.receipts_root.hex(),
        gas_used=header.gas_used,
        gas_limit=header.gas_limit,
        coinbase="0x" + header.coinbase.hex(),
        extra_data="0x" + header.extra_data.hex(),
        header="0x" + raw.hex(),
        is_head=number == head,
        checks=(
            _check("hash", "区块哈希是区块头字节的 Keccak-256", "The hash is the Keccak-256 of the header's bytes",
                   header.hash, identity.hash),
            _check("parent", "区块头指向前一区块", "The header points at the block before", header.parent_hash, parent),
            _check("transactions", "由全部交易重算的交易根与区块头一致",
                   "The root recomputed over all transactions is the header's",
                   ordered_root(transactions), header.transactions_root),
            _check("receipts", "由全部收据重算的收据根与区块头一致",
                   "The root recomputed over all receipts is the header's",
                   ordered_root(raw_receipts), header.receipts_root),
        ),
        transaction_count=len(transactions),
        transactions=tuple(
            line(access, words, open_envelope(each), index, receipts[index].status == SUCCESS, said[index])
            for index, each in enumerate(transactions)
            if start <= index < start + TRANSACTIONS_PER_PAGE
        ),
        page=page,
        pages=pages,
        requests=_requests(number, access.raw_methods()),
    )  # fmt: skip


def _receipts(raw: list[bytes], expected: int) -> list[TransactionReceipt]:
    try:
        receipts = [parse_receipt(each) for each in raw]
    except Malformed as error:
        raise EngineUnavailable("the engine's receipts cannot be read") from error
    if len(receipts) != expected:
        raise EngineUnavailable("the engine's receipts do not fit its transactions")
    return receipts


def _check(id: str, zh: str, en: str, found: bytes, expected: bytes) -> Check:
    return Check(id, found == expected, Name(zh, en), "0x" + found.hex(), "0x" + expected.hex())


def _requests(number: int, raw_methods: bool) -> tuple[Request, ...]:
    height = hex(number)
    header = Request("header", "debug_getRawHeader", (height,), Name("区块头的字节", "the header's bytes"))
    if not raw_methods:
        members = Name("区块头的各个字段", "the header's members")
        header = Request("header", "eth_getBlockByNumber", (height, False), members)
    receipts = "debug_getRawReceipts" if raw_methods else "eth_getBlockReceipts"
    return (
        header,
        Request("block", "eth_getBlockByNumber", (height, True), Name("区块与全部交易", "block and transactions")),
        Request("receipts", receipts, (height,), Name("全部收据", "all receipts")),
    )
