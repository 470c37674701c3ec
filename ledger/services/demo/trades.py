"""The demonstration's trades: four customs documents each, some of which lawfully or unlawfully disagree.

Every document is built from the same order and then altered in one place for the trades that must not match, as a
careless clerk or a dishonest trader would.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.services.demo.actors import BY_SLUG, Actor
from ledger.services.demo.lots import BY_LOT
from ledger.services.demo.payloads import BEIJING, DAY, HOUR

Head = dict[str, str]
Node = tuple[Head, list[Head]]
USD, KILOGRAM = "502", "035"
# Customs country codes and a port of destination: Singapore, United States, Netherlands, Malaysia, Canada, Australia.
COUNTRIES = {
    "SG": ("132", "1320"),
    "US": ("502", "5020"),
    "NL": ("309", "3090"),
    "MY": ("122", "1220"),
    "CA": ("501", "5010"),
    "AU": ("601", "6010"),
}
NAMESPACE = uuid.UUID("6f726967-696e-7365-616c-2064656d6f21")


@dataclass(frozen=True, slots=True)
class DemoTrade:
    """`lines` are (lot, kilograms, USD per kilogram). `fault` names what is wrong with it, None when nothing is."""

    number: int
    company: str
    destination: str
    lines: tuple[tuple[str, str, str], ...]
    payer: str = "haifu-pay"
    fault: str | None = None

    @property
    def order_no(self) -> str:
        return f"{'YP' if self.company == 'yuepin' else 'LN'}2026{self.number:06d}"

    @property
    def logistics_no(self) -> str:
        return f"NL{self.number * 7919 % 10**8:08d}CN"

    @property
    def retail(self) -> bool:
        return sum(Decimal(quantity) for _, quantity, _ in self.lines) <= 30


def _t(n: int, company: str, to: str, *lines: str, payer: str = "haifu-pay", fault: str | None = None) -> DemoTrade:
    parsed = tuple((a, b, c) for a, b, c in (line.split() for line in lines))
    return DemoTrade(n, company, to, parsed, payer, fault)


TRADES = (
    _t(1, "yuepin", "SG", "P-FZX-240A 1200 4.85"),
    _t(2, "yuepin", "SG", "P-FZX-240A 10 9.90"),
    _t(3, "yuepin", "MY", "P-FZX-240A 640 4.60", "P-CL-052 400 3.95"),
    _t(4, "yuepin", "US", "P-GW-118 500 8.40"),
    _t(5, "yuepin", "CA", "P-GW-118 350 8.55", fault="receipt-short"),
    _t(6, "yuepin", "SG", "P-FZX-240A 20 9.60", payer="yuepin"),
    _t(7, "yuepin", "NL", "P-FZX-240A 900 5.10"),
    _t(8, "yuepin", "SG", "P-CL-052 25 7.80"),
    _t(9, "yuepin", "AU", "F-LF-0731 800 4.20"),
    _t(10, "yuepin", "US", "F-LF-0731 1500 4.05", fault="weight"),
    _t(11, "yuepin", "US", "F-DX-0412 1200 7.35"),
    _t(12, "yuepin", "NL", "F-DX-0412 900 7.60", "F-LF-0731 400 4.30"),
    _t(13, "lingnan", "SG", "ZL-NMC-019 450 6.90"),
    _t(14, "lingnan", "SG", "ZL-NMC-019 8 12.50"),
    _t(15, "lingnan", "MY", "ZL-NMC-019 300 6.75", fault="quantity"),
    _t(16, "lingnan", "SG", "MX-JY-306 2500 1.45"),
    _t(17, "lingnan", "CA", "MX-JY-306 1800 1.62"),
    _t(18, "lingnan", "NL", "MX-JY-306 3000 1.55", payer="lingnan"),
    _t(19, "lingnan", "US", "DS-CR-044 420 11.20"),
    _t(20, "lingnan", "SG", "DS-CR-044 20 14.90"),
    _t(21, "lingnan", "MY", "XH-CP-2019 60 38.00"),
    _t(22, "lingnan", "CA", "XH-CP-2019 5 52.00"),
    _t(23, "lingnan", "US", "XH-CP-2019 80 36.50", fault="currency"),
    _t(24, "lingnan", "SG", "MX-JY-306 24 3.20"),
    _t(25, "yuepin", "SG", "P-FZX-240A 15 9.90"),
    _t(26, "yuepin", "SG", "P-GW-118 12 13.80"),
    _t(27, "yuepin", "MY", "P-CL-052 700 3.80", fault="no-receipt"),
    _t(28, "yuepin", "AU", "F-DX-0412 600 7.55"),
    _t(29, "yuepin", "SG", "F-DX-0412 18 11.90"),
    _t(30, "lingnan", "SG", "ZL-NMC-019 16 11.80", payer="lingnan"),
    _t(31, "lingnan", "NL", "DS-CR-044 380 11.60", fault="company-code"),
    _t(32, "yuepin", "US", "F-LF-0731 900 4.10", fault="no-waybill"),
    _t(33, "yuepin", "CA", "F-LF-0731 650 4.15"),
    _t(34, "lingnan", "SG", "MX-JY-306 1200 1.50", fault="arithmetic"),
)
LOGISTICS = "nanling-logistics"


def clock(unix: float) -> str:
    """14-digit Beijing time, as customs messages write it."""
    return datetime.fromtimestamp(unix, BEIJING).strftime("%Y%m%d%H%M%S")


def guid(*parts: object) -> str:
    """A stable 36-character upper-case id."""
    return str(uuid.uuid5(NAMESPACE, "/".join(map(str, parts)))).upper()


def money(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.01")), "f")


def _totals(trade: DemoTrade) -> tuple[Decimal, Decimal]:
    """(goods value, freight) in USD."""
    value = sum((Decimal(q) * Decimal(p) for _, q, p in trade.lines), Decimal(0))
    weight = sum((Decimal(q) for _, q, _ in trade.lines), Decimal(0))
    return value, (weight * Decimal("0.42")).quantize(Decimal("0.01"))


def _weights(trade: DemoTrade) -> tuple[Decimal, Decimal]:
    """(net, gross) in kilograms."""
    net = sum((Decimal(q) for _, q, _ in trade.lines), Decimal(0))
    return net, (net * Decimal("1.08")).quantize(Decimal("0.01"))


def _packages(trade: DemoTrade) -> str:
    return str(max(1, int(_weights(trade)[0] / 5)))


def _company(trade: DemoTrade) -> Actor:
    return BY_SLUG[trade.company]


def _platform(actor: Actor) -> Head:
    return {"ebpCode": actor.uscc, "ebpName": actor.zh, "ebcCode": actor.uscc, "ebcName": actor.zh}


def _filed(trade: DemoTrade, what: str, at: float) -> Head:
    return {"guid": guid(trade.order_no, what), "appType": "1", "appTime": clock(at), "appStatus": "2"}


def filing_time(trade: DemoTrade, now: float) -> float:
    """When the order was filed; the other documents follow within a day."""
    return now - 2.5 * DAY + trade.number * 0.3 * HOUR


def order(trade: DemoTrade, now: float) -> Node:
    """CEB303 order."""
    value, freight = _totals(trade)
    head = _filed(trade, "order", filing_time(trade, now)) | {
        "orderType": "E" if trade.retail else "B",
        "orderNo": trade.order_no,
        **_platform(_company(trade)),
        "goodsValue": money(value),
        "freight": money(freight),
        "currency": USD,
    }
    lines = [
        {
            "gnum": str(n),
            "itemNo": BY_LOT[lot].gtin[-13:],
            "itemName": BY_LOT[lot].product[0],
            "barCode": BY_LOT[lot].gtin[-13:],
            "unit": KILOGRAM,
            "currency": USD,
            "qty": quantity,
            "price": price,
            "totalPrice": money(Decimal(quantity) * Decimal(price)),
        }
        for n, (lot, quantity, price) in enumerate(trade.lines, 1)
    ]
    if trade.fault == "arithmetic":
        lines[0]["totalPrice"] = money(Decimal(lines[0]["totalPrice"]) + Decimal("18.00"))
        head["goodsValue"] = money(value + Decimal("18.00"))
    return head, lines


def receipt(trade: DemoTrade, now: float) -> Node | None:
    """CEB403 receipt; None when the buyer has not paid yet."""
    if trade.fault == "no-receipt":
        return None
    value, freight = _totals(trade)
    total = value + freight
    if trade.fault == "arithmetic":
        total += Decimal("18.00")
    if trade.fault == "receipt-short":
        total = (total * Decimal("0.83")).quantize(Decimal("0.01"))
    payer = BY_SLUG[trade.payer]
    head = _filed(trade, "receipt", filing_time(trade, now) + 3 * HOUR) | {
        **_platform(_company(trade)),
        "orderNo": trade.order_no,
        "payCode": payer.uscc,
        "payName": payer.zh,
        "payNo": f"PAY{trade.number * 104729 % 10**12:012d}",
        "charge": money(total),
        "currency": "300" if trade.fault == "currency" else USD,
        "accountingDate": clock(filing_time(trade, now) + 2 * HOUR),
    }
    return head, []


def waybill(trade: DemoTrade, now: float) -> Node | None:
    """CEB505 waybill; None when the parcel has not been handed over."""
    if trade.fault == "no-waybill":
        return None
    carrier, company = BY_SLUG[LOGISTICS], _company(trade)
    gross = _weights(trade)[1]
    if trade.fault == "weight":
        gross = (gross * Decimal("1.35")).quantize(Decimal("0.01"))
    head = _filed(trade, "waybill", filing_time(trade, now) + 5 * HOUR) | {
        "logisticsCode": carrier.uscc,
        "logisticsName": carrier.zh,
        "logisticsNo": trade.logistics_no,
        "freight": money(_totals(trade)[1]),
        "insuredFee": "0",
        "currency": USD,
        "grossWeight": money(gross),
        "packNo": _packages(trade),
        "goodsInfo": "、".join(BY_LOT[lot].product[0] for lot, _, _ in trade.lines),
        "ebcCode": company.uscc,
        "ebcName": company.zh,
    }
    if trade.fault == "company-code":
        other = BY_SLUG["yuepin" if trade.company == "lingnan" else "lingnan"]
        head |= {"ebcCode": other.uscc, "ebcName": other.zh}
    return head, []


def inventory(trade: DemoTrade, now: float) -> Node:
    """CEB603 declaration list, filed by the company itself."""
    carrier, company = BY_SLUG[LOGISTICS], _company(trade)
    country, port = COUNTRIES[trade.destination]
    filed = filing_time(trade, now) + 8 * HOUR
    net, gross = _weights(trade)
    head = _filed(trade, "list", filed) | {
        "customsCode": "6702" if company.zone == 6 else "5341",
        "ebpCode": company.uscc,
        "ebpName": company.zh,
        "orderNo": trade.order_no,
        "logisticsCode": carrier.uscc,
        "logisticsName": carrier.zh,
        "logisticsNo": trade.logistics_no,
        "copNo": f"QD{trade.order_no}",
        "ieFlag": "E",
        "portCode": "5301",
        "ieDate": clock(filed + DAY)[:8],
        "statisticsFlag": "A" if trade.retail else "B",
        "agentCode": company.uscc,
        "agentName": company.zh,
        "ebcCode": company.uscc,
        "ebcName": company.zh,
        "ownerCode": company.uscc,
        "ownerName": company.zh,
        "tradeMode": "9610" if trade.retail else "9710",
        "trafMode": "5",
        "country": country,
        "POD": port,
        "freight": money(_totals(trade)[1]),
        "fCurrency": USD,
        "fFlag": "3",
        "insuredFee": "0",
        "iCurrency": USD,
        "iFlag": "3",
        "wrapType": "2",
        "packNo": _packages(trade),
        "grossWeight": money(gross),
        "netWeight": money(net),
    }
    lines = []
    for n, (lot, quantity, price) in enumerate(trade.lines, 1):
        declared = quantity
        if trade.fault == "quantity" and n == 1:
            declared = format(Decimal(quantity) - 20, "f")
        line = {
            "gnum": str(n),
            "itemNo": BY_LOT[lot].gtin[-13:],
            "itemName": BY_LOT[lot].product[0],
            "gcode": BY_LOT[lot].hs,
            "gname": BY_LOT[lot].product[0],
            "gmodel": BY_LOT[lot].variety[0],
            "barCode": BY_LOT[lot].gtin[-13:],
            "country": country,
            "currency": USD,
            "qty": declared,
            "qty1": declared,
            "unit": KILOGRAM,
            "unit1": KILOGRAM,
            "price": price,
            "totalPrice": money(Decimal(declared) * Decimal(price)),
        }
        if trade.fault == "arithmetic" and n == 1:
            line["totalPrice"] = money(Decimal(line["totalPrice"]) + Decimal("18.00"))
        lines.append(line)
    return head, lines


def link(trade: DemoTrade) -> dict[str, Any]:
    """The trade.link payload: which lots each order line was filled from."""
    return {
        "ebcCode": _company(trade).uscc,
        "orderNo": trade.order_no,
        "lines": [
            {
                "gnum": n,
                "gtin": BY_LOT[lot].gtin,
                "lot": lot,
                "quantity": {"value": quantity, "unit": "KGM"},
            }
            for n, (lot, quantity, _) in enumerate(trade.lines, 1)
        ],
    }
