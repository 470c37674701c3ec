"""Lawful messages of every type, drawn from the message tables and the code tables; shared by the customs tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ceb_world import OFFICIAL
from hypothesis import strategies as st
from lxml import etree

from ledger.documents.ceb import compose_message
from ledger.documents.ceb.checks import FieldSpec
from ledger.documents.ceb.codetables import code_table
from ledger.documents.ceb.schema import MAX_SUBSCRIPTIONS, MESSAGE_TYPES, MessageSchema, schema

XSDS = {edition: OFFICIAL / "xsd" / f"{edition}.xsd" for edition in ("export", "import")}
needs_official = pytest.mark.skipif(
    not all(path.is_file() for path in XSDS.values()),
    reason="the official schemas (../shared/data/ceb202205) are not here",
)
TRANSFER = {"copCode": "4409960003", "copName": "传输企业", "dxpMode": "DXP", "dxpId": "DXPLGS0000000001"}
SUBSCRIPTION = {"status": "ALL", "dxpMode": "DXP", "dxpAddress": "DXPLGS0000000001"}
# Not a signature of anything: the content that the official signature schema asks for.
SIGNATURE = """<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod
 Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/><ds:SignatureMethod
 Algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"/><ds:Reference URI=""><ds:Transforms><ds:Transform
 Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></ds:Transforms><ds:DigestMethod
 Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/><ds:DigestValue>AA==</ds:DigestValue></ds:Reference></ds:SignedInfo>
<ds:SignatureValue>AA==</ds:SignatureValue><ds:KeyInfo><ds:KeyName>0</ds:KeyName><ds:X509Data>
<ds:X509Certificate>AA==</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"""

# Letters, digits, Chinese and markup characters: what XML can hold and NFC leaves alone.
TEXT = st.text(alphabet="AZaz09 <>&\"'-_荔枝龙眼公司（）", min_size=1, max_size=20).filter(lambda t: t.strip() == t)
TIMES = {8: "20260613", 14: "20260613080000", 17: "20260613080000123"}
# Drawing from regular expressions is slow; these are a few texts of each pattern, and a test holds them to it.
PATTERNS = {
    "[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}": [
        "4CDE1CFD-EDED-46B1-946C-B8022E42FC94",
        f"{'0' * 8}-0000-0000-0000-{'F' * 12}",
    ],
    "[0-9A-Z]{10}|[0-9A-Z]{18}|无": ["1105910159", "91440900MA4U0014P0", "无"],
    "[0-9A-Z]{10}|[0-9A-Z]{18}": ["1105910159", "91440900MA4U0014P0"],
    "[0-9]{10}": ["0810901000", "0303230000"],
    "[0-9A-Z]{3,4}": ["132", "1320", "SGSI"],
    "B[0-9]{17}": ["B20260613000000001", "B" + "0" * 17],
    "[0-9]{8}[IE][0-9]{9,11}": ["67012026E000000001", "53012026I99999999999"],
    "-?[0-9]{1,9}": ["120", "-301010", "2"],
    "-[0-9]{1,9}": ["-1", "-999999999"],
    "[0-9]{6}": ["440900"],
}
_NO_SPACE_AROUND = "\\S(.*\\S)?"


def official(path: Path) -> etree.XMLSchema:
    """A compiled official schema."""
    return etree.XMLSchema(etree.parse(path))


def value(spec: FieldSpec) -> st.SearchStrategy[str]:
    """A lawful value of a field, made from its official length and type and our tables."""
    check = spec.check or {}
    if "values" in check:
        return st.sampled_from(check["values"])
    if "table" in check:
        return st.sampled_from(sorted(set(code_table(check["table"])) - set(check.get("except", ()))))
    if "district" in check:
        districts = sorted(code_table(check["district"]))
        return st.builds("{}{:02d}".format, st.sampled_from(districts), st.integers(0, 99))
    if "time" in check:
        return st.just(TIMES[spec.maximum])
    if "equals" in check:
        return st.just(check["equals"])
    if "pattern" in check and check["pattern"] != _NO_SPACE_AROUND:
        return st.sampled_from(
            [text for text in PATTERNS[check["pattern"]] if spec.minimum <= len(text) <= spec.maximum]
        )
    if spec.type == "int":
        return st.integers(1, min(10**spec.maximum - 1, 2**31 - 1)).map(str)
    if spec.type == "decimal":
        return st.decimals(min_value="0.00001", max_value=10**13, places=5).map(lambda d: format(d, "f"))
    if spec.minimum <= 1:
        return TEXT.map(lambda t: t[: spec.maximum].strip() or "A")
    return st.just("A" * spec.maximum)


def fields(specs: tuple[FieldSpec, ...], needed: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, str]]:
    def wanted(spec: FieldSpec) -> bool:
        return not spec.optional or spec.name in needed

    return st.fixed_dictionaries(
        {s.name: value(s) for s in specs if wanted(s)}, optional={s.name: value(s) for s in specs if not wanted(s)}
    )


def plain(spec: FieldSpec) -> str:
    """One lawful value of a field, without drawing."""
    check = spec.check or {}
    if "values" in check:
        return str(check["values"][0])
    if "table" in check:
        return next(code for code in code_table(check["table"]) if code not in check.get("except", ()))
    if "district" in check:
        return "6701"
    if "time" in check:
        return TIMES[spec.maximum]
    if "pattern" in check and check["pattern"] != _NO_SPACE_AROUND:
        return next(text for text in PATTERNS[check["pattern"]] if spec.minimum <= len(text) <= spec.maximum)
    return "1" if spec.type != "string" or spec.minimum <= 1 else "A" * spec.maximum


def example(message_type: str, *, full: bool = True) -> dict[str, Any]:
    """One lawful node of a message type: with every element, or with the mandatory ones only."""
    table = schema(message_type)

    def chosen(specs: tuple[FieldSpec, ...]) -> dict[str, str]:
        return {spec.name: plain(spec) for spec in specs if full or not spec.optional}

    lines = [chosen(table.list_fields)] * 2 if table.list else []
    return settled(table, {"head": chosen(table.head_fields), "list": lines})


def settled(table: MessageSchema, made: dict[str, Any]) -> dict[str, Any]:
    """The document with what its parts must agree on: numbering, part of a split message, time range."""
    head, lines = made["head"], made["list"]
    if table.numbered:
        lines = [{**line, "gnum": str(i)} for i, line in enumerate(lines, 1)]
    if "msgCount" in head:
        head = {**head, "msgSeqNo": str(min(int(head["msgCount"]), int(head["msgSeqNo"])))}
    if table.type == "CEB701" and ("startTime" in head) is not ("endTime" in head):
        head = {k: v for k, v in head.items() if k not in ("startTime", "endTime")}
    return {"head": head, "list": lines}


def document(message_type: str) -> st.SearchStrategy[dict[str, Any]]:
    """One lawful node of a message type."""
    table = schema(message_type)
    in_head = tuple(name for condition in table.conditions for name in condition.head)
    in_lines = tuple(name for condition in table.conditions for name in condition.lines)
    lines = st.lists(fields(table.list_fields, in_lines), min_size=1, max_size=2) if table.list else st.just([])
    made = st.fixed_dictionaries({"head": fields(table.head_fields, in_head), "list": lines})
    return made.map(lambda d: settled(table, d))


CASES = st.sampled_from(MESSAGE_TYPES).flatmap(lambda t: st.tuples(st.just(t), document(t)))


def signed(message_type: str, data: bytes) -> bytes:
    """The message with a signature-shaped element in its place when the official schema wants one."""
    if schema(message_type).signature != "always":
        return data
    end = f"</ceb:{message_type}Message>".encode()
    return data.replace(end, SIGNATURE.encode() + end)


def composed(message_type: str, made: dict[str, Any], **options: Any) -> bytes:
    """A message of one document, in the form that the official schema asks for."""
    transfer = TRANSFER if "BaseTransfer" in schema(message_type).envelope else None
    return signed(message_type, compose_message(message_type, [(made["head"], made["list"])], transfer, **options))


SUBSCRIPTIONS = st.integers(0, MAX_SUBSCRIPTIONS).map(lambda n: [SUBSCRIPTION] * n)
