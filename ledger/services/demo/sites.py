"""The demonstration's orchards, ponds and packhouses: registration, place and outline. Places are approximate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.services.demo.actors import gln


@dataclass(frozen=True, slots=True)
class Site:
    """An orchard, pond or packhouse with its GACC registration and outline (WGS-84, lon/lat)."""

    kind: str
    zh: str
    en: str
    gln: str
    registration: str
    longitude: float
    latitude: float
    hectares: str

    def geometry(self) -> dict[str, Any]:
        """A plausible outline around the centre: about 600 m by 450 m."""
        dx, dy = 0.003, 0.002
        x, y = self.longitude, self.latitude
        ring = [
            [round(x - dx, 6), round(y - dy, 6)],
            [round(x + dx * 0.9, 6), round(y - dy * 0.8, 6)],
            [round(x + dx, 6), round(y + dy * 0.7, 6)],
            [round(x - dx * 0.4, 6), round(y + dy, 6)],
            [round(x - dx, 6), round(y - dy, 6)],
        ]
        return {"type": "Polygon", "coordinates": [ring]}


SITES = {
    "gaozhou-lychee": Site(
        "orchard",
        "根子镇柏桥荔枝园",
        "Baiqiao lychee orchard, Genzi",
        gln("100000101"),
        "4409GY0101",
        110.9412,
        21.8235,
        "38.6",
    ),
    "maonan-lychee": Site(
        "orchard",
        "羊角镇禄段桂味园",
        "Luduan Guiwei orchard, Yangjiao",
        gln("100000102"),
        "4409GY0102",
        111.0187,
        21.7404,
        "22.4",
    ),
    "fenjie-longan": Site(
        "orchard",
        "分界镇储良母树园",
        "Chuliang longan orchard, Fenjie",
        gln("100000103"),
        "4409GY0103",
        110.9055,
        21.7801,
        "4.2",
    ),
    "dianbai-tilapia": Site(
        "pond",
        "博贺港罗非鱼塘 7 号",
        "Bohe tilapia pond no. 7",
        gln("100000104"),
        "4400YZ0104",
        111.2306,
        21.4719,
        "12.0",
    ),
    "maoming-packhouse": Site(
        "packhouse",
        "茂名鲜享包装厂",
        "Maoming Xianxiang packhouse",
        gln("100000105"),
        "4409BZ0105",
        110.9251,
        21.6627,
        "1.1",
    ),
    "suixi-shrimp": Site(
        "pond",
        "草潭对虾塘 12 号",
        "Caotan shrimp pond no. 12",
        gln("100000106"),
        "4400YZ0106",
        109.8122,
        21.2648,
        "9.5",
    ),
    "zhanjiang-plant": Site(
        "packhouse",
        "湛江蓝湾加工厂",
        "Zhanjiang Lanwan plant",
        gln("100000107"),
        "4400/02107",
        110.3894,
        21.1953,
        "2.3",
    ),
    "zhenlong-lychee": Site(
        "orchard",
        "镇隆山顶荔枝园",
        "Shanding lychee orchard, Zhenlong",
        gln("100000108"),
        "4413GY0108",
        114.2711,
        22.9108,
        "17.8",
    ),
    "meixian-pomelo": Site(
        "orchard",
        "石扇红南金柚园",
        "Hongnan pomelo orchard, Shishan",
        gln("100000109"),
        "4414GY0109",
        116.1932,
        24.4012,
        "25.0",
    ),
    "dongsheng-carp": Site(
        "pond",
        "东升脆肉鲩塘 3 号",
        "Dongsheng crisp carp pond no. 3",
        gln("100000110"),
        "4420YZ0110",
        113.2974,
        22.6147,
        "6.7",
    ),
    "xinhui-chenpi": Site(
        "orchard",
        "会城茶枝柑园",
        "Chazhigan orchard, Huicheng",
        gln("100000111"),
        "4407GY0111",
        113.0328,
        22.4571,
        "11.3",
    ),
    "deqing-mandarin": Site(
        "orchard",
        "马圩贡柑园",
        "Maxu tribute mandarin orchard",
        gln("100000112"),
        "4412GY0112",
        111.7853,
        23.1524,
        "14.9",
    ),
}
