"""From a run of simple EVM instructions to the source of a Python function (see `interpreter` for why that is sound).

The stack is simulated while translating: values that the run takes from the stack become s1, s2 … (from the top),
results become t1, t2 …, and only what is left at the end is written back. All values are ints below 2**256.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_RUN = 300  # instructions: bounds the size of one function
_M = str((1 << 256) - 1)
_H = str(1 << 255)

_TWO = {
    0x01: f"({{a}} + {{b}}) & {_M}",  # ADD
    0x02: f"({{a}} * {{b}}) & {_M}",  # MUL
    0x03: f"({{a}} - {{b}}) & {_M}",  # SUB
    0x04: "{a} // {b} if {b} else 0",  # DIV
    0x06: "{a} % {b} if {b} else 0",  # MOD
    0x10: "1 if {a} < {b} else 0",  # LT
    0x11: "1 if {a} > {b} else 0",  # GT
    0x12: f"1 if ({{a}} ^ {_H}) < ({{b}} ^ {_H}) else 0",  # SLT: flipping the sign bit maps signed order to unsigned
    0x13: f"1 if ({{a}} ^ {_H}) > ({{b}} ^ {_H}) else 0",  # SGT
    0x14: "1 if {a} == {b} else 0",  # EQ
    0x16: "{a} & {b}",  # AND
    0x17: "{a} | {b}",  # OR
    0x18: "{a} ^ {b}",  # XOR
    0x1A: "({b} >> (248 - 8 * {a})) & 255 if {a} < 32 else 0",  # BYTE
    0x1B: f"({{b}} << {{a}}) & {_M} if {{a}} < 256 else 0",  # SHL
    0x1C: "{b} >> {a} if {a} < 256 else 0",  # SHR
}
_ONE = {0x15: "0 if {a} else 1", 0x19: f"{{a}} ^ {_M}"}  # ISZERO, NOT
_THREE = {0x08: "({a} + {b}) % {c} if {c} else 0", 0x09: "({a} * {b}) % {c} if {c} else 0"}  # ADDMOD, MULMOD
_POP, _MLOAD, _MSTORE, _CALLDATALOAD, _CALLDATASIZE = 0x50, 0x51, 0x52, 0x35, 0x36
_JUMP, _JUMPI, _PC, _JUMPDEST = 0x56, 0x57, 0x58, 0x5B
_PUSHES, _DUPS, _SWAPS = range(0x5F, 0x80), range(0x80, 0x90), range(0x90, 0xA0)

SIMPLE = frozenset(
    [
        *_ONE, *_TWO, *_THREE, _POP, _MLOAD, _MSTORE, _CALLDATALOAD, _CALLDATASIZE, _JUMP, _JUMPI, _PC, _JUMPDEST,
        *_PUSHES, *_DUPS, *_SWAPS,
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Translation:
    """A run that starts at byte `start` of the code; `source` defines `run(computation, values, meter) -> int`, which
    returns the position to go on from."""

    start: int
    source: str


class _Run:
    """The state of one translation."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.taken = 0  # values taken from the stack as it was at the start
        self.used: set[int] = set()  # those of them whose number matters (the others are only moved)
        self.growth = 0  # highest the stack rises above its height at the start
        self.lines: list[str] = []
        self.temporaries = 0
        self.gas = 0
        self.memory = self.data = False

    def reach(self, depth: int) -> None:
        """Bring enough of the real stack into view for `depth` values."""
        while len(self.stack) < depth:
            self.taken += 1
            self.stack.insert(0, f"s{self.taken}")

    def pop(self) -> str:
        self.reach(1)
        value = self.stack.pop()
        if value[0] == "s":
            self.used.add(int(value[1:]))
        return value

    def push(self, value: str) -> None:
        self.stack.append(value)
        self.growth = max(self.growth, len(self.stack) - self.taken)

    def result(self, expression: str) -> None:
        self.temporaries += 1
        name = f"t{self.temporaries}"
        self.lines.append(f"{name} = {expression}")
        self.push(name)

    def expand(self, offset: str) -> None:
        """Make memory reach 32 bytes beyond `offset`; py-evm charges for it and may move the buffer."""
        self.memory = True
        self.lines.append(f"if {offset} + 32 > len(m): c.extend_memory({offset}, 32); m = c._memory._bytes")


def translate(code: bytes, start: int, jumps: frozenset[int], gas: dict[int, int]) -> Translation | None:
    """The run at `start`, None when the instruction there is not simple. `gas` is each simple opcode's static gas."""
    run, position, count = _Run(), start, 0
    ending = ""
    while True:
        opcode = code[position] if position < len(code) else 0  # beyond the end is STOP
        if opcode not in SIMPLE or count >= MAX_RUN or (opcode == _JUMPDEST and count):
            ending = f"return {position}"
            break
        count += 1
        run.gas += gas[opcode]
        if opcode in (_JUMP, _JUMPI):
            ending = _jump(run, opcode, position, jumps)
            break
        position = _step(run, code, opcode, position)
    return Translation(start, _source(run, ending)) if count else None


def _step(run: _Run, code: bytes, opcode: int, position: int) -> int:
    """Translate one instruction that does not jump; returns the next position."""
    if opcode in _PUSHES:
        size = opcode - 0x5F
        run.push(str(int.from_bytes(code[position + 1 : position + 1 + size].ljust(size, b"\0"), "big")))
        return position + 1 + size
    if opcode in _DUPS:
        depth = opcode - 0x7F
        run.reach(depth)
        run.push(run.stack[-depth])
    elif opcode in _SWAPS:
        depth = opcode - 0x8F
        run.reach(depth + 1)
        run.stack[-1], run.stack[-1 - depth] = run.stack[-1 - depth], run.stack[-1]
    elif opcode in _TWO:
        a, b = run.pop(), run.pop()
        run.result(_TWO[opcode].format(a=a, b=b))
    elif opcode in _ONE:
        run.result(_ONE[opcode].format(a=run.pop()))
    elif opcode in _THREE:
        a, b, c = run.pop(), run.pop(), run.pop()
        run.result(_THREE[opcode].format(a=a, b=b, c=c))
    elif opcode == _MLOAD:
        offset = run.pop()
        run.expand(offset)
        run.result(f'int.from_bytes(m[{offset}:{offset} + 32], "big")')
    elif opcode == _MSTORE:
        offset, value = run.pop(), run.pop()
        run.expand(offset)
        run.lines.append(f'm[{offset}:{offset} + 32] = ({value}).to_bytes(32, "big")')
    elif opcode == _CALLDATALOAD:
        run.data = True
        offset = run.pop()
        run.result(f'int.from_bytes(d[{offset}:{offset} + 32].ljust(32, b"\\0"), "big")')
    elif opcode == _CALLDATASIZE:
        run.data = True
        run.result("len(d)")
    elif opcode == _PC:
        run.push(str(position))
    elif opcode == _POP:
        run.reach(1)
        run.stack.pop()
    return position + 1  # JUMPDEST does nothing


def _jump(run: _Run, opcode: int, position: int, jumps: frozenset[int]) -> str:
    destination = run.pop()
    if destination.isdecimal():
        go = f"return {destination}" if int(destination) in jumps else 'raise InvalidJump("invalid jump")'
    else:
        go = f'if {destination} not in J: raise InvalidJump("invalid jump")\n    return {destination}'
    if opcode == _JUMP:
        return go
    condition = run.pop()
    return f"if not {condition}: return {position + 1}\n    {go}"


def _source(run: _Run, ending: str) -> str:
    head = [f"if len(v) < {run.taken}: raise InsufficientStack('stack underflow')"] if run.taken else []
    if run.growth > 0:
        head.append(f"if len(v) > {1024 - run.growth}: raise FullStack('stack limit reached')")
    head.append(f"g = meter.gas_remaining - {run.gas}")
    head.append("if g < 0: raise OutOfGas('out of gas')")
    head.append("meter.gas_remaining = g")
    needed = {int(name[1:]) for name in run.stack if name[0] == "s"} | run.used
    for i in sorted(needed):
        head.append(f"s{i} = v[-{i}]")
    for i in sorted(run.used):  # py-evm's own instructions leave bytes as well as ints
        head.append(f"if s{i}.__class__ is bytes: s{i} = int.from_bytes(s{i}, 'big')")
    if run.memory:
        head.append("m = c._memory._bytes")
    if run.data:
        head.append("d = c.calldata()")
    kept, taken = run.stack, run.taken
    while kept and taken and kept[0] == f"s{taken}":  # what stayed where it was is not written
        kept, taken = kept[1:], taken - 1
    tail = []
    if taken:
        tail.append(f"v[-{taken}:] = ({', '.join(kept)}{',' if len(kept) == 1 else ''})")
    elif len(kept) == 1:
        tail.append(f"v.append({kept[0]})")
    elif kept:
        tail.append(f"v += ({', '.join(kept)})")
    body = "\n    ".join([*head, *run.lines, *tail, ending])
    return f"def run(c, v, meter):\n    {body}\n"
