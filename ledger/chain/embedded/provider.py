"""web3.py over an engine in this process: `Web3(EmbeddedProvider(engine))`, no socket between.

Kept apart because importing web3 takes most of a second, which nothing else here needs.
"""

from __future__ import annotations

import json
from typing import Any, cast

from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from ledger.chain.engine import Engine
from ledger.errors import RpcError


class EmbeddedProvider(JSONBaseProvider):
    """Works over any engine of the port. Errors that are not JSON-RPC errors pass through as this ledger's own."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request; the parameters go through JSON, as they would to a remote node."""
        plain = json.loads(self.encode_rpc_request(method, params))["params"]
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": 1}
        try:
            answer["result"] = self._engine.request(method, plain)
        except RpcError as error:
            answer["error"] = {"code": error.rpc_code, "message": error.message}
            if error.data is not None:
                answer["error"]["data"] = error.data
        return cast(RPCResponse, answer)

    def is_connected(self, show_traceback: bool = False) -> bool:
        """The engine is in this process."""
        return True
