"""What a witness remembers survives crashes and old copies, and is not repaired where no crash explains it."""

from __future__ import annotations

import json

import pytest
from headers import checkpoint
from witness_world import CUSTOMS, GENESIS, HEADERS, OPERATOR

from ledger.errors import Malformed, NotFound
from ledger.proof.checkpoint import sign
from ledger.proof.cosignature import cosign
from ledger.proof.note import feed_text, note, parse_feed
from ledger.services.witness import FileFeed, Memory, Refusal
from ledger.services.witness import feedfile as feedfiles
from ledger.services.witness.feedfile import FeedFile
from ledger.services.witness.state import parse_state


def made(height, *, raw=None):
    point = checkpoint(HEADERS[height] if raw is None else raw, GENESIS)
    return note(sign(point, OPERATOR), [cosign(point, CUSTOMS, 1_764_300_000 + height, "headers")])


NOTES = [made(height) for height in range(1, 8)]


@pytest.fixture
def folder(tmp_path):
    """A witness that co-signed heights 1 to 7."""
    with Memory(tmp_path).opened() as memory:
        for each in NOTES:
            memory.keep(each)
        memory.handed_in()
    return tmp_path


def reopened(folder):
    with Memory(folder).opened() as memory:
        return memory


def feed(folder):
    return parse_feed((folder / "cosigned.txt").read_text(encoding="utf-8"))


def test_everything_is_there_again_when_the_folder_is_opened_again(folder):
    memory = reopened(folder)
    assert (memory.state.last, memory.state.handed_in) == (NOTES[-1], True)
    assert list(memory.feed.notes()) == NOTES == list(FileFeed(folder / "cosigned.txt").notes(0))
    assert memory.feed.note(3) == NOTES[2]
    with pytest.raises(NotFound):
        memory.feed.note(8)


def test_a_feed_cut_short_by_a_crash_is_completed_from_the_state(folder):
    """The state is written first, so whatever part of the last note reached the feed, the whole note is known."""
    whole = (folder / "cosigned.txt").read_bytes()
    before = len(feed_text(NOTES[:-1]).encode())
    for length in range(before, len(whole)):
        (folder / "cosigned.txt").write_bytes(whole[:length])
        assert reopened(folder).state.last == NOTES[-1]
        assert (folder / "cosigned.txt").read_bytes() == whole, length


def test_the_very_first_note_cut_short_is_completed_from_the_state(tmp_path):
    with Memory(tmp_path).opened() as memory:
        memory.keep(NOTES[0])
    whole = (tmp_path / "cosigned.txt").read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cosigned.txt").write_bytes(whole[:length])
        reopened(tmp_path)
        assert (tmp_path / "cosigned.txt").read_bytes() == whole, length


@pytest.mark.parametrize("damage", ["cut", "appended", "edited"])
def test_damage_that_no_crash_explains_is_refused_and_left_alone(folder, damage):
    whole = (folder / "cosigned.txt").read_bytes()
    state = json.loads((folder / "witness.json").read_text(encoding="utf-8"))
    if damage == "cut":  # an old state beside a feed that was cut
        state["last"] = NOTES[3].to_dict()
        whole = whole[:-5]
    elif damage == "appended":
        whole += b"\nsomething"
    else:
        whole = whole[:-2] + (b"0" if whole[-2:-1] != b"0" else b"1") + b"\n"
    (folder / "witness.json").write_text(json.dumps(state), encoding="utf-8")
    (folder / "cosigned.txt").write_bytes(whole)
    with pytest.raises(Malformed) as caught:
        reopened(folder)
    assert caught.value.field == "cosigned.txt"
    assert (folder / "cosigned.txt").read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"x" * 300_000, b'{"format": "originseal-witness-state/v2"}', b"\xff"],
)
def test_a_damaged_state_file_is_refused_naming_it(folder, content):
    (folder / "witness.json").write_bytes(content)
    with pytest.raises(Malformed, match=r"witness\.json"):
        reopened(folder)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"last": {}}, "/last/checkpoint"),
        ({"handedIn": 1}, "/handedIn"),
        ({"refused": {"time": 1}}, "/refused/why"),
        ({"compared": []}, "/compared"),
        ({"compared": {"a": -1}}, "/compared/a"),
        ({"compared": {str(at): 1 for at in range(65)}}, "/compared"),
        ({"more": 1}, "/more"),
    ],
)
def test_state_is_malformed_naming_the_member_when_a_value_is_wrong(folder, change, field):
    value = json.loads((folder / "witness.json").read_text(encoding="utf-8")) | change
    with pytest.raises(Malformed) as caught:
        parse_state(json.dumps(value).encode())
    assert caught.value.field == field


def test_a_mark_and_comparisons_survive(folder):
    with Memory(folder).opened() as memory:
        memory.refuse(Refusal(5, "why", "evidence.json"))
        memory.compared("https://replica.example", 4)
        memory.compared("feed.txt", 7)
    again = reopened(folder)
    assert again.state.refusal == Refusal(5, "why", "evidence.json")
    assert (again.compared_with("https://replica.example"), again.compared_with("other")) == (4, -1)
    assert parse_state((folder / "witness.json").read_bytes()) == again.state


def test_nothing_lower_or_equal_is_ever_kept(folder):
    with Memory(folder).opened() as memory:
        for lower in (NOTES[-1], NOTES[0]):
            with pytest.raises(RuntimeError):
                memory.keep(lower)
    assert feed(folder) == tuple(NOTES)


def test_long_feeds_are_searched_without_being_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(feedfiles, "WINDOW", 4096)  # a few notes
    feeds = FeedFile(tmp_path / "cosigned.txt")
    long = [made(height) for height in range(1, 41)]
    for each in long:
        feeds.append(each)
    assert feeds.tail() == (long[-1], False)
    for start in (0, 1, 2, 17, 39, 40, 41):
        assert list(feeds.notes(start)) == long[max(start - 1, 0) :]
    parsed = []
    genuine = FeedFile._parse
    monkeypatch.setattr(FeedFile, "_parse", lambda self, raw: parsed.append(raw) or genuine(self, raw))
    assert feeds.note(39) == long[38]
    assert len(parsed) < 15


def test_a_feed_that_is_none_is_malformed_when_it_is_read(tmp_path):
    path = tmp_path / "theirs.txt"
    for content in (b"\xff\xfe\n", b"x" * 5000, b"<html>\n", feed_text(NOTES[:2]).encode() + b"\njunk\n"):
        path.write_bytes(content)
        with pytest.raises(Malformed):
            list(FileFeed(path).notes(0))
