"""Matching trades and sealing the verdict: the matcher reads the documents, the chain keeps only digests and outcome.

The rules live in `ledger.documents.matching`; who signed what, and whether a lot has so much left, is judged by the
contracts. A verdict other than MATCHED may be followed by another once more documents arrive; MATCHED is final.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ledger.chain.reader import ChainReader
from ledger.crypto.digest import sm3_text
from ledger.crypto.keyfile import FileSigner
from ledger.documents.ceb import BusinessNode, node_from_payload
from ledger.documents.matching import MatchResult, RuleResult, current_policy, match, rule_text
from ledger.documents.statement import Record
from ledger.domain.codes import Verdict
from ledger.domain.members import check_uscc, member_id
from ledger.errors import OriginSealError, RevertedOnChain
from ledger.services.compose import Composer, Network, Part
from ledger.services.receipts import Receipt
from ledger.services.trade_register import TradeDocuments, TradeRegister
from ledger.vault import Vault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the rules say about one trade, and the goods link they were given."""

    result: MatchResult
    link: dict[str, Any] | None


class Matcher:
    """Judges trades in the name of one member with the role MATCHER and seals what it finds through `submit`."""

    def __init__(
        self,
        composer: Composer,
        register: TradeRegister,
        vault: Vault,
        chain: ChainReader,
        submit: Callable[[Mapping[str, Any]], Receipt],
    ) -> None:
        self._composer = composer
        self._register = register
        self._vault = vault
        self._chain = chain
        self._submit = submit

    def after(self, records: Iterable[Record]) -> list[Receipt]:
        """Match the trades that new documents complete. A trade that cannot be sealed now never stops the documents'
        own submission: it is logged and tried again with the next document or by `match_all`."""
        with self._vault.transaction() as connection:
            touched = self._register.lists_touched(connection, records)
        return self._match_each(touched, only_complete=True)

    def match_all(self) -> list[Receipt]:
        """Judge every trade whose verdict may have changed, incomplete ones too."""
        with self._vault.transaction() as connection:
            lists = self._register.lists(connection)
        return self._match_each(lists, only_complete=False)

    def _match_each(self, lists: Iterable[bytes], *, only_complete: bool) -> list[Receipt]:
        receipts = []
        for inventory in lists:
            try:
                receipt = self._match(inventory, only_complete=only_complete)
            except OriginSealError as error:
                log.warning("not matched", extra={"facts": {"list": sm3_text(inventory), "reason": error.code}})
                continue
            if receipt is not None:
                receipts.append(receipt)
        return receipts

    def _match(self, inventory: bytes, *, only_complete: bool) -> Receipt | None:
        with self._vault.transaction() as connection:
            documents = self._register.by_list(connection, inventory)
        if documents is None or (only_complete and not documents.complete):
            return None
        recorded = self._chain.call("Trades", "trade", documents.trade)
        if recorded["verdict"] == Verdict.MATCHED:
            return None
        evaluation = self.evaluate(documents)
        if recorded["verdict"] == evaluation.result.verdict and tuple(recorded["documents"]) == documents.digests:
            return None  # nothing new to say
        try:
            return self._seal(documents, evaluation)
        except RevertedOnChain as refusal:
            if evaluation.result.verdict is not Verdict.MATCHED:
                raise
            # The papers agree and the goods do not: the contract refused, and that is the verdict.
            return self._seal(documents, _refused_by_contract(evaluation, refusal))

    def evaluate(self, documents: TradeDocuments) -> Evaluation:
        """Apply the current policy to one trade's documents. Raises NotFound when a payload is missing."""
        link = dict(self._vault.record(documents.links[-1]).payload) if documents.links else None
        with self._vault.transaction() as connection:
            register = self._register.uniqueness(connection, documents)
        result = match(
            self._node(documents.order),
            [node for node in map(self._node, documents.receipts) if node is not None],
            self._node(documents.waybill),
            self._node(documents.inventory),
            current_policy(),
            link=link,
            register=register,
        )
        return Evaluation(result, link)

    def _node(self, digest: bytes | None) -> BusinessNode | None:
        if digest is None:
            return None
        record = self._vault.record(digest, with_evidence=False)
        return node_from_payload(record.kind, record.payload)

    def _seal(self, documents: TradeDocuments, evaluation: Evaluation) -> Receipt:
        return self._submit(self._composer.compose([self._part(documents, evaluation)]).to_wire())

    def _part(self, documents: TradeDocuments, evaluation: Evaluation) -> Part:
        order, receipt, waybill, inventory = documents.digests
        names = {"order": order, "receipt": receipt, "waybill": waybill, "list": inventory}
        payload = {
            **evaluation.result.payload(),
            "trade": sm3_text(documents.trade),
            "documents": {name: sm3_text(digest) for name, digest in names.items() if any(digest)},
        }
        if evaluation.link is not None:
            payload["lines"] = evaluation.link["lines"]
        return self._composer.part("trade.match", payload)


def _refused_by_contract(evaluation: Evaluation, refusal: RevertedOnChain) -> Evaluation:
    """The evaluation with one more rule: the ledger itself could not give the goods."""
    words = rule_text("C1")
    assert words is not None
    rule = RuleResult(
        id=words.id,
        title_zh=words.title_zh,
        title_en=words.title_en,
        basis=words.basis,
        severity="hard",
        outcome="failed",
        fields=("link.lines",),
        reason_zh=f"合约拒绝：{refusal.error}",
        reason_en=f"the contract refused: {refusal.error}",
    )
    result = replace(evaluation.result, verdict=Verdict.MISMATCHED, rules=(*evaluation.result.rules, rule))
    return replace(evaluation, result=result)


def open_matcher(
    settings: Mapping[str, str],
    keys: Path,
    passphrase: str,
    network: Network,
    register: TradeRegister,
    vault: Vault,
    chain: ChainReader,
    submit: Callable[[Mapping[str, Any]], Receipt],
) -> Matcher:
    """The matcher that a configuration names: `{"uscc": …, "key": file under keys/}`."""
    signer = FileSigner.open(keys / settings["key"], passphrase)
    composer = Composer(network, member_id(check_uscc(settings["uscc"])), signer)
    return Matcher(composer, register, vault, chain, submit)
