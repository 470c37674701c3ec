"""Revert data → `RevertedOnChain` with the custom error's name and arguments.

Errors are looked up by selector over ALL committed artifacts, because a refusal deep inside (Members, Lots, Trades)
comes out through Submissions unchanged. Also Solidity's own Error(string) and Panic(uint256).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import contracts
from ledger.chain.abi import Abi, Parameter, Signature, decode
from ledger.chain.engine import EXECUTION_REVERTED
from ledger.errors import Malformed, RevertedOnChain, RpcError

MAX_REVERT = 64 * 1024  # bytes of revert data looked at
_BUILT_IN = (
    Signature("Error", (Parameter("message", "string", (), False),)),
    Signature("Panic", (Parameter("code", "uint256", (), False),)),
)


@cache
def _committed() -> dict[bytes, Signature]:
    return registry(contracts.artifact(name).abi for name in contracts.names())


def registry(abis: Iterable[list[dict[str, Any]]]) -> dict[bytes, Signature]:
    """Selector → error over several ABIs. Two different errors with one selector are a build mistake."""
    table = {error.digest[:4]: error for error in _BUILT_IN}
    for abi in abis:
        for selector, error in Abi(abi).errors.items():
            known = table.setdefault(selector, error)
            if known.text != error.text:
                raise RuntimeError(f"errors {known.text} and {error.text} have the same selector")
    return table


def decode_revert(data: bytes, errors: dict[bytes, Signature] | None = None) -> RevertedOnChain:
    """The typed error for revert `data`. Never fails: what it cannot decode is called UnknownError, with the data."""
    errors = _committed() if errors is None else errors
    data = data[:MAX_REVERT]
    if not data:
        return RevertedOnChain("Reverted", message="the contract reverted without a reason")
    error = errors.get(data[:4])
    if error is not None:
        try:
            values = decode(error.inputs, data[4:])
        except Malformed:
            return RevertedOnChain("UnknownError", {"data": "0x" + data.hex()})
        names = [p.name or str(i) for i, p in enumerate(error.inputs)]
        return RevertedOnChain(error.name, {name: jsonable(v) for name, v in zip(names, values, strict=True)})
    return RevertedOnChain("UnknownError", {"data": "0x" + data.hex()})


def reverted(error: RpcError) -> RevertedOnChain | None:
    """The revert inside an engine's error; None when the engine refused for another reason."""
    if error.data is not None:
        try:
            return decode_revert(bytes.fromhex(error.data[2:]))
        except ValueError:
            return decode_revert(b"")
    if error.rpc_code == EXECUTION_REVERTED or "revert" in error.message.lower():
        return decode_revert(b"")
    return None


def jsonable(value: Any) -> Any:
    """ABI values as JSON: bytes as 0x text."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return value
