"""A lawful trade of two lines, and ways to write it down; shared by the customs and matching tests.

The values are chosen by hand and the XML below is written with plain string formatting, so that parser and writer are
not tested against themselves.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ledger.documents.ceb import BusinessNode, parse_message

OFFICIAL = Path(__file__).parents[4] / "shared" / "data" / "ceb202205"
NAMESPACE = "http://www.chinaport.gov.cn/ceb"

EBC, EBC_NAME = "91440900MA4U0014P0", "粤品出海跨境电商有限公司"
CARRIER, CARRIER_NAME = "4409960001", "南岭物流有限公司"
PARTIES = {"ebpCode": EBC, "ebpName": EBC_NAME, "ebcCode": EBC, "ebcName": EBC_NAME}


def guid(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012X}"


def filed(n: int, at: str) -> dict[str, str]:
    return {"guid": guid(n), "appType": "1", "appTime": at, "appStatus": "2"}


ORDER: dict[str, Any] = {
    "head": {
        **filed(1, "20260613080000"),
        "orderType": "E",
        "orderNo": "YP2026000001",
        **PARTIES,
        "goodsValue": "139.50",
        "freight": "12.60",
        "currency": "502",
    },
    "list": [
        {"gnum": "1", "itemNo": "FZX-25", "itemName": "妃子笑荔枝 2.5 kg", "barCode": "9506000134352", "unit": "035",
         "currency": "502", "qty": "10", "price": "9.90", "totalPrice": "99.00"},
        {"gnum": "2", "itemNo": "CL-20", "itemName": "储良龙眼 2 kg", "unit": "011",
         "currency": "502", "qty": "3", "price": "13.50", "totalPrice": "40.50"},
    ],
}  # fmt: skip
RECEIPT: dict[str, Any] = {
    "head": {
        **filed(2, "20260613090000"),
        **PARTIES,
        "orderNo": "YP2026000001",
        "payCode": "4401960002",
        "payName": "海付支付有限公司",
        "payNo": "PAY0001",
        "charge": "152.10",
        "currency": "502",
        "accountingDate": "20260613085900",
    },
    "list": [],
}
WAYBILL: dict[str, Any] = {
    "head": {
        **filed(3, "20260613100000"),
        "logisticsCode": CARRIER,
        "logisticsName": CARRIER_NAME,
        "logisticsNo": "NL00000001CN",
        "freight": "12.60",
        "insuredFee": "0",
        "currency": "502",
        "grossWeight": "17.20",
        "packNo": "4",
        "goodsInfo": "荔枝、龙眼",
        "ebcCode": EBC,
        "ebcName": EBC_NAME,
    },
    "list": [],
}
INVENTORY: dict[str, Any] = {
    "head": {
        **filed(4, "20260613160000"),
        "customsCode": "6702",
        "ebpCode": EBC,
        "ebpName": EBC_NAME,
        "orderNo": "YP2026000001",
        "logisticsCode": CARRIER,
        "logisticsName": CARRIER_NAME,
        "logisticsNo": "NL00000001CN",
        "copNo": "QD1",
        "ieFlag": "E",
        "portCode": "5301",
        "ieDate": "20260614",
        "statisticsFlag": "A",
        "agentCode": EBC,
        "agentName": EBC_NAME,
        "ebcCode": EBC,
        "ebcName": EBC_NAME,
        "ownerCode": EBC,
        "ownerName": EBC_NAME,
        "tradeMode": "9610",
        "trafMode": "5",
        "country": "132",
        "POD": "1320",
        "freight": "12.60",
        "fCurrency": "502",
        "fFlag": "3",
        "insuredFee": "0",
        "iCurrency": "502",
        "iFlag": "3",
        "wrapType": "2",
        "packNo": "4",
        "grossWeight": "17.20",
        "netWeight": "16.00",
    },
    "list": [
        {"gnum": "1", "itemNo": "FZX-25", "itemName": "妃子笑荔枝 2.5 kg", "gcode": "0810901000", "gname": "鲜荔枝",
         "gmodel": "妃子笑", "barCode": "9506000134352", "country": "132", "currency": "502", "qty": "10", "qty1": "10",
         "unit": "035", "unit1": "035", "price": "9.90", "totalPrice": "99.00"},
        {"gnum": "2", "itemNo": "CL-20", "itemName": "储良龙眼 2 kg", "gcode": "0810903000", "gname": "鲜龙眼",
         "gmodel": "储良", "barCode": "无", "country": "132", "currency": "502", "qty": "3", "qty1": "6",
         "unit": "011", "unit1": "035", "price": "13.50", "totalPrice": "40.50"},
    ],
}  # fmt: skip
LINK: dict[str, Any] = {
    "ebcCode": EBC,
    "orderNo": "YP2026000001",
    "lines": [
        {"gnum": 1, "gtin": "09506000134352", "lot": "FZX-1", "quantity": {"value": "6", "unit": "KGM"}},
        {"gnum": 1, "gtin": "09506000134352", "lot": "FZX-2", "quantity": {"value": "4000", "unit": "GRM"}},
        {"gnum": 2, "gtin": "09506000134376", "lot": "CL-1", "quantity": {"value": "6", "unit": "KGM"},
         "perUnit": {"value": "2", "unit": "KGM"}},
    ],
}  # fmt: skip
DOCUMENTS = {"CEB303": ORDER, "CEB403": RECEIPT, "CEB505": WAYBILL, "CEB603": INVENTORY}
SHAPES = {
    "CEB303": ("Order", "OrderHead", "OrderList"),
    "CEB403": ("Receipts", None, None),
    "CEB505": ("Logistics", None, None),
    "CEB603": ("Inventory", "InventoryHead", "InventoryList"),
}
TRANSFER = "<ceb:BaseTransfer><ceb:copCode>4409960003</ceb:copCode><ceb:copName>传输企业</ceb:copName>" \
    "<ceb:dxpMode>DXP</ceb:dxpMode><ceb:dxpId>DXPLGS0000000001</ceb:dxpId></ceb:BaseTransfer>"  # fmt: skip


def fields(values: dict[str, str]) -> str:
    return "".join(f"\n      <ceb:{name}>{escape(text)}</ceb:{name}>" for name, text in values.items())


def node_xml(message_type: str, document: dict[str, Any]) -> str:
    node, head, line = SHAPES[message_type]
    if head is None:
        return f"\n  <ceb:{node}>{fields(document['head'])}\n  </ceb:{node}>"
    lines = "".join(f"\n    <ceb:{line}>{fields(values)}</ceb:{line}>" for values in document["list"])
    return f"\n  <ceb:{node}>\n    <ceb:{head}>{fields(document['head'])}</ceb:{head}>{lines}\n  </ceb:{node}>"


def message_xml(
    message_type: str,
    *documents: dict[str, Any],
    tail: str = TRANSFER,
    root: str = f'guid="{guid(9)}" version="1.0"',
    body: str | None = None,
) -> bytes:
    """A message of these documents (default: the lawful one); `body` replaces the business nodes as they are."""
    chosen = documents or (DOCUMENTS[message_type],)
    nodes = body if body is not None else "".join(node_xml(message_type, d) for d in chosen)
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ceb:{message_type}Message xmlns:ceb="{NAMESPACE}" {root}>'
        f"{nodes}\n  {tail}\n</ceb:{message_type}Message>\n"
    )
    return text.encode("utf-8")


def changed(document: dict[str, Any], *, line: int | None = None, **values: str | None) -> dict[str, Any]:
    """A copy with head fields (or those of one line, from 1) replaced; None removes a field."""
    made = copy.deepcopy(document)
    target = made["head"] if line is None else made["list"][line - 1]
    for name, value in values.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value
    return made


def node(message_type: str, document: dict[str, Any] | None = None, mode: str = "strict") -> BusinessNode:
    """The parsed business node of one document."""
    data = message_xml(message_type, document or DOCUMENTS[message_type])
    return parse_message(data, mode).nodes[0]  # type: ignore[arg-type]
