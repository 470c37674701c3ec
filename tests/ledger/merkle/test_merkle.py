"""Merkle trees: the builder against the recursive definition, the verifier against mutated proofs."""

from __future__ import annotations

from typing import Any

import plain_oracle as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed, VerificationFailed
from ledger.merkle.proof import (
    ConsistencyProof,
    InclusionProof,
    verify_consistency,
    verify_inclusion,
)
from ledger.merkle.tree import Tree, leaf_hash, merkle_root, node_hash

LEAVES = [b"leaf %d" % i for i in range(70)]
SIZES = [*range(1, 18), 31, 32, 33, 63, 64, 65]


def test_hashes_of_leaves_and_nodes_are_separate_domains() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(b"a") == oracle.sm3(b"\0a")
    assert node_hash(left, right) == oracle.sm3(b"\1" + left + right) != leaf_hash(left + right)


@pytest.mark.parametrize("size", SIZES)
def test_root_equals_the_recursive_definition(size: int) -> None:
    leaves = LEAVES[:size]
    tree = Tree(leaves)
    assert tree.root == merkle_root(leaves) == merkle_root(tuple(leaves)) == oracle.merkle_root(leaves)
    assert tree.size == size


def test_empty_tree_is_refused() -> None:
    for build in (Tree, merkle_root):
        with pytest.raises(ValueError, match="at least one"):
            build([])


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_proof_holds_for_its_leaf_and_fails_for_every_other_index(size: int) -> None:
    tree = Tree(LEAVES[:size])
    for index in range(size):
        proof = tree.inclusion_proof(index)
        assert InclusionProof.from_json(proof.to_json()) == proof
        evidence = verify_inclusion(LEAVES[index], proof, tree.root)
        assert (evidence.leaf, evidence.index, evidence.size, evidence.root) == (LEAVES[index], index, size, tree.root)
        for other in range(size):
            if other != index:
                with pytest.raises(VerificationFailed):
                    verify_inclusion(LEAVES[index], InclusionProof(other, size, proof.path), tree.root)


@pytest.mark.parametrize("index", [-1, 5, 6])
def test_inclusion_proof_does_not_exist_when_the_index_is_outside(index: int) -> None:
    with pytest.raises(IndexError):
        Tree(LEAVES[:5]).inclusion_proof(index)


def test_inclusion_agrees_with_the_vectors(vectors: Any) -> None:
    cases = vectors("merkle/inclusion.json")["vectors"]
    assert sum(case["wantErr"] is None for case in cases) >= 8
    for case in cases:
        proof = InclusionProof(case["index"], case["size"], tuple(map(bytes.fromhex, case["path"])))
        leaf, root = bytes.fromhex(case["leaf"]), bytes.fromhex(case["root"])
        if case["wantErr"] is None:
            assert verify_inclusion(leaf, proof, root).index == case["index"], case["desc"]
        else:
            with pytest.raises(VerificationFailed) as caught:
                verify_inclusion(leaf, proof, root)
            assert caught.value.step == "inclusion", case["desc"]


@given(st.integers(1, 40), st.data())
def test_inclusion_fails_when_any_byte_of_the_path_leaf_or_root_is_changed(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tree = Tree(LEAVES[:size])
    proof = tree.inclusion_proof(index)
    parts = [LEAVES[index], tree.root, *proof.path]
    which = data.draw(st.integers(0, len(parts) - 1))
    at = data.draw(st.integers(0, len(parts[which]) - 1))
    mask = data.draw(st.integers(1, 255))
    parts[which] = parts[which][:at] + bytes([parts[which][at] ^ mask]) + parts[which][at + 1 :]
    with pytest.raises(VerificationFailed):
        verify_inclusion(parts[0], InclusionProof(index, size, tuple(parts[2:])), parts[1])


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "inclusion"),
        ({"index": 0, "size": 1}, "inclusion"),
        ({"index": 0, "size": 1, "path": [], "x": 1}, "inclusion"),
        ({"index": True, "size": 1, "path": []}, "inclusion.index"),
        ({"index": 0, "size": 1.0, "path": []}, "inclusion.size"),
        ({"index": -1, "size": 1, "path": []}, "inclusion.index"),
        ({"index": 0, "size": 2**41, "path": []}, "inclusion.size"),
        ({"index": 0, "size": 1, "path": "sm3:"}, "inclusion.path"),
        ({"index": 0, "size": 1, "path": [None]}, "inclusion.path[0]"),
        ({"index": 0, "size": 1, "path": ["keccak256:" + "0" * 64]}, "inclusion.path[0]"),
        ({"index": 0, "size": 1, "path": ["sm3:" + "0" * 64] * 99}, "inclusion.path"),
    ],
)
def test_inclusion_proof_is_malformed_when_its_json_is_not_exact(value: object, field: str) -> None:
    with pytest.raises(Malformed) as caught:
        InclusionProof.from_json(value)
    assert caught.value.field == field


# ---------------------------------------------------------------------------------------------------- consistency


def test_every_consistency_proof_holds_for_its_sizes() -> None:
    roots = {size: oracle.merkle_root(LEAVES[:size]) for size in range(1, 34)}
    for new in range(1, 34):
        tree = Tree(LEAVES[:new])
        for old in range(1, new + 1):
            evidence = verify_consistency(tree.consistency_proof(old), roots[old], roots[new])
            assert (evidence.old_size, evidence.new_size) == (old, new)


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5)])
def test_consistency_proof_does_not_exist_when_the_old_tree_is_empty_or_larger(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="earlier tree"):
        Tree(LEAVES[:new]).consistency_proof(old)


@given(st.integers(2, 40), st.data())
def test_consistency_fails_when_history_was_rewritten_or_the_proof_altered(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    tree = Tree(LEAVES[:new])
    proof, old_root = tree.consistency_proof(old), merkle_root(LEAVES[:old])
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*LEAVES[:changed], b"other", *LEAVES[changed + 1 : new]]
    other = Tree(rewritten)
    path = proof.path
    bad = [
        (other.consistency_proof(old), old_root, other.root),
        (proof, old_root, other.root),
        (proof, merkle_root(rewritten[:old]), tree.root),
        (ConsistencyProof(old, new, path[:-1]), old_root, tree.root),
        (ConsistencyProof(old, new, (*path, tree.root)), old_root, tree.root),
        (ConsistencyProof(old, new, ()), old_root, tree.root),
        (ConsistencyProof(new, old, path), tree.root, old_root),
        (ConsistencyProof(0, new, path), old_root, tree.root),
        (ConsistencyProof(old, new, (path[0][:31], *path[1:])), old_root, tree.root),
        (ConsistencyProof(new, new, path), tree.root, tree.root),
        (ConsistencyProof(new, new, ()), old_root, tree.root),
    ]
    for claim, first, second in bad:
        with pytest.raises(VerificationFailed) as caught:
            verify_consistency(claim, first, second)
        assert caught.value.step == "consistency"
