"""A faster inner loop for py-evm: runs of simple instructions are translated to Python functions, once per code.

py-evm spends most of its time on the bookkeeping around each instruction: a call, a gas subtraction, tuples, type
checks. Here a straight run of *simple* instructions (arithmetic, comparison, stack, memory words, calldata words,
jumps) becomes one Python function on the same stack, memory and gas meter; every other instruction (storage, calls,
logs, hashing, copies, gas …) is still py-evm's own. Only runs that were reached a few times are translated.

Why this changes no result (yellow paper, section 9.4): the gas of a run is taken at its start, and the stack's
bounds are checked there. A run that fails half-way therefore fails at its start, with the same consequence: an
exceptional halt burns all gas of the frame and undoes its effects, whichever instruction caused it. The GAS
instruction, storage and calls lie between runs, so all that can be observed sees exact gas. Tests run random and real
code on both loops and compare; `originseal audit --execute` runs every block on py-evm's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from eth.exceptions import FullStack, InsufficientStack, InvalidJumpDestination, OutOfGas
from eth.vm.code_stream import CodeStream
from eth.vm.forks.shanghai.computation import ShanghaiComputation
from eth.vm.opcode_values import JUMPDEST, STOP

from ledger.chain.embedded.translation import SIMPLE, Translation, translate

HOT = 3  # times a run is reached before it is translated (about half a millisecond)
# What a stranger's eth_call can make us keep and do: translating a run takes half a millisecond and keeps about 1.5 KB.
PROGRAMS = 16  # contract codes kept translated; the ledger has six
MAX_RUNS = 1_000  # translated per code; the ledger's own codes stay far below

Run = Callable[[Any, list[Any], Any], int]


class Program:
    """What is known about one contract's code: its jump destinations and its translated runs."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        self.jumps = _jump_destinations(code)
        self.runs: dict[int, Run | None] = {}  # None: the instruction here is not simple
        self.heat: dict[int, int] = {}
        self.leaders = self.jumps | {0}

    @property
    def full(self) -> bool:
        """Whether no more runs of this code are translated: py-evm's own instructions do the rest."""
        return len(self.runs) >= MAX_RUNS

    def run_at(self, position: int) -> Run | None:
        """Translate the run that starts at `position`."""
        translation = translate(self.code, position, self.jumps, _GAS)
        run = None if translation is None else _compiled(translation, self.jumps)
        self.runs[position] = run
        return run


@lru_cache(maxsize=PROGRAMS)
def program(code: bytes) -> Program:
    """The translated runs of `code`, shared by all executions of it."""
    return Program(code)


class _Stream(CodeStream):  # type: ignore[misc]  # py-evm ships no types
    """Code that executes its simple runs itself and hands only the other instructions to py-evm's loop."""

    program_counter: int

    def __init__(self, code: bytes, computation: Any) -> None:
        super().__init__(code)
        self._computation = computation

    def __iter__(self) -> Iterator[int]:
        computation = self._computation
        code, length = self._raw_code_bytes, self._length_cache
        known = program(code)
        runs, leaders, heat = known.runs, known.leaders, known.heat
        values, meter = computation._stack.values, computation._gas_meter
        at_leader = True  # after an instruction that is not simple, a new run starts
        while True:
            position = self.program_counter
            run = runs.get(position)
            while run is not None:
                position = run(computation, values, meter)
                run = runs.get(position)
                at_leader = True
            if position not in runs and position < length and (at_leader or position in leaders) and not known.full:
                count = heat.get(position, 0) + 1
                heat[position] = count
                if count >= HOT:
                    known.run_at(position)
                    self.program_counter = position
                    continue
            if position >= length:
                yield STOP
                return
            opcode = code[position]
            at_leader = opcode not in SIMPLE
            self.program_counter = position + 1
            yield opcode


class LedgerComputation(ShanghaiComputation):  # type: ignore[misc]
    """Shanghai's rules on the faster loop."""

    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        super().__init__(state, message, transaction_context)
        if not message.is_create:  # a constructor runs once: translating it would not pay
            self.code = _Stream(message.code, self)
        self._calldata: bytes | None = None

    def calldata(self) -> bytes:
        """The message's data, copied out of the caller's memory at most once."""
        if self._calldata is None:
            self._calldata = bytes(self.msg.data)
        return self._calldata


# Static gas by opcode value, as the fork defines it.
_GAS = {value: opcode.gas_cost for value, opcode in ShanghaiComputation.opcodes.items() if value in SIMPLE}


def _compiled(translation: Translation, jumps: frozenset[int]) -> Run:
    scope: dict[str, Any] = {
        "J": jumps,
        "InsufficientStack": InsufficientStack,
        "FullStack": FullStack,
        "OutOfGas": OutOfGas,
        "InvalidJump": InvalidJumpDestination,
    }
    # The source is made of constants, integers out of the code, and names that the translator chose.
    exec(compile(translation.source, f"<run at {translation.start}>", "exec"), scope)  # noqa: S102
    run: Run = scope["run"]
    return run


def _jump_destinations(code: bytes) -> frozenset[int]:
    found, position = set(), 0
    while position < len(code):
        opcode = code[position]
        if opcode == JUMPDEST:
            found.add(position)
        position += opcode - 0x5E if 0x60 <= opcode <= 0x7F else 1
    return frozenset(found)
