"""Independent clients read the embedded chain: web3.py in process, cast and ethers over HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from chain_world import AUTHORITY, CHAIN_ID, MEMBER, RELAYER, REPOSITORY, Ledger, binary, submission
from web3 import Web3
from web3.exceptions import ContractCustomError

import contracts
from ledger.chain.embedded.provider import EmbeddedProvider
from ledger.chain.jsonrpc import JsonRpcEngine
from ledger.chain.outbox import writing
from ledger.chain.rpcserver import handle_json
from ledger.errors import EngineUnavailable, RpcError


@pytest.fixture
def sealed(embedded: Ledger) -> Ledger:
    """A ledger with two submissions."""
    gateway = embedded.gateway()
    for nonce in (1, 2):
        item = submission(embedded.deployment, nonce)
        with writing(gateway._database) as connection:
            gateway.enqueue(connection, item.id, item.calldata)
        assert len(gateway.seal_pending()) == 1
    return embedded


@pytest.fixture
def url(sealed: Ledger) -> Iterator[str]:
    """The read-only JSON-RPC server over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = json.dumps(handle_json(sealed.engine, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_web3_reads_contract_events_blocks_and_proofs(sealed: Ledger) -> None:
    w3 = Web3(EmbeddedProvider(sealed.engine))
    address = Web3.to_checksum_address("0x" + sealed.deployment.address("Submissions").hex())
    contract = w3.eth.contract(address, abi=contracts.artifact("Submissions").abi)
    items = [submission(sealed.deployment, nonce) for nonce in (1, 2)]
    assert w3.is_connected() and w3.eth.chain_id == CHAIN_ID
    assert contract.functions.submissionOf(AUTHORITY.public.key_id, 2).call() == items[1].id
    assert contract.functions.submissionOf(AUTHORITY.public.key_id, 2).call(
        block_identifier=w3.eth.block_number - 1
    ) == bytes(32)
    events = contract.events.Accepted.get_logs(from_block=0)
    assert [event["args"]["submissionId"] for event in events] == [item.id for item in items]
    block = w3.eth.get_block("latest", full_transactions=True)
    assert w3.eth.get_transaction_receipt(block["transactions"][0]["hash"])["blockHash"] == block["hash"]
    assert w3.eth.get_proof(address, [0])["codeHash"] == sealed.deployment["Submissions"].code_hash
    assert w3.eth.fee_history(2, "latest", [50])["baseFeePerGas"] == [0, 0, 0]


def test_web3_sees_custom_errors(sealed: Ledger) -> None:
    w3 = Web3(EmbeddedProvider(sealed.engine))
    address = Web3.to_checksum_address("0x" + sealed.deployment.address("Members").hex())
    contract = w3.eth.contract(address, abi=contracts.artifact("Members").abi)
    with pytest.raises(ContractCustomError):
        contract.functions.signer(b"\x01" * 32).call()


def test_web3_can_send_through_the_writing_engine(sealed: Ledger) -> None:
    w3 = Web3(EmbeddedProvider(sealed.engine))
    tx = RELAYER.sign(
        nonce=w3.eth.get_transaction_count(Web3.to_checksum_address("0x" + RELAYER.address.hex())),
        to=b"\x01" * 20, data=b"", gas=21_000, gas_price=0, chain_id=CHAIN_ID,
    )  # fmt: skip
    assert w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(tx.raw))["status"] == 1


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_cast_reads_state_and_recovers_events(sealed: Ledger, url: str) -> None:
    cast = binary("cast")
    address = "0x" + sealed.deployment.address("Submissions").hex()
    items = [submission(sealed.deployment, nonce) for nonce in (1, 2)]
    key = "0x" + AUTHORITY.public.key_id.hex()
    assert run(cast, "chain-id", "--rpc-url", url) == str(CHAIN_ID)
    call = "submissionOf(bytes32,uint64)(bytes32)"
    assert run(cast, "call", address, call, key, "2", "--rpc-url", url) == "0x" + items[1].id.hex()
    event = "Accepted(bytes32 indexed,bytes32 indexed,bytes32 indexed,bytes32,uint32,uint64,bytes32)"
    logs = json.loads(
        run(cast, "logs", "--json", "--from-block", "0", "--to-block", "latest", "--address", address, event,
            "--rpc-url", url)
    )  # fmt: skip
    assert [log["topics"][1] for log in logs] == ["0x" + item.id.hex() for item in items]
    receipt = json.loads(run(cast, "receipt", "--json", logs[0]["transactionHash"], "--rpc-url", url))
    assert receipt["status"] == "0x1" and receipt["logs"][0]["topics"] == logs[0]["topics"]
    block = json.loads(run(cast, "block", "latest", "--full", "--json", "--rpc-url", url))
    assert block["transactions"][0]["hash"] == logs[1]["transactionHash"]
    proof = json.loads(run(cast, "proof", address, "0x0", "--rpc-url", url))
    assert proof["codeHash"] == "0x" + sealed.deployment["Submissions"].code_hash.hex()


SCRIPT = """
const { ethers } = require("ethers");
(async () => {
  const [url, address, abi, key] = process.argv.slice(1);
  const provider = new ethers.JsonRpcProvider(url);
  const contract = new ethers.Contract(address, JSON.parse(abi), provider);
  const id = await contract.submissionOf(key, 2);
  const events = await contract.queryFilter("Accepted", 0, "latest");
  const block = await provider.getBlock("latest", true);
  const receipt = await provider.getTransactionReceipt(block.transactions[0]);
  let refusal = "";
  try { await contract.submit.staticCall(key, ["0x" + "11".repeat(32), 1, [], []], "0x" + "00".repeat(23),
    "0x" + "22".repeat(32), "0x" + "33".repeat(32)); } catch (error) { refusal = error.revert.name; }
  console.log(JSON.stringify({ id, events: events.map((e) => e.args.submissionId), status: receipt.status,
    members: events.map((e) => e.args.memberId), refusal, chain: Number((await provider.getNetwork()).chainId) }));
  provider.destroy();
})().catch((error) => { console.error(error); process.exit(1); });
"""


def test_ethers_reads_state_and_recovers_events(sealed: Ledger, url: str) -> None:
    node = shutil.which("node")
    if node is None or not (REPOSITORY / "node_modules/ethers").is_dir():
        pytest.skip("node or ethers is not installed (make node)")
    abi = json.dumps(contracts.artifact("Submissions").abi)
    address, key = "0x" + sealed.deployment.address("Submissions").hex(), "0x" + AUTHORITY.public.key_id.hex()
    answer = json.loads(run(node, "-e", SCRIPT, url, address, abi, key))
    ids = ["0x" + submission(sealed.deployment, nonce).id.hex() for nonce in (1, 2)]
    assert answer == {
        "id": ids[1],
        "events": ids,
        "members": ["0x" + MEMBER.hex()] * 2,
        "status": 1,
        "refusal": "SubmissionsMalformedMeta",
        "chain": CHAIN_ID,
    }


def test_json_rpc_engine_reads_the_embedded_one_and_cannot_write(sealed: Ledger, url: str) -> None:
    with JsonRpcEngine(url) as remote:
        assert remote.genesis_hash == sealed.engine.genesis_hash
        assert remote.request("eth_getBlockByNumber", ["latest", True]) == sealed.engine.request(
            "eth_getBlockByNumber", ["latest", True]
        )
        with pytest.raises(RpcError) as caught:
            remote.request("eth_sendRawTransaction", ["0x00"])
        assert caught.value.rpc_code == -32601
    with pytest.raises(EngineUnavailable, match="another genesis"):
        JsonRpcEngine(url, genesis_hash=b"\x01" * 32, sleep=lambda _: None)
    with pytest.raises(EngineUnavailable, match="chain id"):
        JsonRpcEngine(url, chain_id=1, sleep=lambda _: None)
