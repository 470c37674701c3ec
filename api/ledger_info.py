"""What a client must know before it signs, read from the contract itself rather than repeated here."""

from __future__ import annotations

from typing import Any

from api.ports import LedgerPort
from ledger.crypto.keccak import keccak256
from ledger.errors import EngineUnavailable

SUBMISSIONS = "Submissions"


def _constant(ledger: LedgerPort, address: str, signature: str) -> bytes:
    data = "0x" + keccak256(signature.encode())[:4].hex()
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": address, "data": data}, "latest"]}
    answer = ledger.rpc(call)
    result = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(result, str) or len(result) != 2 + 64:
        raise EngineUnavailable(f"{SUBMISSIONS}.{signature} gave no 32-byte word")
    return bytes.fromhex(result[2:])


def ledger_info(ledger: LedgerPort) -> dict[str, Any]:
    """Chain id, contract addresses, the 32-byte DOMAIN and MAX_WINDOW (seconds) of the Submissions contract."""
    status = ledger.status()
    contracts = {name: entry["address"] for name, entry in ledger.anchors["contracts"].items()}
    address = contracts[SUBMISSIONS]
    return {
        "chainId": status.chain_id,
        "genesis": status.genesis,
        "submissions": address,
        "domain": _constant(ledger, address, "DOMAIN()").hex(),
        "maxWindow": int.from_bytes(_constant(ledger, address, "MAX_WINDOW()"), "big"),
        "height": status.height,
        "headTime": status.head_time,
        "contracts": contracts,
    }
