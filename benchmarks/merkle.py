"""Merkle trees over record digests: building, proving, verifying."""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.floors import H
from benchmarks.harness import Floors, Result, compared, cpu_rate
from ledger.merkle.proof import verify_inclusion
from ledger.merkle.tree import Tree

LEAVES = 4096


def run(floors: Floors) -> Iterator[Result]:
    leaves = [os.urandom(32) for _ in range(LEAVES)]
    build = cpu_rate(lambda: Tree(leaves).root, LEAVES)
    yield compared("Merkle tree, build", build, floors, H, None, unit="leaves/cpu-s", note="a leaf costs two hashes")
    tree = Tree(leaves)
    prove = cpu_rate(lambda: [tree.inclusion_proof(i) for i in range(LEAVES)], LEAVES)
    yield compared("Merkle tree, prove inclusion", prove, floors, H, None, unit="proofs/cpu-s")
    root, proofs = tree.root, [tree.inclusion_proof(i) for i in range(LEAVES)]

    def verify() -> None:
        for leaf, proof in zip(leaves, proofs, strict=True):
            verify_inclusion(leaf, proof, root)

    rate = cpu_rate(verify, LEAVES)
    yield compared("Merkle tree, verify inclusion", rate, floors, H, None, unit="proofs/cpu-s", note="12 hashes each")
