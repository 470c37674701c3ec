"""The demonstration's lots: where they grew, who packed them, what was measured. Places are approximate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ledger.domain.gs1 import with_check_digit
from ledger.services.demo.actors import BY_SLUG


def gtin(reference: str) -> str:
    """A GTIN-14 under the demonstration prefix 952."""
    return "0" + with_check_digit("952" + reference)


@dataclass(frozen=True, slots=True)
class DemoLot:
    """`days` = days before seeding at which it was harvested or packed; quantity in `unit` (UN/ECE Rec 20)."""

    gtin: str
    lot: str
    owner: str
    product: tuple[str, str]
    variety: tuple[str, str]
    hs: str
    species: str
    quantity: str
    unit: str
    days: float
    parents: tuple[tuple[str, str], ...] = ()  # (parent's lot number, quantity drawn)
    handover: str | None = None  # custody passes to this member afterwards
    certificates: tuple[dict[str, Any], ...] = ()
    temperature: float | None = None  # set point of the cold chain in °C
    tests: tuple[tuple[str, str, str], ...] = field(default=())  # analyte, result, limit
    state: str = "ACTIVE"


def _certificate(kind: str, number: str, issuer: str, assurance: str, days: int) -> dict[str, Any]:
    return {"type": kind, "number": number, "issuer": issuer, "assurance": assurance, "days": days}


COMMITMENT = _certificate("commitment", "GD-CN-{lot}", "{owner}", "self", 0)
PHYTO = _certificate("phytosanitary", "PC-4409-{lot}", "茂名海关（演示）", "third", 2)
HEALTH = _certificate("health", "HC-4408-{lot}", "茂名海关（演示）", "third", 2)
PESTICIDES = (
    ("毒死蜱 chlorpyrifos", "< 0.01 mg/kg", "0.5 mg/kg"),
    ("氯氰菊酯 cypermethrin", "0.02 mg/kg", "0.5 mg/kg"),
)
RESIDUES = (
    ("孔雀石绿 malachite green", "< 0.5 µg/kg", "not permitted"),
    ("氯霉素 chloramphenicol", "< 0.1 µg/kg", "not permitted"),
)

LYCHEE, LONGAN = ("荔枝", "Lychee"), ("龙眼", "Longan")
LOTS = (
    # harvested in bulk, then handed to a packhouse
    DemoLot(
        gtin("100200011"),
        "GZ-FZX-0901",
        "gaozhou-lychee",
        LYCHEE,
        ("妃子笑", "Feizixiao"),
        "0810901000",
        "Litchi chinensis",
        "8600",
        "KGM",
        9.0,
        handover="maoming-packhouse",
        certificates=(COMMITMENT,),
    ),
    DemoLot(
        gtin("100200011"),
        "GZ-FZX-0902",
        "gaozhou-lychee",
        LYCHEE,
        ("妃子笑", "Feizixiao"),
        "0810901000",
        "Litchi chinensis",
        "5400",
        "KGM",
        8.0,
        handover="maoming-packhouse",
        certificates=(COMMITMENT,),
    ),
    DemoLot(
        gtin("100200028"),
        "MN-GW-0311",
        "maonan-lychee",
        LYCHEE,
        ("桂味", "Guiwei"),
        "0810901000",
        "Litchi chinensis",
        "3200",
        "KGM",
        8.5,
        handover="maoming-packhouse",
        certificates=(COMMITMENT,),
    ),
    DemoLot(
        gtin("100200035"),
        "FJ-CL-0087",
        "fenjie-longan",
        LONGAN,
        ("储良", "Chuliang"),
        "0810903000",
        "Dimocarpus longan",
        "2600",
        "KGM",
        7.5,
        handover="maoming-packhouse",
        certificates=(COMMITMENT,),
    ),
    DemoLot(
        gtin("100200042"),
        "DB-LF-2207",
        "dianbai-tilapia",
        ("罗非鱼", "Tilapia"),
        ("奥尼罗非鱼", "Aoni tilapia"),
        "0303230000",
        "Oreochromis niloticus",
        "12400",
        "KGM",
        12.0,
        handover="zhanjiang-plant",
        certificates=(COMMITMENT,),
    ),
    DemoLot(
        gtin("100200059"),
        "SX-DX-1205",
        "suixi-shrimp",
        ("对虾", "Shrimp"),
        ("南美白对虾", "Whiteleg shrimp"),
        "0306179000",
        "Penaeus vannamei",
        "9800",
        "KGM",
        11.0,
        handover="zhanjiang-plant",
        certificates=(COMMITMENT,),
    ),
    # packed for export
    DemoLot(
        gtin("100300018"),
        "P-FZX-240A",
        "maoming-packhouse",
        ("妃子笑荔枝 2.5 kg 礼盒", "Feizixiao lychee, 2.5 kg box"),
        ("妃子笑", "Feizixiao"),
        "0810901000",
        "Litchi chinensis",
        "9000",
        "KGM",
        6.0,
        parents=(("GZ-FZX-0901", "5200"), ("GZ-FZX-0902", "4100")),
        certificates=(COMMITMENT, PHYTO),
        temperature=3.0,
        tests=PESTICIDES,
    ),
    DemoLot(
        gtin("100300018"),
        "P-FZX-241B",
        "maoming-packhouse",
        ("妃子笑荔枝 2.5 kg 礼盒", "Feizixiao lychee, 2.5 kg box"),
        ("妃子笑", "Feizixiao"),
        "0810901000",
        "Litchi chinensis",
        "3100",
        "KGM",
        5.5,
        parents=(("GZ-FZX-0901", "3150"),),
        certificates=(COMMITMENT, PHYTO),
        temperature=3.0,
        tests=PESTICIDES,
        state="RECALLED",
    ),
    DemoLot(
        gtin("100300025"),
        "P-GW-118",
        "maoming-packhouse",
        ("桂味荔枝 1 kg 盒", "Guiwei lychee, 1 kg box"),
        ("桂味", "Guiwei"),
        "0810901000",
        "Litchi chinensis",
        "3000",
        "KGM",
        6.0,
        parents=(("MN-GW-0311", "3100"),),
        certificates=(COMMITMENT, PHYTO),
        temperature=2.5,
        tests=PESTICIDES,
    ),
    DemoLot(
        gtin("100300032"),
        "P-CL-052",
        "maoming-packhouse",
        ("储良龙眼 2 kg 盒", "Chuliang longan, 2 kg box"),
        ("储良", "Chuliang"),
        "0810903000",
        "Dimocarpus longan",
        "2400",
        "KGM",
        5.0,
        parents=(("FJ-CL-0087", "2500"),),
        certificates=(COMMITMENT, PHYTO),
        temperature=4.0,
        tests=PESTICIDES,
    ),
    DemoLot(
        gtin("100300049"),
        "F-LF-0731",
        "zhanjiang-plant",
        ("冻罗非鱼片 1 kg", "Frozen tilapia fillets, 1 kg"),
        ("奥尼罗非鱼", "Aoni tilapia"),
        "0304610000",
        "Oreochromis niloticus",
        "4600",
        "KGM",
        9.5,
        parents=(("DB-LF-2207", "11800"),),
        certificates=(HEALTH,),
        temperature=-20.0,
        tests=RESIDUES,
    ),
    DemoLot(
        gtin("100300056"),
        "F-DX-0412",
        "zhanjiang-plant",
        ("冻熟对虾 500 g", "Frozen cooked shrimp, 500 g"),
        ("南美白对虾", "Whiteleg shrimp"),
        "0306179000",
        "Penaeus vannamei",
        "7900",
        "KGM",
        8.5,
        parents=(("SX-DX-1205", "9600"),),
        certificates=(HEALTH,),
        temperature=-20.0,
        tests=RESIDUES,
    ),
    DemoLot(
        gtin("100300063"),
        "ZL-NMC-019",
        "zhenlong-lychee",
        ("镇隆糯米糍荔枝 2 kg", "Zhenlong Nuomici lychee, 2 kg"),
        ("糯米糍", "Nuomici"),
        "0810901000",
        "Litchi chinensis",
        "4100",
        "KGM",
        4.5,
        certificates=(COMMITMENT, PHYTO),
        temperature=3.0,
        tests=PESTICIDES,
    ),
    DemoLot(
        gtin("100300070"),
        "MX-JY-306",
        "meixian-pomelo",
        ("梅县金柚 2 只装", "Meixian golden pomelo, pair"),
        ("沙田柚", "Shatian pomelo"),
        "0805400090",
        "Citrus maxima",
        "15000",
        "KGM",
        10.0,
        certificates=(COMMITMENT, PHYTO),
        temperature=8.0,
        tests=PESTICIDES,
    ),
    DemoLot(
        gtin("100300087"),
        "DS-CR-044",
        "dongsheng-carp",
        ("冻脆肉鲩鱼片 400 g", "Frozen crisp grass carp slices, 400 g"),
        ("脆肉鲩", "Crisp grass carp"),
        "0304890000",
        "Ctenopharyngodon idella",
        "2200",
        "KGM",
        7.0,
        certificates=(HEALTH,),
        temperature=-18.0,
        tests=RESIDUES,
    ),
    DemoLot(
        gtin("100300094"),
        "XH-CP-2019",
        "xinhui-chenpi",
        ("新会陈皮 250 g", "Xinhui chenpi (dried tangerine peel), 250 g"),
        ("茶枝柑", "Chazhigan"),
        "0814000000",
        "Citrus reticulata",
        "860",
        "KGM",
        20.0,
        certificates=(COMMITMENT,),
        tests=PESTICIDES,
    ),
    DemoLot(
        gtin("100300100"),
        "DQ-GG-127",
        "deqing-mandarin",
        ("德庆贡柑 5 kg 箱", "Deqing tribute mandarin, 5 kg case"),
        ("贡柑", "Tribute mandarin"),
        "0805210000",
        "Citrus reticulata",
        "6400",
        "KGM",
        3.5,
        certificates=(COMMITMENT, PHYTO),
        temperature=6.0,
        tests=PESTICIDES,
        state="HELD",
    ),
)
BY_LOT = {lot.lot: lot for lot in LOTS}
assert len(BY_LOT) == len(LOTS)
assert all(lot.owner in BY_SLUG for lot in LOTS)
