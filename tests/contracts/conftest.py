"""A throw-away chain for contract tests: py-evm through eth-tester, a fresh one per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from contract_world import MEMBERS, World
from eth_tester import EthereumTester, PyEVMBackend
from web3 import EthereumTesterProvider, Web3

from contracts import artifact

# Above what the largest contract needs to be created, and within one block.
GAS_LIMIT = 30_000_000


class Chain:
    """One chain with its accounts; every transaction is mined at once, in a block of its own."""

    def __init__(self) -> None:
        genesis = PyEVMBackend.generate_genesis_params({"gas_limit": 60_000_000})
        self.tester = EthereumTester(PyEVMBackend(genesis_parameters=genesis))
        self.w3 = Web3(EthereumTesterProvider(self.tester))
        self.accounts = self.w3.eth.accounts
        self.w3.eth.default_account = self.accounts[0]

    def deploy(self, name: str, *arguments: Any) -> Any:
        """Creates the committed artifact `name`; the web3 contract at its address."""
        compiled = artifact(name)
        return self.deploy_code(compiled.abi, compiled.bytecode, *arguments)

    def deploy_code(self, abi: list[dict[str, Any]], bytecode: bytes, *arguments: Any) -> Any:
        """Creates any code (the mutation tests bring their own)."""
        factory = self.w3.eth.contract(abi=abi, bytecode=bytecode)
        receipt = self.receipt(factory.constructor(*arguments).transact({"gas": GAS_LIMIT}))
        assert receipt["status"] == 1, "the constructor reverted"
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=abi)

    def receipt(self, transaction: Any) -> Any:
        """The receipt of a transaction hash."""
        return self.w3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.001)

    def call_gas(self, function: Any) -> int:
        """Gas that a call of a bound contract function executes: the whole of a transaction with this calldata less
        the transaction's own cost (21000 and the calldata, EIP-2028)."""
        transaction = {"gas": GAS_LIMIT}
        data = bytes.fromhex(function.build_transaction({**transaction, "gasPrice": 10**10})["data"][2:])
        used = self.receipt(function.transact(transaction))["gasUsed"]
        return int(used - 21_000 - sum(16 if byte else 4 for byte in data))


@pytest.fixture
def chain() -> Chain:
    """A fresh chain."""
    return Chain()


@pytest.fixture
def deploy(chain: Chain) -> Callable[..., Any]:
    """`deploy(name, *arguments)` on the test's fresh chain."""
    return chain.deploy


@pytest.fixture(scope="session")
def new_chain() -> type[Chain]:
    """Makes chains, for fixtures that live longer than a test."""
    return Chain


@pytest.fixture(scope="session")
def consortium() -> World:
    """All six contracts and one member of every role, deployed once; for `world` only."""
    world = World(Chain())
    for member in MEMBERS:
        world.admit(member)
    return world


@pytest.fixture
def world(consortium: World) -> Iterator[World]:
    """The consortium as freshly set up, whatever other tests did to it."""
    before = consortium.chain.tester.take_snapshot()
    yield consortium
    consortium.chain.tester.revert_to_snapshot(before)
