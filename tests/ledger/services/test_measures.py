"""Counters stay bounded and true, whatever is counted."""

from __future__ import annotations

import pytest

from ledger import errors
from ledger.crypto.certificates import refusals
from ledger.errors import OriginSealError, RecordsRefused, RevertedOnChain, RpcError
from ledger.services import measures
from ledger.services.measures import LAG_BUCKETS, OTHER, Measures, contract_errors, reason


def leaves(cls: type[OriginSealError] = OriginSealError) -> list[type[OriginSealError]]:
    return [cls, *(found for sub in cls.__subclasses__() for found in leaves(sub))]


def made(cls: type[OriginSealError]) -> OriginSealError:
    if cls is RecordsRefused:
        return RecordsRefused("x", [])
    if cls is RpcError:
        return RpcError("x", rpc_code=1)
    return cls("x")


def test_label_is_a_code_of_the_error_tree_when_anything_is_refused() -> None:
    defined = [*vars(errors).values(), *vars(refusals).values()]  # the tree, and the certificates' branch of it
    codes = {cls.code for cls in defined if isinstance(cls, type) and issubclass(cls, OriginSealError)}
    assert len(codes) > 40
    for cls in leaves():
        code, error = reason(made(cls))
        assert code in codes
        assert error in ("", OTHER) or error in contract_errors()


@pytest.mark.parametrize("name", ["LotsInsufficient", "MembersMissingRole", "SubmissionsExpired", "EngineRefused"])
def test_label_names_the_contracts_error_when_it_is_a_known_one(name: str) -> None:
    assert reason(RevertedOnChain(name)) == ("reverted-on-chain", name)


@pytest.mark.parametrize("name", ["", "lotsinsufficient", "Made Up", "x" * 10_000, '"} 1\n'])
def test_label_is_other_when_the_error_is_no_contracts(name: str) -> None:
    assert reason(RevertedOnChain(name)) == ("reverted-on-chain", OTHER)


def test_registry_does_not_grow_when_errors_are_invented() -> None:
    counted = Measures()
    for i in range(1000):
        counted.refused(RevertedOnChain(f"Invented{i}"))
    assert counted.refusals() == {("reverted-on-chain", OTHER): 1000}


def test_lag_is_from_acceptance_to_sealing() -> None:
    now = [1000.0]
    counted = Measures(lambda: now[0])
    counted.accepted(b"a")
    counted.accepted(b"b")
    now[0] += 0.3
    counted.sealed([b"a"], lambda _: 0.0)
    now[0] += 7
    counted.sealed([b"b"], lambda _: 0.0)
    lag = counted.lag()
    assert lag.count == 2
    assert lag.total == pytest.approx(7.6)
    by_bound = dict(zip(LAG_BUCKETS, lag.cumulative, strict=True))
    assert (by_bound[0.25], by_bound[0.5], by_bound[5.0], by_bound[10.0], by_bound[86400.0]) == (0, 1, 1, 2, 2)


def test_lag_is_from_the_store_when_another_process_accepted_it() -> None:
    counted = Measures(lambda: 1000.0)
    counted.sealed([b"a"], lambda known: 940.0 if known == b"a" else 0.0)
    assert counted.lag().total == pytest.approx(60.0)


def test_lag_is_never_negative_when_the_clock_was_put_back() -> None:
    now = [1000.0]
    counted = Measures(lambda: now[0])
    counted.accepted(b"a")
    now[0] = 10.0
    counted.sealed([b"a"], lambda _: 0.0)
    assert (counted.lag().total, counted.lag().cumulative[0]) == (0.0, 1)


def test_lag_beyond_the_last_bound_is_counted_too() -> None:
    counted = Measures(lambda: 1e9)
    counted.sealed([b"a"], lambda _: 0.0)
    assert (counted.lag().count, counted.lag().cumulative[-1]) == (1, 0)


def test_memory_is_bounded_when_nothing_is_ever_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "MAX_WAITING", 10)
    counted = Measures()
    for i in range(100):
        counted.accepted(bytes([i]))
    assert len(counted._accepted) == 10
