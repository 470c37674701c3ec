"""The modules' primitives against published and crafted vectors, the Python ones, and @noble/curves."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ledger.crypto.keccak import keccak256
from ledger.crypto.sm2 import DEFAULT_ID, PrivateKey
from ledger.crypto.sm3 import sm3
from ledger.documents.canonical import jcs, loads_strict
from ledger.errors import Malformed
from ledger.merkle.tree import merkle_root
from ledger.proof.rlp import decode, encode
from ledger.proof.text import MAX_JSON_DEPTH

VECTORS = Path(__file__).parents[1] / "vectors"
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def signature_cases() -> list[tuple[str, str, str, str, bool]]:
    """(x, y, e, r ‖ s, whether it holds): edge cases that were judged by plain-integer arithmetic."""
    made = [
        (v["x"], v["y"], v["e"], v["signature"], v["wantErr"] is None) for v in vectors("sm2/crafted.json")["vectors"]
    ]
    made += [(c["x"], c["y"], c["e"], c["r"] + c["s"], c["valid"]) for c in vectors("sm2/verifier_cases.json")["cases"]]
    return [case for case in made if len(case[3]) == 128]


def test_sm2_gives_the_right_answer_for_every_crafted_signature(node):
    cases = signature_cases()
    (answers,) = node([{"signatures": [[f"04{x}{y}", "", "", e, signature] for x, y, e, signature, _ in cases]}])
    for (x, y, e, signature, holds), answer in zip(cases, answers, strict=True):
        assert (answer is True) == holds, (x, y, e, signature, answer)
    assert {case[4] for case in cases} == {True, False}
    assert len(cases) > 200


def test_sm2_agrees_with_the_point_arithmetic_of_noble_curves(node):
    cases = signature_cases()
    (answers,) = node([{"noble": [[x, y, e, signature] for x, y, e, signature, _ in cases]}])
    if answers[0] is None:
        pytest.skip("@noble/curves is not installed (npm ci)")
    assert answers == [case[4] for case in cases]


def test_sm2_agrees_with_openssl_when_signatures_are_bent(node):
    generator = random.Random(32918)
    asked, expected = [], []
    for _ in range(4):
        key = PrivateKey.generate()
        for identity in (DEFAULT_ID, b"", b"ALICE123@YAHOO.COM", bytes(range(256))):
            message = generator.randbytes(generator.randrange(200))
            signature = key.sign(message, identity)
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            bent = [
                (r, s),
                (s, r),
                (r, N - s),
                (r, N - r),
                (N - r, s),
                (r ^ 1, s),
                (r, s ^ 1),
                (0, s),
                (r, 0),
                (N, s),
                (r, N),
            ]
            for one, two in bent:
                raw = one.to_bytes(32, "big") + two.to_bytes(32, "big")
                asked.append([key.public.point.hex(), identity.hex(), message.hex(), None, raw.hex()])
                expected.append(raw == signature)
            asked.append([key.public.point.hex(), identity.hex(), message.hex() + "00", None, signature.hex()])
            asked.append([key.public.point.hex(), identity.hex() + "00", message.hex(), None, signature.hex()])
            asked.append([key.public.point.hex(), identity.hex(), message.hex(), None, signature.hex()[:-2]])
            asked.append([key.public.point.hex(), identity.hex(), message.hex(), None, signature.hex() + "00"])
            expected += [False] * 4
    (answers,) = node([{"signatures": asked}])
    assert answers == expected


def test_public_keys_are_refused_when_they_are_no_points(node):
    bad = [f"04{v['x']}{v['y']}" for v in vectors("sm2/bad_points.json")["vectors"]]
    good = PrivateKey.generate().public.point.hex()
    bad += [good[2:], "02" + good[2:66], "06" + good[2:], good + "00", good[:-2], "", "00"]
    (answers,) = node([{"signatures": [[point, "", "", "00" * 32, "01" * 64] for point in [*bad, good]]}])
    assert all("range" in answer for answer in answers[:-1])
    assert answers[-1] is False


def test_digests_are_those_of_the_vectors_and_of_python_at_every_length(node):
    published = vectors("sm3/published.json")["vectors"]
    (answers,) = node([{"digests": [["sm3", v["message"]] for v in published]}])
    assert answers == [v["digest"] for v in published]
    generator = random.Random(1)
    messages = [generator.randbytes(length) for length in (*range(300), 1000, 4095, 4096, 4097, 100_000)]
    asked = [[kind, message.hex()] for message in messages for kind in ("sm3", "keccak")]
    (answers,) = node([{"digests": asked}])
    assert answers == [function(message).hex() for message in messages for function in (sm3, keccak256)]
    assert answers[1] == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"  # keccak-256 of nothing


def test_canonical_form_is_that_of_the_vectors_and_of_python(node):
    found = [v["text"] for v in vectors("canonical/json.json")["vectors"] if isinstance(v.get("text"), str)]
    deepest = "[" * MAX_JSON_DEPTH
    texts = [text.encode("utf-8", "surrogatepass") for text in found if deepest + "[" not in text]
    (answers,) = node([{"canonical": [text.hex() for text in texts]}])
    held = refused = 0
    for text, answer in zip(texts, answers, strict=True):
        try:
            expected = jcs(loads_strict(text)).hex()
        except Malformed as error:
            # What lies in strings is for `checkText` and the readers of members; here the reader of JSON is meant.
            if "normalisation" in error.message or "surrogate" in error.message or "many values" in error.message:
                continue
            assert "refused" in answer, (text, answer)
            refused += 1
        else:
            assert answer == expected, (text, answer)
            held += 1
    assert held > 20 and refused > 10


def test_numbers_are_written_as_rfc_8785_has_them(node):
    texts = [v["text"] for v in vectors("canonical/numbers.json")["vectors"] if v["text"]]
    (answers,) = node([{"canonical": [text.encode().hex() for text in texts]}])
    for text, answer in zip(texts, answers, strict=True):
        try:
            expected: Any = jcs(loads_strict(text)).hex()
        except Malformed:
            assert "refused" in answer, (text, answer)
        else:
            assert answer == expected, text


def test_inclusion_proofs_hold_exactly_when_the_vectors_say_so(node):
    cases = vectors("merkle/inclusion.json")["vectors"]
    small = [case for case in cases if case["index"] >= 0 and case["size"] <= 2**32]
    (answers,) = node([{"inclusions": small}])
    for case, answer in zip(small, answers, strict=True):
        assert (answer is True) == (case["wantErr"] is None), case["desc"]
    generator = random.Random(2)
    trees = [[generator.randbytes(32) for _ in range(size)] for size in (*range(1, 34), 100)]
    (roots,) = node([{"roots": [[leaf.hex() for leaf in leaves] for leaves in trees]}])
    assert roots == [merkle_root(leaves).hex() for leaves in trees]


def as_json(item: Any) -> Any:
    return [as_json(part) for part in item] if isinstance(item, list) else item.hex()


def test_rlp_is_read_as_strictly_as_in_python_when_bytes_are_spoiled(node):
    generator = random.Random(3)
    whole = encode([b"", b"\x00", b"\x7f", b"\x80", b"a" * 55, b"b" * 56, [], [[b"c"], b"d" * 300], b"e" * 70_000])
    short = encode([b"\x01", [b"\x80", [b"long enough to need a length " * 2]], b""])
    cases = [whole, b"", b"\x80", b"\xc0", b"\x81\x00", b"\x81\x80", b"\xb8\x00", b"\xb8\x37" + b"a" * 55, b"\xf8\x00"]
    cases += [b"\xb9\x00\x38" + b"a" * 56, b"\xbf" + b"\xff" * 8, b"\xff" + b"\xff" * 8, b"\xc1" * 17 + b"\x80"]
    cases += [encode(b"x") + b"y", *(short[:cut] for cut in range(len(short)))]
    for _ in range(300):
        spoiled = bytearray(short)
        spoiled[generator.randrange(len(short))] = generator.randrange(256)
        cases.append(bytes(spoiled))
    nested: Any = b""
    for _ in range(20):
        nested = [nested]
        cases.append(encode(nested))
    (answers,) = node([{"rlp": [case.hex() for case in cases]}])
    for case, answer in zip(cases, answers, strict=True):
        try:
            expected = as_json(decode(case))
        except Malformed as error:
            assert answer == {"refused": error.message, "field": "rlp"}, case.hex()[:80]
        else:
            assert json.loads(answer) == expected
