"""The demonstration's agencies: real keys, real co-signatures, and new heads co-signed while it runs."""

from __future__ import annotations

import time

import pytest

from ledger.crypto.keyfile import FileSigner
from ledger.domain.members import member_id
from ledger.services.compose import Composer
from ledger.services.demo import payloads
from ledger.services.demo.actors import BY_SLUG
from ledger.services.demo.witnesses import AGENCIES, look_once, witnessing
from ledger.services.ledger import Ledger
from ledger.services.operator_keys import find_passphrase

DEADLINE = 60.0


@pytest.fixture
def ledger(folder):
    with Ledger.open(folder) as opened:
        yield opened


def new_head(ledger: Ledger) -> int:
    actor = BY_SLUG["authority-maoming"]
    keys = ledger.folder.keys
    signer = FileSigner.open(keys / "members" / f"{actor.slug}.pem", find_passphrase(keys))
    composer = Composer(ledger.network, member_id(actor.uscc), signer)
    ledger.submit(composer.compose([composer.part("member.profile", payloads.profile(actor))]).to_wire())
    return ledger.gateway.height()


def test_seeded_head_is_cosigned_by_every_agency(ledger):
    note = ledger.feed.latest(len(AGENCIES))
    assert note.checkpoint.height == ledger.gateway.height()
    named = {ledger.feed.anchors.witnesses[one.key_id].name_zh for one in note.cosignatures}
    assert named == {agency.zh for agency in AGENCIES}


def test_new_heads_are_cosigned_while_the_demonstration_runs(ledger):
    before = ledger.version()
    with witnessing(ledger, interval=0.02):
        head = new_head(ledger)
        until = time.monotonic() + DEADLINE
        while ledger.feed.witnessed_height(len(AGENCIES)) != head:
            assert time.monotonic() < until, "the agencies did not co-sign the new head"
            time.sleep(0.02)
    assert ledger.version() > before
    assert {file.name for file in (ledger.folder.root / "witnesses").iterdir()} == {each.slug for each in AGENCIES}


def test_demonstration_from_before_there_were_witnesses_goes_on_without(ledger):
    for agency in AGENCIES:
        (ledger.folder.keys / "witnesses" / f"{agency.slug}.pem").unlink()
    head = new_head(ledger)
    look_once(ledger)
    assert ledger.feed.cosignatures(head) == ()
