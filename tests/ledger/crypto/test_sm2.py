"""SM2: published vectors, crafted edge cases on both verification paths, key encodings, secrecy of private keys."""

from __future__ import annotations

import copy
import os
import pickle
import random
import threading
from typing import Any

import plain_oracle as oracle
import pytest

from ledger.crypto import _openssl, _tables, sm2
from ledger.crypto.sm2 import PrivateKey, PublicKey, der_to_raw, raw_to_der
from ledger.errors import BadKey, CryptoUnavailable, Malformed, SignatureRejected

D = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
KEY = PrivateKey.from_scalar(D)
MESSAGE = b"message digest"
IDS = [sm2.DEFAULT_ID, b"Alice@corp", "张三".encode(), b"", b"u" * 8191]


def by_evp(point: bytes, e: bytes, signature: bytes) -> bool:
    return _openssl.verifies(_openssl.public_key(point), e, _openssl.der_of(signature))


def by_curve(point: bytes, e: bytes, signature: bytes) -> bool:
    curve = _tables._curve()
    if curve is None:
        pytest.skip("this libcrypto gives no access to the curve")
    return curve.verifies(point, e, signature)


def by_table(point: bytes, e: bytes, signature: bytes) -> bool:
    curve = _tables._curve()
    generator = curve and _tables._generator(curve)
    if generator is None:
        pytest.skip("this libcrypto tabulates no multiples")
    return _tables._Table(generator, point).verifies(e, signature)


PATHS = [by_evp, by_curve, by_table]


def test_sm2_equals_the_published_vector(vectors: Any) -> None:
    (case,) = vectors("sm2/published.json")["vectors"]
    key = PrivateKey.from_scalar(int(case["d"], 16))
    message, user_id = bytes.fromhex(case["message"]), bytes.fromhex(case["userId"])
    public = PublicKey(int(case["x"], 16), int(case["y"], 16))
    assert key.public == public
    assert public.z(user_id).hex() == public.key_id.hex() == case["z"]
    assert public.digest(message).hex() == case["e"]
    evidence = public.verify(message, bytes.fromhex(case["signature"]))
    assert (evidence.key, evidence.e.hex(), evidence.signature.hex()) == (public, case["e"], case["signature"])
    e, k = int(case["e"], 16), int(case["k"], 16)
    assert "{:064x}{:064x}".format(*oracle.sign_digest(int(case["d"], 16), e, k)) == case["signature"]


@pytest.mark.parametrize("path", PATHS)
def test_verification_agrees_with_the_oracle_when_the_case_is_crafted(path: Any, vectors: Any) -> None:
    cases = vectors("sm2/crafted.json")["vectors"]
    assert sum(case["wantErr"] is None for case in cases) >= 8
    for case in cases:
        x, y, e = (int(case[name], 16) for name in "xye")
        signature = bytes.fromhex(case["signature"])
        holds = case["wantErr"] is None
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        assert oracle.verify_digest((x, y), e, r, s) is holds, case["desc"]
        assert path(PublicKey(x, y).point, e.to_bytes(32, "big"), signature) is holds, case["desc"]


def test_public_key_refuses_what_the_vectors_refuse(vectors: Any) -> None:
    for case in vectors("sm2/crafted.json")["vectors"]:
        key = PublicKey(int(case["x"], 16), int(case["y"], 16))
        e, signature = bytes.fromhex(case["e"]), bytes.fromhex(case["signature"])
        for _ in range(_tables.USES_BEFORE_TABLE + 2):  # before and after the key is tabulated
            if case["wantErr"] is None:
                assert key.verify_digest(e, signature).e == e, case["desc"]
            else:
                with pytest.raises(SignatureRejected):
                    key.verify_digest(e, signature)


def test_all_paths_agree_when_signatures_are_random_and_one_bit_is_flipped() -> None:
    rng = random.Random(7)
    for _ in range(40):
        d, e = rng.randrange(1, sm2.N - 1), rng.getrandbits(256)
        point = PrivateKey.from_scalar(d).public.point
        r, s = oracle.sign_digest(d, e, rng.randrange(1, sm2.N))
        good = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        bit = rng.randrange(512)
        bad = (int.from_bytes(good, "big") ^ 1 << bit).to_bytes(64, "big")
        digest = e.to_bytes(32, "big")
        for path in PATHS:
            assert path(point, digest, good) and not path(point, digest, bad)


@pytest.mark.parametrize("user_id", IDS, ids=len)
def test_signature_holds_only_for_its_user_id_and_message(user_id: bytes) -> None:
    signature = KEY.sign(MESSAGE, user_id)
    assert KEY.public.verify(MESSAGE, signature, user_id).key == KEY.public
    e = int.from_bytes(oracle.sm3(oracle.z_value((KEY.public.x, KEY.public.y), user_id) + MESSAGE), "big")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    assert oracle.verify_digest((KEY.public.x, KEY.public.y), e, r, s)
    other = b"y" if len(user_id) == 8191 else user_id + b"x"
    for message, name in ((MESSAGE + b"x", user_id), (MESSAGE, other)):
        with pytest.raises(SignatureRejected):
            KEY.public.verify(message, signature, name)


def test_user_id_is_malformed_when_its_bits_do_not_fit_entl() -> None:
    for call in (lambda: KEY.sign(MESSAGE, b"u" * 8192), lambda: KEY.public.z(b"u" * 8192)):
        with pytest.raises(Malformed):
            call()


@pytest.mark.parametrize("length", [0, 1, 63, 65, 72, 128])
def test_signature_is_rejected_when_it_has_not_64_bytes(length: int) -> None:
    with pytest.raises(SignatureRejected):
        KEY.public.verify(MESSAGE, bytes(length))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_digest_is_rejected_when_it_has_not_32_bytes(length: int) -> None:
    with pytest.raises(SignatureRejected):
        KEY.public.verify_digest(bytes(length), KEY.sign(MESSAGE))


def test_signatures_differ_when_the_same_message_is_signed_often() -> None:
    signatures = [KEY.sign(MESSAGE) for _ in range(200)]
    assert len({signature[:32] for signature in signatures}) == 200  # a repeated r would give the key away


def test_gmssl_verifies_ours_and_we_verify_gmssls() -> None:
    gmssl = pytest.importorskip("gmssl_pyx")
    for _ in range(5):
        key = PrivateKey.generate()
        message = os.urandom(50)
        e = key.public.digest(message)
        public = key.public.point[1:]
        assert gmssl.sm2_verify_sm3_digest(public, e, key.sign_der(message))
        theirs, secret = gmssl.sm2_key_generate()
        signature = gmssl.sm2_sign_sm3_digest(secret, e)
        assert PublicKey.from_point(theirs).verify_digest(e, der_to_raw(signature)).e == e


def test_gmalg_verifies_ours_and_we_verify_gmalgs() -> None:
    gmalg = pytest.importorskip("gmalg")
    key = PrivateKey.from_scalar(D)
    other = gmalg.SM2(D.to_bytes(32, "big"), b"Alice@corp", key.public.point)
    signature = key.sign(MESSAGE, b"Alice@corp")
    assert other.verify(MESSAGE, signature[:32], signature[32:])
    r, s = other.sign(MESSAGE)  # gmalg drops leading zero bytes
    assert key.public.verify(MESSAGE, r.rjust(32, b"\0") + s.rjust(32, b"\0"), b"Alice@corp")


# ------------------------------------------------------------------------------------------------------------- DER


def test_der_round_trips_when_integers_are_short_or_have_the_high_bit() -> None:
    for r, s in ((1, 2), (0x7F, 0x80), (0xFF, 1 << 255), (sm2.N - 1, 1)):
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        assert der_to_raw(raw_to_der(raw)) == raw


GOOD_DER = raw_to_der(KEY.sign(MESSAGE))
MALFORMED_DER = {
    "empty": b"",
    "trailing byte": GOOD_DER + b"\0",
    "cut short": GOOD_DER[:-1],
    "long form length": b"\x30\x81" + GOOD_DER[1:],
    "indefinite length": b"\x30\x80" + GOOD_DER[2:] + b"\0\0",
    "padded integer": b"\x30" + bytes([GOOD_DER[1] + 1]) + b"\x02" + bytes([GOOD_DER[3] + 1]) + b"\0" + GOOD_DER[4:],
    "a set": b"\x31" + GOOD_DER[1:],
    "an octet string": GOOD_DER[:2] + b"\x04" + GOOD_DER[3:],
    "negative r": bytes.fromhex("30060201ff020101"),
    "no integers": bytes.fromhex("3000"),
    "one integer": bytes.fromhex("3003020101"),
    "empty integer": bytes.fromhex("30050200020101"),
    "33 significant bytes": bytes.fromhex("3026022101" + "00" * 32 + "020101"),
    "three integers": bytes.fromhex("3009020101020101020101"),
}


@pytest.mark.parametrize("name", MALFORMED_DER)
def test_der_is_malformed_when_it_is_not_the_one_encoding(name: str) -> None:
    with pytest.raises(Malformed):
        der_to_raw(MALFORMED_DER[name])


# ------------------------------------------------------------------------------------------------------------ keys


def test_public_key_reads_back_from_each_encoding() -> None:
    public = KEY.public
    assert PublicKey.from_point(public.point) == PublicKey.from_point(public.point[1:]) == public
    assert PublicKey.from_spki_der(public.spki_der) == PublicKey.from_spki_pem(public.spki_pem) == public
    assert len(public.spki_der) == 91 and len(public.point) == 65
    assert {public: 1}[PublicKey(public.x, public.y)] == 1
    assert pickle.loads(pickle.dumps(public)) == public


def test_public_key_cannot_be_changed() -> None:
    for change in (lambda: setattr(KEY.public, "x", 1), lambda: delattr(KEY.public, "y")):
        with pytest.raises(AttributeError):
            change()


def test_public_key_is_bad_when_the_vectors_say_so(vectors: Any) -> None:
    for case in vectors("sm2/bad_points.json")["vectors"]:
        with pytest.raises(BadKey):
            PublicKey(int(case["x"], 16), int(case["y"], 16))
        with pytest.raises(BadKey):
            PublicKey.from_point(bytes.fromhex("04" + case["x"] + case["y"]))


@pytest.mark.parametrize("form", ["compressed", "hybrid", "infinity", "short", "long", "empty"])
def test_public_key_is_bad_when_the_point_is_in_another_form(form: str) -> None:
    point = KEY.public.point
    forms = {
        "compressed": b"\x02" + point[1:33],
        "hybrid": b"\x06" + point[1:],
        "infinity": b"\0",
        "short": point[:-1],
        "long": point + b"\0",
        "empty": b"",
    }
    with pytest.raises(BadKey):
        PublicKey.from_point(forms[form])


def test_public_key_is_bad_when_the_spki_is_not_exactly_an_sm2_key() -> None:
    der = KEY.public.spki_der
    p256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
    for bad in (der + b"\0", der[:-1], b"", p256 + KEY.public.point, der[:26] + b"\x06" + der[27:]):
        with pytest.raises(BadKey):
            PublicKey.from_spki_der(bad)


@pytest.mark.parametrize("d", [0, -1, sm2.N - 1, sm2.N, sm2.N + 5, 2**256])
def test_private_key_is_bad_when_the_scalar_is_outside_1_to_n_minus_2(d: int) -> None:
    with pytest.raises(BadKey):
        PrivateKey.from_scalar(d)


def test_private_key_is_bad_when_pkcs8_holds_n_minus_1() -> None:
    """GB/T 32918.1 6.1: d = n-1 makes 1 + d not invertible."""
    der = _openssl.PKCS8_PREFIX + (sm2.N - 1).to_bytes(32, "big")
    with pytest.raises(BadKey):
        _openssl.private_key(der, None)


def test_private_key_shows_nothing_of_itself() -> None:
    key = PrivateKey.from_scalar(D)
    shown = repr(key) + str(key) + repr(key._key) + repr(vars(type(key)))
    assert f"{D:064x}" not in shown.lower() and str(D) not in shown
    assert key.public.key_id.hex() in repr(key)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(key)
        with pytest.raises(TypeError):
            leak(key._key)


def test_one_key_verifies_and_signs_correctly_when_threads_share_it() -> None:
    key = PrivateKey.generate()
    failures: list[str] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(40):
            message = rng.randbytes(30)
            signature = key.sign(message)
            try:
                key.public.verify(message, signature)
            except SignatureRejected:
                failures.append("a good signature was refused")
            try:
                key.public.verify(message + b"!", signature)
                failures.append("a bad signature was accepted")
            except SignatureRejected:
                pass

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# ----------------------------------------------------------------------------------------------------- availability


@pytest.fixture
def unbound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_openssl, "_library", None)
    monkeypatch.setattr(_openssl, "_refusal", None)


@pytest.mark.usefixtures("unbound")
def test_sm2_is_unavailable_when_no_library_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_openssl, "candidates", lambda: iter(["/nonexistent/libcrypto.so"]))
    for _ in range(2):  # the second time from memory, with the same message
        with pytest.raises(CryptoUnavailable) as caught:
            sm2.ensure_available()
        assert "libcrypto" in str(caught.value) and "OpenSSL 3" in caught.value.hint


@pytest.mark.usefixtures("unbound")
def test_sm2_is_not_published_when_the_self_test_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_openssl, "_VECTOR_E", "00" * 32)
    with pytest.raises(CryptoUnavailable) as caught:
        sm2.ensure_available()
    assert "refuses the published signature" in str(caught.value)
    assert _openssl._library is None


@pytest.mark.usefixtures("unbound")
def test_sm2_is_unavailable_when_every_signature_would_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_openssl, "_verifies", lambda *_: True)
    with pytest.raises(CryptoUnavailable) as caught:
        sm2.ensure_available()
    assert "another digest" in str(caught.value)


@pytest.mark.parametrize("broken", ["nothing", "table", "curve", "functions"])
def test_verification_stays_right_when_a_faster_way_fails_its_self_test(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_tables, "_bound", _tables._UNTRIED)
    monkeypatch.setattr(_tables, "_tabulated", _tables._UNTRIED)
    if broken == "table":
        monkeypatch.setattr(_tables._Table, "verifies", lambda *_: True)
    elif broken == "curve":
        monkeypatch.setattr(_tables._Curve, "verifies", lambda *_: True)
    elif broken == "functions":
        monkeypatch.setitem(_tables._QUICK, "EC_POINT_no_such_function", (None, []))
    verifier = _tables.Verifier(KEY.public.point)
    e, signature = KEY.public.digest(MESSAGE), KEY.sign(MESSAGE)
    for _ in range(2 * _tables.USES_BEFORE_TABLE + 2):
        assert verifier.verifies(e, signature)
        assert not verifier.verifies(e[::-1], signature)
    assert (verifier._table is not None) is (broken == "nothing")
    assert (verifier._key is not None) is (broken in ("curve", "functions"))


@pytest.mark.usefixtures("unbound")
def test_sm2_is_bound_once_when_threads_start_together(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    test = _openssl._self_test
    monkeypatch.setattr(_openssl, "_self_test", lambda lib: (runs.append(1), test(lib)))
    barrier = threading.Barrier(8)
    found: list[object] = []

    def start() -> None:
        barrier.wait()
        found.append(_openssl.library())

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1 and len(found) == 8 and len({id(each) for each in found}) == 1


def test_expecting_many_changes_no_answer_when_signatures_are_good_or_bad() -> None:
    signer = PrivateKey.generate()
    plain, expecting = PublicKey(signer.public.x, signer.public.y), PublicKey(signer.public.x, signer.public.y)
    assert expecting.expect_many() is expecting
    for n in range(4):
        message = b"message %d" % n
        signature = signer.sign(message)
        assert expecting.verify(message, signature).e == plain.verify(message, signature).e
        for key in (plain, expecting):
            with pytest.raises(SignatureRejected):
                key.verify(message + b"!", signature)
