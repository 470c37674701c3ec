"""SM2 through the ledger's own interface: a key that comes again, and signing."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.floors import V
from benchmarks.harness import Floors, Result, compared, cpu_rate
from ledger.crypto.sm2 import PrivateKey

COUNT = 400


def run(floors: Floors) -> Iterator[Result]:
    private = PrivateKey.generate()
    messages = [b"message %d" % n for n in range(COUNT)]
    signed = [(message, private.sign(message)) for message in messages]

    def verify() -> None:
        for message, signature in signed:
            private.public.verify(message, signature)

    verify()  # the key has been seen before
    yield compared("SM2 verify, known key", cpu_rate(verify, COUNT), floors, V, None, unit="/cpu-s")
    sign = cpu_rate(lambda: [private.sign(message) for message in messages], COUNT)
    yield compared("SM2 sign", sign, floors, V, None, unit="/cpu-s")
