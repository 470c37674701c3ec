"""Keccak-256 as the EVM uses it (original Keccak padding 0x01, not SHA3-256), from PyCryptodome's compiled code.

Only for what the contracts compute themselves: everything people, agencies or devices sign or compare is SM3.

The library is called directly: importing `Crypto.Hash.keccak` costs 50 ms (it loads cffi and a C parser), more than
the rest of the verifier together. Where the compiled module cannot be called, the package's own interface is used.
"""

from __future__ import annotations

import ctypes
import os
from _imp import extension_suffixes  # as importlib.machinery has them, without importing `importlib`
from _thread import _local as thread_local  # `threading` would bring functools and collections

import Crypto

from ledger.errors import CryptoUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

EXTENSION_SUFFIXES = extension_suffixes()
DIGEST_BYTES = 32
_CAPACITY_BYTES = 64  # 512 bits for a 256-bit digest
_ROUNDS = 24
_PADDING = 0x01
_EMPTY = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def _compiled() -> Callable[[bytes], bytes] | None:
    """Keccak-256 over `Crypto/Hash/_keccak`, or None where that file is missing or behaves differently."""
    folder = os.path.join(next(iter(Crypto.__path__)), "Hash")
    paths = [os.path.join(folder, "_keccak" + suffix) for suffix in EXTENSION_SUFFIXES]
    path = next((p for p in paths if os.path.exists(p)), None)
    if path is None:
        return None
    try:
        library = ctypes.PyDLL(path)  # PyDLL keeps the GIL: a call takes about a microsecond
        functions = [getattr(library, f"keccak_{name}") for name in ("init", "reset", "absorb", "digest", "destroy")]
    except (OSError, AttributeError):
        return None
    start, reset, absorb, finish, free = functions
    start.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint8]
    reset.argtypes = free.argtypes = [ctypes.c_void_p]
    absorb.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    finish.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint8]

    class State:
        """One thread's sponge; freed with the thread."""

        def __init__(self) -> None:
            self.address = ctypes.c_void_p()
            if start(ctypes.byref(self.address), _CAPACITY_BYTES, _ROUNDS):
                raise MemoryError("no memory for a Keccak state")
            self.out = ctypes.create_string_buffer(DIGEST_BYTES)

        def __del__(self) -> None:
            if self.address:
                free(self.address)

    class States(thread_local):
        def __init__(self) -> None:
            self.state = State()

    states = States()

    def keccak256(data: bytes) -> bytes:
        if type(data) is not bytes:
            data = bytes(memoryview(data))
        state = states.state
        address, out = state.address, state.out
        if reset(address) or absorb(address, data, len(data)) or finish(address, out, DIGEST_BYTES, _PADDING):
            raise RuntimeError("PyCryptodome refused a Keccak-256 call")
        digest: bytes = out.raw
        return digest

    return keccak256 if keccak256(b"").hex() == _EMPTY else None


def _packaged() -> Callable[[bytes], bytes]:
    """Keccak-256 through PyCryptodome's documented interface."""
    from Crypto.Hash import keccak

    def keccak256(data: bytes) -> bytes:
        digest: bytes = keccak.new(data=data, digest_bits=256).digest()
        return digest

    if keccak256(b"").hex() != _EMPTY:
        raise CryptoUnavailable("PyCryptodome's Keccak-256 fails its self-test", hint="reinstall pycryptodome")
    return keccak256


keccak256: Callable[[bytes], bytes] = _compiled() or _packaged()
