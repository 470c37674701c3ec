"""The witness signs what follows from what it signed before, remembers before it speaks, and is never talked round."""

from __future__ import annotations

import json

import pytest
from headers import chain, header
from witness_world import (
    ANCHORS,
    CUSTOMS,
    FORKED,
    GENESIS,
    HEADERS,
    MARKET,
    STRANGER,
    WITNESSES,
    Operator,
    look,
    opened,
)

from ledger.crypto.keccak import keccak256
from ledger.errors import Conflict, NotAuthorised, Unavailable, VerificationFailed
from ledger.proof.cosignature import Cosignature, cosign, verify
from ledger.proof.equivocation import parse_equivocation, verify_equivocation
from ledger.proof.note import note, parse_feed
from ledger.services.witness import FileFeed, Memory, Witness


def feed(folder):
    return parse_feed((folder / "cosigned.txt").read_text(encoding="utf-8"))


def state(folder):
    return json.loads((folder / "witness.json").read_text(encoding="utf-8"))


def proven(folder):
    """The evidence that the witness wrote, verified as anybody would."""
    [file] = (folder / "evidence").iterdir()
    return verify_equivocation(parse_equivocation(file.read_bytes()), ANCHORS)


# ------------------------------------------------------------------------------------------------------ what holds


def test_witness_cosigns_the_newest_checkpoint_from_genesis_on(tmp_path):
    operator = Operator(head=10)
    seen = look(tmp_path, operator)
    assert (seen.signed_now, seen.handed_in, seen.refusal, seen.problems) == (True, True, None, ())
    [cosignature] = seen.cosigned.cosignatures
    evidence = verify(cosignature, operator.signed[10].checkpoint, WITNESSES)
    assert (evidence.method, evidence.witness.agency) == ("headers", "customs")
    assert operator.asked == list(range(1, 11))
    assert operator.taken == [(10, cosignature)]
    assert feed(tmp_path) == (seen.cosigned,)


def test_witness_fetches_only_what_came_since_when_it_looks_again(tmp_path):
    operator = Operator(head=10)
    look(tmp_path, operator)
    operator.asked.clear()
    operator.head = 14
    seen = look(tmp_path, operator)
    assert (seen.signed_now, seen.cosigned.checkpoint.height) == (True, 14)
    assert operator.asked == [11, 12, 13, 14]
    assert [each.checkpoint.height for each in feed(tmp_path)] == [10, 14]


def test_witness_signs_nothing_when_nothing_is_new(tmp_path):
    operator = Operator(head=10)
    first = look(tmp_path, operator)
    again = look(tmp_path, operator)
    assert (again.signed_now, again.cosigned) == (False, first.cosigned)
    assert len(operator.taken) == 1


def test_witness_signs_nothing_when_the_operator_shows_an_older_block_of_the_same_history(tmp_path):
    operator = Operator(head=20)
    look(tmp_path, operator)
    with opened(tmp_path, operator) as witness:
        operator.latest = lambda: operator.sign(15)
        seen = witness.look()
    assert (seen.signed_now, seen.refusal, seen.cosigned.checkpoint.height) == (False, None, 20)


# ------------------------------------------------------------------------------------------------- two histories


@pytest.mark.parametrize("head", [20, 21, 35])
def test_witness_refuses_for_good_with_evidence_when_the_operator_forks(tmp_path, head):
    look(tmp_path, Operator(head=20))
    fork = Operator(FORKED, head)
    seen = look(tmp_path, fork)
    assert (seen.signed_now, seen.cosigned.checkpoint.height) == (False, 20)
    assert seen.refusal.why == "two histories at height 20, shown by operator"
    evidence = proven(tmp_path)
    assert (evidence.height, evidence.one, evidence.other) == (20, keccak256(HEADERS[20]), keccak256(FORKED[20]))
    assert fork.taken == []
    honest = Operator(head=30)
    assert look(tmp_path, honest).refusal == seen.refusal
    assert honest.taken == [] and [each.checkpoint.height for each in feed(tmp_path)] == [20]


def test_witness_looks_again_when_a_human_removed_the_mark(tmp_path):
    look(tmp_path, Operator(head=20))
    assert look(tmp_path, Operator(FORKED, 25)).refusal is not None
    marked = state(tmp_path)
    (tmp_path / "witness.json").write_text(json.dumps(marked | {"refused": None}), encoding="utf-8")
    assert look(tmp_path, Operator(head=25)).signed_now


def test_evidence_is_short_when_the_operator_publishes_a_near_checkpoint_of_the_other_history(tmp_path):
    look(tmp_path, Operator(head=20))
    fork = Operator(FORKED, 40)
    fork.sign(22)
    look(tmp_path, fork)
    [file] = (tmp_path / "evidence").iterdir()
    assert len(json.loads(file.read_bytes())["headers"]) == 2
    assert proven(tmp_path).height == 20


def test_witness_refuses_with_evidence_when_history_begins_with_another_genesis(tmp_path):
    elsewhere = chain(12, after=[header(0, bytes(32), mark=b"elsewhere")])
    seen = look(tmp_path, Operator(elsewhere, 12))
    assert seen.refusal is not None and seen.cosigned is None
    assert (proven(tmp_path).height, proven(tmp_path).one) == (0, GENESIS)


def test_witness_refuses_with_evidence_when_an_older_block_shown_is_of_another_history(tmp_path):
    operator = Operator(head=20)
    look(tmp_path, operator)
    stray = Operator(FORKED, 15)
    operator.latest = lambda: stray.sign(15)
    seen = look(tmp_path, operator)
    assert seen.refusal is not None
    assert proven(tmp_path).height == 15


def test_witness_refuses_with_evidence_when_one_block_is_stated_in_two_ways(tmp_path):
    operator = Operator(head=20)
    look(tmp_path, operator)
    operator.sign(20, time=1)
    assert look(tmp_path, operator).refusal is not None
    assert proven(tmp_path).one == proven(tmp_path).other


# --------------------------------------------------------------------------------- what does not hold, unproven


def test_witness_does_not_sign_when_headers_lead_to_another_block_than_the_checkpoints(tmp_path):
    """Somebody with the stolen key signed a head that the operator's chain does not have."""
    look(tmp_path, Operator(head=20))
    operator = Operator(head=25)
    operator.sign(25, block=bytes(32))
    with pytest.raises(VerificationFailed, match="lead to another block"):
        look(tmp_path, operator)
    assert [each.checkpoint.height for each in feed(tmp_path)] == [20]
    assert state(tmp_path)["refused"] is None


@pytest.mark.parametrize("changes", [{"state_root": bytes(32)}, {"time": 1_764_000_001}])
def test_witness_does_not_sign_when_the_checkpoint_misstates_its_block(tmp_path, changes):
    operator = Operator(head=25)
    operator.sign(25, **changes)
    with pytest.raises(VerificationFailed, match="misstates"):
        look(tmp_path, operator)
    assert operator.taken == []


@pytest.mark.parametrize("changes", [{"chain_id": 1}, {"genesis": bytes(32)}])
def test_witness_does_not_sign_when_the_checkpoint_is_of_another_ledger(tmp_path, changes):
    operator = Operator(head=25)
    operator.sign(25, **changes)
    with pytest.raises(VerificationFailed, match="another chain"):
        look(tmp_path, operator)
    assert operator.taken == []


def test_witness_does_not_sign_when_a_stranger_signed_the_checkpoint(tmp_path):
    operator = Operator(head=25)
    operator.signer = STRANGER
    with pytest.raises(VerificationFailed, match="none of the 1"):
        look(tmp_path, operator)
    assert operator.taken == []


def test_witness_says_so_when_the_operator_lost_blocks_that_were_cosigned(tmp_path):
    look(tmp_path, Operator(head=20))
    with pytest.raises(VerificationFailed, match="20 was co-signed, and it does not show the blocks in between"):
        look(tmp_path, Operator(head=15))


def test_witness_does_not_sign_when_headers_are_withheld(tmp_path):
    look(tmp_path, Operator(head=20))
    operator = Operator(head=25)
    operator.headers = lambda first, last: iter(HEADERS[first:last])
    with pytest.raises(VerificationFailed, match="the headers end at 24"):
        look(tmp_path, operator)
    operator.headers = lambda first, last: iter(())
    with pytest.raises(VerificationFailed, match="the headers end at 20"):
        look(tmp_path, operator)
    assert operator.taken == []


# ----------------------------------------------------------------------------------------------- before speaking


def test_the_same_cosignature_is_handed_in_when_the_witness_was_killed_in_between(tmp_path):
    operator = Operator(head=10)

    class Killed(BaseException):
        pass

    def killed(height, cosignature):
        raise Killed

    operator.hand_in = killed
    with pytest.raises(Killed):
        look(tmp_path, operator)
    [kept] = feed(tmp_path)
    del operator.hand_in
    operator.head = 12
    seen = look(tmp_path, operator)
    assert [height for height, _ in operator.taken] == [10, 12]
    assert operator.taken[0][1] == kept.cosignatures[0]
    assert seen.handed_in and [each.checkpoint.height for each in feed(tmp_path)] == [10, 12]


def test_nothing_is_handed_in_when_it_could_not_be_written_down(tmp_path, monkeypatch):
    operator = Operator(head=10)

    def full(self, note):
        raise OSError(28, "No space left on device")

    with opened(tmp_path, operator) as witness:
        monkeypatch.setattr(Memory, "keep", full)
        with pytest.raises(OSError, match="No space"):
            witness.look()
    assert operator.taken == []


@pytest.mark.parametrize("refusal", [NotAuthorised("no"), Conflict("no"), Unavailable("down")])
def test_a_cosignature_is_handed_in_again_when_the_operator_did_not_take_it(tmp_path, refusal):
    operator = Operator(head=10)
    operator.refuses = refusal
    seen = look(tmp_path, operator)
    assert (seen.signed_now, seen.handed_in, len(seen.problems)) == (True, False, 1)
    operator.refuses = None
    assert look(tmp_path, operator).handed_in
    assert operator.taken == [(10, seen.cosigned.cosignatures[0])]


def test_a_rolled_back_state_file_is_overruled_by_the_feed(tmp_path):
    operator = Operator(head=10)
    look(tmp_path, operator)
    old = (tmp_path / "witness.json").read_bytes()
    operator.head = 20
    newest = look(tmp_path, operator).cosigned
    for rolled_back in (old, None):
        if rolled_back is None:
            (tmp_path / "witness.json").unlink()
        else:
            (tmp_path / "witness.json").write_bytes(rolled_back)
        fork = Operator(FORKED, 20)
        assert look(tmp_path, fork).refusal is not None
        assert fork.taken == []
        assert feed(tmp_path)[-1] == newest


def test_a_rolled_back_folder_takes_up_what_the_operator_shows_of_it(tmp_path):
    """Everything was put back from an old copy: the witness's own signatures at the operator say how far it was."""
    operator = Operator(head=10)
    look(tmp_path, operator)
    files = {name: (tmp_path / name).read_bytes() for name in ("witness.json", "cosigned.txt")}
    operator.head = 20
    first = look(tmp_path, operator).cosigned
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    seen = look(tmp_path, operator)
    assert seen.cosigned == first
    assert feed(tmp_path)[-1] == first
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    operator.head = 24
    assert look(tmp_path, operator).cosigned.checkpoint.height == 24
    assert [each.checkpoint.height for each in feed(tmp_path)] == [10, 20, 24]
    assert feed(tmp_path)[1] == first


def test_a_height_that_our_key_signed_elsewhere_is_not_signed_a_second_time(tmp_path):
    """Two machines of one agency with the same key: the operator shows what the other one signed."""
    operator = Operator(head=10)
    with opened(tmp_path / "one", operator) as witness:
        witness.look()
        operator.head = 12
        theirs = look(tmp_path / "two", operator).cosigned
        assert witness.look().cosigned == theirs
    assert [height for height, _ in operator.taken] == [10, 12, 12]
    assert operator.taken[1] == operator.taken[2]


def test_a_forged_or_replayed_cosignature_of_ours_is_not_taken_up(tmp_path):
    operator = Operator(head=10)
    look(tmp_path, operator)
    operator.head = 20
    genuine = operator.signed[10].cosignatures[0]
    theirs = cosign(operator.sign(20).checkpoint, MARKET, 1, "headers")
    for forged in (genuine, Cosignature(genuine.key_id, theirs.time, theirs.method, theirs.signature)):
        operator.signed[20] = note(operator.sign(20).signed, [forged])
        seen = look(tmp_path, operator)
        assert seen.cosigned.checkpoint.height == 20
        verify(seen.cosigned.cosignatures[0], operator.sign(20).checkpoint, WITNESSES)
        assert seen.cosigned.cosignatures[0] not in (genuine, forged)


# --------------------------------------------------------------------------------------------------- other views


def test_one_witness_catches_a_split_view_when_it_compares_two_addresses(tmp_path):
    operator, other = Operator(head=20), Operator(FORKED, 18, "elsewhere")
    other.sign(18)
    seen = look(tmp_path, operator, also=[other])
    assert seen.refusal.why == "two histories at height 18, shown by elsewhere"
    assert proven(tmp_path).height == 18
    assert operator.taken == []  # compared before signing


@pytest.mark.parametrize("second", [20, 16])
def test_two_witnesses_with_one_view_each_catch_it_when_they_compare_their_feeds(tmp_path, second):
    one, two = tmp_path / "one", tmp_path / "two"
    assert look(one, Operator(head=20)).signed_now
    assert look(two, Operator(FORKED, second), signer=MARKET).signed_now
    for folder, operator, signer, theirs in (
        (one, Operator(head=22), CUSTOMS, two),
        (two, Operator(FORKED, 22), MARKET, one),
    ):
        seen = look(folder, operator, signer=signer, also=[FileFeed(theirs / "cosigned.txt")])
        assert seen.refusal is not None, folder
        assert proven(folder).height in (second, 20)
        assert operator.taken == []


def test_witness_goes_on_when_the_other_addresses_show_the_same_history(tmp_path):
    operator, replica = Operator(head=10), Operator(head=9, name="replica")
    for height in range(3, 10):
        replica.sign(height)
    with opened(tmp_path, operator, also=[replica]) as witness:
        assert witness.look().signed_now
        replica.head, operator.head = 30, 14
        replica.sign(13)
        replica.sign(30)  # beyond what is known here: another time
        seen = witness.look()
    assert (seen.signed_now, seen.problems, seen.refusal) == (True, (), None)
    assert state(tmp_path)["compared"] == {"replica": 13}


def test_notes_are_not_compared_twice_when_they_agreed(tmp_path):
    operator, replica = Operator(head=10), Operator(head=9, name="replica")
    replica.sign(4)
    asked = []
    genuine = replica.notes
    replica.notes = lambda start: asked.append(start) or genuine(start)
    with opened(tmp_path, operator, also=[replica]) as witness:
        for head in (10, 12, 14):
            operator.head = head
            witness.look()
    assert asked == [0, 5, 5]


def test_witness_signs_and_says_so_when_another_address_is_down_or_talks_nonsense(tmp_path):
    down, nonsense = Operator(name="down"), Operator(head=8, name="nonsense")
    down.down = True
    nonsense.signer = STRANGER
    nonsense.sign(5)
    seen = look(tmp_path, Operator(head=10), also=[down, nonsense, FileFeed(tmp_path / "nowhere.txt")])
    assert seen.signed_now
    assert [problem.partition(":")[0] for problem in seen.problems] == [
        "down",
        "nonsense",
        str(tmp_path / "nowhere.txt"),
    ]


def test_junk_in_another_feed_does_not_hide_the_other_history_behind_it(tmp_path):
    other = Operator(FORKED, 18, "elsewhere")
    other.signer = STRANGER
    other.sign(3)
    other.signer = Operator().signer
    other.sign(18)
    assert look(tmp_path, Operator(head=20), also=[other]).refusal is not None


# ----------------------------------------------------------------------------------------------------- whose it is


def test_witness_does_not_start_when_its_key_is_not_anchored(tmp_path):
    with pytest.raises(NotAuthorised):
        look(tmp_path, Operator(), signer=STRANGER)


def test_witness_does_not_start_in_the_folder_of_another_key_or_ledger(tmp_path):
    look(tmp_path, Operator())
    with pytest.raises(Conflict, match="another key"):
        look(tmp_path, Operator(), signer=MARKET)
    elsewhere = replace_anchors(genesis=bytes(32))
    with Memory(tmp_path).opened() as memory, pytest.raises(Conflict, match="another ledger"):
        Witness(memory, CUSTOMS, elsewhere, Operator())


def replace_anchors(**changes):
    values = {name: getattr(ANCHORS, name) for name in type(ANCHORS).__slots__}
    return type(ANCHORS)(**(values | changes))


def test_two_processes_do_not_share_a_folder(tmp_path):
    with opened(tmp_path, Operator()), pytest.raises(Conflict, match="another witness"):
        look(tmp_path, Operator())
