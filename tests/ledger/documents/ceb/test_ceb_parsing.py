"""Strict and lenient parsing: what is accepted, what is forgiven by name, what no mode forgives."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ceb_world import (
    DOCUMENTS,
    INVENTORY,
    NAMESPACE,
    ORDER,
    RECEIPT,
    TRANSFER,
    WAYBILL,
    changed,
    fields,
    guid,
    message_xml,
    node_xml,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.crypto.sm3 import sm3
from ledger.documents.ceb import node_from_payload, parse_message
from ledger.documents.ceb.schema import code_table, schema
from ledger.errors import HostileXml, Malformed


@pytest.mark.parametrize("message_type", DOCUMENTS)
def test_lawful_message_is_parsed_exactly_when_strict(message_type):
    message = parse_message(message_xml(message_type))
    (node,) = message.nodes
    assert node.head == DOCUMENTS[message_type]["head"]
    assert list(node.lines) == DOCUMENTS[message_type]["list"]
    assert (message.message_type, message.version, message.guid) == (message_type, "1.0", guid(9))
    assert message.errors == ()
    assert [d.code for d in message.defects] == (["signature-missing"] if message_type == "CEB603" else [])


@pytest.mark.parametrize("message_type", DOCUMENTS)
def test_payload_holds_texts_and_the_digest_of_the_canonical_node(message_type):
    (node,) = parse_message(message_xml(message_type)).nodes
    payload = node.payload()
    assert payload["xml"]["c14n"] == "sm3:" + sm3(node.c14n).hex()
    assert payload["head"] == DOCUMENTS[message_type]["head"]
    assert payload["list"] == DOCUMENTS[message_type]["list"]
    again = node_from_payload(node.kind, payload)
    assert (again.head, again.lines, again.key, again.c14n_digest) == (
        node.head,
        node.lines,
        node.key,
        node.c14n_digest,
    )


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"xml": {"c14n": "sm3:00"}, "head": {}, "list": []},
        {"xml": {"c14n": "sm3:" + "0" * 64}, "head": {"a": 1}, "list": []},
        {"xml": {"c14n": "sm3:" + "0" * 64}, "head": {}, "list": {}},
        {"xml": {"c14n": "sm3:" + "0" * 64}, "head": {}, "list": ["x"]},
        {"xml": {}, "head": {}, "list": []},
        {"xml": None, "head": {}, "list": []},
    ],
)
def test_payload_is_refused_when_it_is_not_a_customs_document(payload):
    with pytest.raises(Malformed):
        node_from_payload("ceb.303", payload)


def test_keys_join_the_documents():
    keys = {t: parse_message(message_xml(t)).nodes[0].key for t in DOCUMENTS}
    assert keys["CEB303"] == keys["CEB403"] == keys["CEB603"] == (ORDER["head"]["ebcCode"], "YP2026000001")
    assert keys["CEB505"] == (WAYBILL["head"]["logisticsCode"], "NL00000001CN")


def second_quantity(text: str) -> dict[str, Any]:
    """INVENTORY with the optional qty2 in its place on the first line."""
    line: dict[str, str] = {}
    for name, value in INVENTORY["list"][0].items():
        line[name] = value
        if name == "qty1":
            line["qty2"] = text
    return {**INVENTORY, "list": [line, INVENTORY["list"][1]]}


FORGIVEN = [
    ("CEB303", changed(ORDER, guid=guid(10).lower()), "guid-lower-case", "OrderHead/guid"),
    ("CEB303", changed(ORDER, ebcName=""), "blank-mandatory", "OrderHead/ebcName"),
    ("CEB303", changed(ORDER, ebcName=" \t"), "blank-mandatory", "OrderHead/ebcName"),
    ("CEB303", changed(ORDER, ebcName=None), "missing-mandatory", "OrderHead/ebcName"),
    ("CEB303", changed(ORDER, ebcName="长" * 101), "too-long", "OrderHead/ebcName"),
    ("CEB303", changed(ORDER, appTime="20260230080000"), "not-a-time", "OrderHead/appTime"),
    ("CEB303", changed(ORDER, appTime="2026"), "wrong-length", "OrderHead/appTime"),
    ("CEB303", changed(ORDER, appType="9"), "unknown-value", "OrderHead/appType"),
    ("CEB303", changed(ORDER, currency="840"), "unknown-code", "OrderHead/currency"),
    ("CEB303", changed(ORDER, goodsValue="1e3"), "not-a-number", "OrderHead/goodsValue"),
    ("CEB303", changed(ORDER, goodsValue=""), "blank-mandatory", "OrderHead/goodsValue"),
    ("CEB303", changed(ORDER, goodsValue="-1"), "negative", "OrderHead/goodsValue"),
    ("CEB303", changed(ORDER, goodsValue="1.123456"), "too-many-decimals", "OrderHead/goodsValue"),
    ("CEB303", changed(ORDER, goodsValue="1" * 20), "too-many-digits", "OrderHead/goodsValue"),
    ("CEB303", changed(ORDER, goodsValue="１２"), "not-a-number", "OrderHead/goodsValue"),
    ("CEB303", changed(ORDER, goodsValue="+12"), "not-a-number", "OrderHead/goodsValue"),
    ("CEB303", changed(ORDER, line=1, qty="0"), "out-of-range", "OrderList[1]/qty"),
    ("CEB303", changed(ORDER, line=1, qty="0.000"), "out-of-range", "OrderList[1]/qty"),
    ("CEB303", changed(ORDER, line=2, gnum="3"), "gnum-sequence", "OrderList[2]/gnum"),
    ("CEB303", changed(ORDER, line=2, gnum="1"), "gnum-sequence", "OrderList[2]/gnum"),
    ("CEB303", changed(ORDER, line=1, gnum="1.0"), "not-a-number", "OrderList[1]/gnum"),
    ("CEB303", changed(ORDER, line=1, unit="999"), "unknown-code", "OrderList[1]/unit"),
    ("CEB303", changed(ORDER, orderNo=" YP2026000001"), "pattern", "OrderHead/orderNo"),
    ("CEB303", changed(ORDER, ebpCode="12345"), "pattern", "OrderHead/ebpCode"),
    ("CEB303", changed(ORDER, colour="red"), "unknown-element", "OrderHead/colour"),
    ("CEB403", changed(RECEIPT, charge="0"), "out-of-range", "Receipts[1]/charge"),
    ("CEB403", changed(RECEIPT, payName=""), "blank-mandatory", "Receipts[1]/payName"),
    ("CEB403", changed(RECEIPT, payNo="9" * 61), "too-long", "Receipts[1]/payNo"),
    ("CEB505", changed(WAYBILL, packNo="0"), "out-of-range", "Logistics[1]/packNo"),
    ("CEB505", changed(WAYBILL, packNo="1.5"), "not-a-number", "Logistics[1]/packNo"),
    ("CEB505", changed(WAYBILL, packNo="1234567890"), "too-many-digits", "Logistics[1]/packNo"),
    ("CEB505", changed(WAYBILL, ebcCode="?"), "pattern", "Logistics[1]/ebcCode"),
    ("CEB603", changed(INVENTORY, ieFlag="a"), "unknown-value", "InventoryHead/ieFlag"),
    ("CEB603", changed(INVENTORY, tradeMode="0110"), "unknown-code", "InventoryHead/tradeMode"),
    ("CEB603", changed(INVENTORY, customsCode="67a2"), "pattern", "InventoryHead/customsCode"),
    ("CEB603", changed(INVENTORY, POD="12"), "too-short", "InventoryHead/POD"),
    ("CEB603", changed(INVENTORY, line=1, gcode="08109010AA"), "pattern", "InventoryList[1]/gcode"),
    ("CEB603", second_quantity(""), "not-a-number", "InventoryList[1]/qty2"),
    ("CEB603", changed(INVENTORY, ieDate="20261301"), "not-a-time", "InventoryHead/ieDate"),
]


@pytest.mark.parametrize(("message_type", "document", "code", "path"), FORGIVEN)
def test_deviation_is_named_when_lenient_and_refused_when_strict(message_type, document, code, path):
    data = message_xml(message_type, document)
    lenient = parse_message(data, "lenient")
    (error,) = lenient.errors
    assert (error.code, error.path.endswith(path)) == (code, True), error
    assert code in code_table("defects")
    assert lenient.nodes[0].head == document["head"]
    with pytest.raises(Malformed) as caught:
        parse_message(data)
    assert caught.value.field == error.path
    assert caught.value.detail["defects"] == [error.as_json()]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (message_xml("CEB303", tail=TRANSFER * 2), "base-transfer-repeated"),
        (message_xml("CEB303", tail=""), "missing-mandatory"),
        (message_xml("CEB303", tail=TRANSFER.replace("DXP<", "AS2<")), "unknown-value"),
        (message_xml("CEB303", root=f'guid="{guid(9)}" version="2.0"'), "version"),
        (message_xml("CEB303", root=f'guid="{guid(10).lower()}" version="1.0"'), "guid-lower-case"),
        (message_xml("CEB303", root='version="1.0"'), "blank-mandatory"),
        (message_xml("CEB303", root=f'guid="{guid(9)}" version="1.0" colour="red"'), "unknown-attribute"),
        (message_xml("CEB303", body="", tail=TRANSFER + node_xml("CEB303", ORDER)), "element-order"),
        (message_xml("CEB303", ORDER, changed(ORDER, guid=guid(8))), "duplicate-key"),
        (message_xml("CEB303", {"head": ORDER["head"], "list": []}), "missing-mandatory"),
        (
            message_xml("CEB303", {**ORDER, "head": dict(reversed(ORDER["head"].items()))}),
            "element-order",
        ),
        (
            message_xml("CEB505", tail="<ceb:BaseSubscribe><ceb:status>X</ceb:status><ceb:dxpMode>DXP</ceb:dxpMode>"
                        "<ceb:dxpAddress>a</ceb:dxpAddress></ceb:BaseSubscribe>" + TRANSFER),
            "element-order",
        ),
    ],
)  # fmt: skip
def test_envelope_deviation_is_named_when_lenient_and_refused_when_strict(data, code):
    assert code in {d.code for d in parse_message(data, "lenient").errors}
    with pytest.raises(Malformed):
        parse_message(data)


HEAD = fields(ORDER["head"])
LINES = "".join(f"<ceb:OrderList>{fields(line)}</ceb:OrderList>" for line in ORDER["list"])


def order_body(head: str = HEAD, lines: str = LINES, before: str = "", apex: str = "") -> str:
    return f"<ceb:Order{apex}>{before}<ceb:OrderHead>{head}</ceb:OrderHead>{lines}</ceb:Order>"


NEVER = {
    "not XML": b"{}",
    "another root": b"<Order/>",
    "another namespace": message_xml("CEB303").replace(b"chinaport.gov.cn/ceb", b"chinaport.gov.cn/other"),
    "no namespace": f'<CEB303Message guid="{guid(9)}" version="1.0"/>'.encode(),
    "unsupported type": message_xml("CEB303").replace(b"CEB303", b"CEB999"),
    "root of the node only": f'<ceb:Order xmlns:ceb="{NAMESPACE}"/>'.encode(),
    "no nodes": message_xml("CEB303", body=""),
    "101 nodes": message_xml("CEB505", *[changed(WAYBILL, guid=guid(i), logisticsNo=f"N{i}") for i in range(101)]),
    "101 lines": message_xml(
        "CEB303", {**ORDER, "list": [{**ORDER["list"][0], "gnum": str(i)} for i in range(1, 102)]}
    ),
    "no head": message_xml("CEB303", body=f"<ceb:Order>{LINES}</ceb:Order>"),
    "two heads": message_xml("CEB303", body=order_body(before=f"<ceb:OrderHead>{HEAD}</ceb:OrderHead>")),
    "no order number": message_xml("CEB303", changed(ORDER, orderNo=None)),
    "blank order number": message_xml("CEB303", changed(ORDER, orderNo=" ")),
    "no company code": message_xml("CEB403", changed(RECEIPT, ebcCode="")),
    "no waybill number": message_xml("CEB505", changed(WAYBILL, logisticsNo=None)),
    "element twice": message_xml("CEB303", body=order_body(HEAD + "<ceb:orderNo>OTHER</ceb:orderNo>")),
    "unknown element twice": message_xml("CEB303", body=order_body(HEAD + "<ceb:x>1</ceb:x><ceb:x>2</ceb:x>")),
    "nested value": message_xml("CEB303", body=order_body(HEAD.replace("</ceb:orderNo>", "<ceb:x/></ceb:orderNo>"))),
    "foreign element": message_xml("CEB303", body=order_body(HEAD + '<x:orderNo xmlns:x="urn:x">1</x:orderNo>')),
    "rebound prefix": message_xml(
        "CEB303", body=order_body(HEAD.replace("<ceb:orderNo>", '<ceb:orderNo xmlns:ceb="urn:x">'))
    ),
    "attribute on a value": message_xml(
        "CEB303", body=order_body(HEAD.replace("<ceb:orderNo>", '<ceb:orderNo a="1">'))
    ),
    "attribute on a node": message_xml("CEB303", body=order_body(apex=' a="1"')),
    "attribute on a head": message_xml(
        "CEB303", body=order_body().replace("<ceb:OrderHead>", '<ceb:OrderHead xml:lang="zh">')
    ),
    "text in a head": message_xml("CEB303", body=order_body("junk" + HEAD)),
    "text after a value": message_xml("CEB303", body=order_body(HEAD + "junk")),
    "text in a node": message_xml("CEB303", body=order_body(before="junk")),
    "text between lines": message_xml("CEB303", body=order_body(lines=LINES + "junk")),
    "text after a node": message_xml("CEB303", body=order_body() + "junk"),
    "text before a node": message_xml("CEB303", body="junk" + order_body()),
    "element beside head and lines": message_xml("CEB303", body=order_body(lines=LINES + "<ceb:note>x</ceb:note>")),
    "unknown element in the envelope": message_xml("CEB303", tail=TRANSFER + "<ceb:Extra/>"),
    "two different transfers": message_xml("CEB303", tail=TRANSFER + TRANSFER.replace("4409960003", "4409960004")),
    "six subscriptions": message_xml("CEB303", tail=TRANSFER + "<ceb:BaseSubscribe/>" * 6),
    "two signatures": message_xml(
        "CEB303", tail=TRANSFER + '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>' * 2
    ),
    "hundreds of undefined elements": message_xml(
        "CEB303", body=order_body(HEAD + "".join(f"<ceb:x{i}>1</ceb:x{i}>" for i in range(300)))
    ),
    "tens of thousands of deviations": message_xml(
        "CEB303",
        *[
            {
                "head": {**ORDER["head"], "guid": guid(i), "orderNo": f"N{i}"},
                "list": [{"gnum": str(j), "qty": "x", "price": "x", "totalPrice": "x"} for j in range(1, 101)],
            }
            for i in range(40)
        ],
    ),
    "text not in NFC": message_xml("CEB303", changed(ORDER, note="e\u0301")),
    "compatibility ideograph": message_xml("CEB303", changed(ORDER, note="\uf900")),
    "UTF-16": message_xml("CEB303").decode().encode("utf-16"),
    "GBK": message_xml("CEB303").decode().replace("UTF-8", "GBK").encode("gbk"),
    "truncated": message_xml("CEB303")[:-40],
    "NUL": message_xml("CEB303").replace(b"YP2026", b"YP\x002026"),
}


@pytest.mark.parametrize("mode", ["strict", "lenient"])
@pytest.mark.parametrize("name", NEVER)
def test_message_is_refused_in_every_mode_when_its_meaning_is_open(name, mode):
    with pytest.raises(Malformed) as caught:
        parse_message(NEVER[name], mode)
    assert caught.value.field


def test_dtd_is_refused_when_it_stands_before_a_customs_message():
    data = message_xml("CEB303").replace(b"?>\n", b'?><!DOCTYPE x [<!ENTITY a "1">]>\n', 1).replace(b">10<", b">&a;0<")
    with pytest.raises(HostileXml):
        parse_message(data, "lenient")


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda x: x.replace(b"ceb:", b"q:").replace(b"xmlns:ceb", b"xmlns:q"),
        lambda x: x.replace(b"ceb:", b"").replace(b"xmlns:ceb", b"xmlns"),
        lambda x: b"\xef\xbb\xbf" + x,
        lambda x: x.replace(b"\n", b"\r\n"),
        lambda x: x.replace(b"<ceb:OrderHead>", b"<!-- c --><ceb:OrderHead>"),
        lambda x: x.replace(b">YP2026000001<", b">YP2026<!-- c -->000001<"),
        lambda x: x.replace(b">YP2026000001<", b"><![CDATA[YP2026000001]]><"),
        lambda x: x.replace(b">YP2026000001<", b">YP&#50;026000001<"),
        lambda x: x.replace(b'guid="', b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
                            b'xsi:schemaLocation="http://www.chinaport.gov.cn/ceb export.xsd" guid="'),
        lambda x: x.replace(b"<ceb:OrderHead>", b'<ceb:OrderHead xmlns:unused="urn:unused">'),
    ],
)  # fmt: skip
def test_values_are_the_same_when_only_the_spelling_of_the_xml_differs(rewrite):
    plain = parse_message(message_xml("CEB303"))
    other = parse_message(rewrite(message_xml("CEB303")))
    assert [(n.head, n.lines) for n in other.nodes] == [(n.head, n.lines) for n in plain.nodes]


def test_full_message_of_100_nodes_is_parsed():
    documents = [changed(WAYBILL, guid=guid(i), logisticsNo=f"N{i}") for i in range(1, 101)]
    assert len(parse_message(message_xml("CEB505", *documents)).nodes) == 100


def test_several_receipts_for_one_order_are_lawful_when_their_payment_numbers_differ():
    second = changed(RECEIPT, guid=guid(7), payNo="PAY0002")
    assert parse_message(message_xml("CEB403", RECEIPT, second)).errors == ()


def test_foreign_platform_may_have_no_code_and_cash_no_payment_company():
    assert parse_message(message_xml("CEB303", changed(ORDER, ebpCode="无"))).errors == ()
    cash = changed(RECEIPT, payCode=None, payNo=None, payName="现金支付")
    assert parse_message(message_xml("CEB403", cash)).errors == ()


def test_list_of_defects_is_bounded_when_a_message_is_full_of_them():
    documents = [changed(WAYBILL, guid="x", packNo="0", currency="?", appTime="") for _ in range(100)]
    with pytest.raises(Malformed) as caught:
        parse_message(message_xml("CEB505", *documents))
    assert len(caught.value.detail["defects"]) == 200
    assert caught.value.detail["defect_count"] == 499


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=30)


@settings(max_examples=200)
@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_parser_raises_only_malformed_when_a_value_is_garbage(message_type, data):
    document = DOCUMENTS[message_type]
    name = data.draw(st.sampled_from(sorted(document["head"])))
    text = data.draw(TEXT)
    made = message_xml(message_type, changed(document, **{name: text}))
    with contextlib.suppress(Malformed):
        message = parse_message(made, "lenient")
        assert message.nodes[0].head[name] == text
        spec = next(s for s in schema(message_type).head_fields if s.name == name)
        if not message.errors:
            assert spec.accepts(text) or spec.accepts(spec.normalised(text))


@settings(max_examples=200)
@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_parser_raises_only_malformed_when_bytes_are_damaged(message_type, data):
    made = bytearray(message_xml(message_type))
    for _ in range(data.draw(st.integers(1, 4))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    for mode in ("strict", "lenient"):
        with contextlib.suppress(Malformed):
            parse_message(bytes(made), mode)
