"""What a replica asks of its source, over the source's public addresses only; every answer is checked for form.

Forms only: whether a block, a checkpoint or a record is true is decided by who asked. Raises Unavailable (down, busy),
Malformed (an answer that makes no sense) and NotFound.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ledger.chain import jsontext, rawblocks
from ledger.chain.engine import LIMIT_EXCEEDED, METHOD_NOT_FOUND
from ledger.crypto.digest import keccak256_text
from ledger.errors import EngineUnavailable, Malformed, RpcError, Unavailable
from ledger.proof import note
from ledger.proof.anchors import MAX_BYTES as MAX_ANCHORS
from ledger.proof.cosignature import Cosignature
from ledger.proof.note import Note
from ledger.services.replica.transport import Transport

MAX_ANSWER = 64 << 20  # bytes of one JSON-RPC answer: the largest possible block in hexadecimal is 50 MB
MAX_RECORDS = 64 << 20  # bytes of one submission's public records
MAX_SMALL = 1 << 20
MAX_DEPTH = 64  # of nested JSON
MAX_HEADER_DIGITS = 2 * 1024 + 2
MAX_BATCH = 50  # requests at once: half of what an operator's /rpc takes
MAX_MESSAGE = 300  # characters of a remote error that are passed on
TRIES = 4
FIRST_PAUSE = 0.25  # seconds; doubles, with full jitter

QUANTITY = re.compile("0x[0-9a-fA-F]{1,16}")

Found = TypeVar("Found")


class Source:
    """One operator or replica at `url`. `stop` ends waiting early."""

    def __init__(self, url: str, *, timeout: float = 30.0, stop: threading.Event | None = None, tries: int = TRIES):
        self._transport = Transport(url, timeout)
        self._stop = stop or threading.Event()
        self._tries = tries
        self._ids = itertools.count(random.SystemRandom().randrange(1 << 32))
        self._random = random.SystemRandom()

    @property
    def url(self) -> str:
        """Its address."""
        return self._transport.url

    def close(self) -> None:
        """Close this thread's connection."""
        self._transport.close()

    # ------------------------------------------------------------------------------------------------ JSON-RPC

    def rpc(self, calls: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        """The results of `calls` in order; an RpcError stands where the source refused one. At most MAX_BATCH."""
        assert len(calls) <= MAX_BATCH
        return self._again(lambda: self._batch(calls))

    def _batch(self, calls: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        first = next(self._ids)
        idents = [first, *(next(self._ids) for _ in calls[1:])]
        body = [
            {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}
            for ident, (method, params) in zip(idents, calls, strict=True)
        ]
        raw = self._transport.post("/rpc", json.dumps(body).encode(), MAX_ANSWER).body
        answers = self._json(raw, "/rpc")
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise Malformed("the source did not answer each JSON-RPC request once", field="/rpc")
        found: dict[int, Any] = {}
        for answer in answers:
            if not isinstance(answer, dict) or type(answer.get("id")) is not int:
                raise Malformed("the source's answer is no JSON-RPC answer", field="/rpc")
            found[answer["id"]] = _result(answer)
        if set(found) != set(idents):
            raise Malformed("the source answered other JSON-RPC requests than were sent", field="/rpc")
        return [found[ident] for ident in idents]

    def identity(self, heights: Sequence[int]) -> tuple[int, bytes, int, list[bytes | None]]:
        """(chain id, raw header of block 0, number of the head, raw headers at `heights`; None above its head)."""
        calls: list[tuple[str, list[Any]]] = [("eth_chainId", []), ("eth_blockNumber", [])]
        calls += [("debug_getRawHeader", [hex(height)]) for height in (0, *heights)]
        chain_id, head, *raws = self.rpc(calls)
        if any(isinstance(raw, RpcError) and raw.rpc_code == METHOD_NOT_FOUND for raw in raws):
            raws = [self._rebuilt(height) for height in (0, *heights)]
        number = _quantity(head)
        headers = [_header(raw, height, number) for raw, height in zip(raws, (0, *heights), strict=True)]
        genesis = headers[0]
        if genesis is None:
            raise Malformed("the source has no block 0", field="/rpc")
        return _quantity(chain_id), genesis, number, headers[1:]

    def raw_header(self, height: int) -> bytes:
        """The raw header of a block that the source says it has."""
        [raw] = self.rpc([("debug_getRawHeader", [hex(height)])])
        if isinstance(raw, RpcError) and raw.rpc_code == METHOD_NOT_FOUND:
            raw = self._rebuilt(height)
        header = _header(raw, height, height)
        assert header is not None
        return header

    def _rebuilt(self, height: int) -> Any:
        """For engines without debug_getRaw*: the header made from the block's JSON, which must give its hash."""
        [block] = self.rpc([("eth_getBlockByNumber", [hex(height), False])])
        if not isinstance(block, dict):
            return RpcError("no such block", rpc_code=-32000)
        try:
            return "0x" + rawblocks.header(block).hex()
        except EngineUnavailable as error:
            raise Malformed(f"the source's block {height}: {error.message}", field="/rpc") from error

    def raw_blocks(self, first: int, count: int) -> list[bytes]:
        """Raw blocks from `first` on: 1 to `count` of them, fewer where the source limits what it gives at once."""
        calls: list[tuple[str, list[Any]]] = [
            ("debug_getRawBlock", [hex(n)]) for n in range(first, first + min(count, MAX_BATCH))
        ]
        try:
            results = self.rpc(calls)
        except Malformed:
            if len(calls) == 1:
                raise
            return self.raw_blocks(first, max(1, len(calls) // 4))  # perhaps only too long
        found: list[bytes] = []
        for n, result in enumerate(results, first):
            if isinstance(result, RpcError):
                if found:
                    break
                if result.rpc_code == LIMIT_EXCEEDED:
                    raise Unavailable("the source is busy", retry_after=2.0)
                raise Malformed(f"the source does not give block {n}: {result.message}", field="/rpc")
            found.append(_data(result, f"block {n}", MAX_ANSWER))
        return found

    # ------------------------------------------------------------------------------------------------ documents

    def anchors(self) -> dict[str, Any]:
        """The JSON value of the source's /anchors.json."""
        value = self._json(self._get("/anchors.json", MAX_ANCHORS), "/anchors.json")
        if not isinstance(value, dict):
            raise Malformed("the source's anchors are no JSON object", field="/anchors.json")
        return value

    def checkpoints(self, first: int, limit: int) -> tuple[Note, ...]:
        """Notes of the source's checkpoint feed from height `first` on, at most `limit`."""
        path = f"/checkpoints?from={first}&limit={limit}"
        raw = self._get(path, note.MAX_FEED_BYTES, "text/plain")
        notes = note.parse_feed(raw, "/checkpoints", limit=limit)
        if notes and notes[0].checkpoint.height < first:
            raise Malformed("the source's feed begins too low", field="/checkpoints")
        return notes

    def checkpoint(self, height: int) -> Note:
        """The note of exactly this height. Raises NotFound."""
        raw = self._get(f"/checkpoints/{height}", note.MAX_NOTE_BYTES, "text/plain")
        found = note.parse_note(raw, "/checkpoints")
        if found.checkpoint.height != height:
            raise Malformed("the source gave the checkpoint of another height", field="/checkpoints")
        return found

    def latest_checkpoint(self) -> Note:
        """The note of the source's newest checkpoint. Raises NotFound."""
        return note.parse_note(self._get("/checkpoints/latest", note.MAX_NOTE_BYTES, "text/plain"), "/checkpoints")

    def records(self, submission_id: bytes) -> Any:
        """The JSON value of a submission's public records. Raises NotFound."""
        path = f"/api/v1/submissions/{keccak256_text(submission_id)}/records"
        return self._json(self._get(path, MAX_RECORDS), path)

    def post_cosignature(self, height: int, cosignature: Cosignature) -> None:
        """Hand a co-signature to the source. Raises Unavailable when it does not take it."""
        body = json.dumps(cosignature.to_dict()).encode()
        self._again(lambda: self._transport.post(f"/checkpoints/{height}/cosignatures", body, MAX_SMALL))

    def _get(self, path: str, limit: int, accept: str = "application/json") -> bytes:
        return self._again(lambda: self._transport.get(path, limit, accept)).body

    @staticmethod
    def _json(raw: bytes, field: str) -> Any:
        try:
            value = jsontext.loads(raw, MAX_DEPTH)
            if b"\\u" in raw:  # a lone surrogate is no text: it could not be written to any file
                json.dumps(value, ensure_ascii=False).encode()
            return value
        except (ValueError, RecursionError) as error:
            raise Malformed("the source's answer is not JSON", field=field) from error

    def _again(self, ask: Callable[[], Found]) -> Found:
        pause = FIRST_PAUSE
        for attempt in range(1, self._tries + 1):
            try:
                return ask()
            except Unavailable as error:
                wait = max(self._random.uniform(0, pause), error.retry_after or 0 if error.detail.get("status") else 0)
                if attempt == self._tries or self._stop.wait(wait):
                    raise
                pause *= 2
        raise AssertionError("the loop returns or raises")


def _result(answer: dict[str, Any]) -> Any:
    error = answer.get("error")
    if error is None:
        if "result" not in answer:
            raise Malformed("the source's answer has neither result nor error", field="/rpc")
        return answer["result"]
    code = error.get("code") if isinstance(error, dict) else None
    message = str(error.get("message", "") if isinstance(error, dict) else error)[:MAX_MESSAGE]
    message = "".join(each if each.isprintable() else "?" for each in message)  # it is going to be shown on a terminal
    return RpcError(message, rpc_code=code if type(code) is int else -32000)


def _quantity(value: Any) -> int:
    if isinstance(value, RpcError):
        raise Malformed(f"the source does not say: {value.message}", field="/rpc")
    if not isinstance(value, str) or not QUANTITY.fullmatch(value):
        raise Malformed("the source's answer is no quantity", field="/rpc")
    return int(value, 16)


def _data(value: Any, what: str, limit: int) -> bytes:
    if not isinstance(value, str) or value[:2] != "0x" or len(value) > limit:
        raise Malformed(f"the source's {what} is no data of at most {limit} characters", field="/rpc")
    try:
        found = bytes.fromhex(value[2:])
    except ValueError as error:
        raise Malformed(f"the source's {what} is no hexadecimal data", field="/rpc") from error
    if 2 * len(found) != len(value) - 2:  # bytes.fromhex passes over spaces
        raise Malformed(f"the source's {what} is no hexadecimal data", field="/rpc")
    return found


def _header(raw: Any, height: int, head: int) -> bytes | None:
    if isinstance(raw, RpcError):
        if height > head:
            return None
        raise Malformed(f"the source's head is {head} but it does not give header {height}", field="/rpc")
    return _data(raw, f"header {height}", MAX_HEADER_DIGITS)
