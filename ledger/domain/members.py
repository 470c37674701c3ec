"""Members: who they may be, where they belong, and the code that identifies them.

Job: roles, standing, the seven zones, the unified social credit code (统一社会信用代码) with its check character, the
member id derived from it, and the member.profile payload. Who really is a member is decided on chain.
Clause: GB 32100-2015, 4 (structure) and annex A (check character: mod 31-3 by GB/T 17710).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from ledger.domain import ids
from ledger.domain.codes import Standing
from ledger.domain.gs1 import Gln
from ledger.domain.jsonshape import Node
from ledger.errors import Malformed

__all__ = ["ROLE_NAMES", "ZONES", "Profile", "Role", "Standing", "Zone", "check_uscc", "member_id", "parse_profile"]


class Role(IntFlag):
    """What a member may do; the bits of the contract's `roles`."""

    PRODUCER = 1
    PACKHOUSE = 2
    ECOMMERCE = 4
    PAYMENT = 8
    LOGISTICS = 16
    LABORATORY = 32
    SITE_OPERATOR = 64
    DECLARANT = 128
    BANK = 256
    CUSTOMS = 512
    TAX = 1024
    FOREIGN_EXCHANGE = 2048
    MARKET_SUPERVISION = 4096
    AGRICULTURE = 8192
    COMMERCE = 16384
    POSTAL = 32768
    POLICE = 65536
    AUTHORITY = 131072
    MATCHER = 262144
    AUDITOR = 524288

    @classmethod
    def names(cls, bits: int) -> tuple[str, ...]:
        """The names of the roles in `bits`, lowest bit first; unknown bits are left out."""
        return tuple(role.name for role in cls if bits & role and role.name)

    @classmethod
    def parse(cls, names: list[str] | tuple[str, ...], field: str | None = None) -> Role:
        """The roles named; Malformed for an unknown name."""
        roles = cls(0)
        for name in names:
            if name not in cls.__members__:
                raise Malformed(f"unknown role {name!r:.40}", field=field, hint="one of " + ", ".join(cls.__members__))
            roles |= cls[name]
        return roles


ROLE_NAMES: dict[Role, dict[str, str]] = {
    Role.PRODUCER: {"zh": "生产者", "en": "Producer"},
    Role.PACKHOUSE: {"zh": "包装厂", "en": "Packhouse"},
    Role.ECOMMERCE: {"zh": "电商企业", "en": "E-commerce company"},
    Role.PAYMENT: {"zh": "支付机构", "en": "Payment institution"},
    Role.LOGISTICS: {"zh": "物流企业", "en": "Logistics company"},
    Role.LABORATORY: {"zh": "检测机构", "en": "Laboratory"},
    Role.SITE_OPERATOR: {"zh": "监管场所经营人", "en": "Site operator"},
    Role.DECLARANT: {"zh": "报关企业", "en": "Declaration agent"},
    Role.BANK: {"zh": "银行保险", "en": "Bank or insurer"},
    Role.CUSTOMS: {"zh": "海关", "en": "Customs"},
    Role.TAX: {"zh": "税务", "en": "Tax"},
    Role.FOREIGN_EXCHANGE: {"zh": "外汇管理", "en": "Foreign exchange"},
    Role.MARKET_SUPERVISION: {"zh": "市场监管", "en": "Market supervision"},
    Role.AGRICULTURE: {"zh": "农业农村", "en": "Agriculture"},
    Role.COMMERCE: {"zh": "商务", "en": "Commerce"},
    Role.POSTAL: {"zh": "邮政管理", "en": "Postal"},
    Role.POLICE: {"zh": "公安", "en": "Police"},
    Role.AUTHORITY: {"zh": "综试区管理机构", "en": "Zone authority"},
    Role.MATCHER: {"zh": "三单比对", "en": "Matcher"},
    Role.AUDITOR: {"zh": "审计", "en": "Auditor"},
}


@dataclass(frozen=True, slots=True)
class Zone:
    """One of the seven cross-border e-commerce pilot zones of 粤府函〔2020〕123号.

    `customs_prefix` = first two digits of the customs codes of the district that the zone belongs to (四位关区代码);
    `confirmed` says whether a source was read for it. `longitude`, `latitude`: the city, for maps (WGS-84 degrees).
    """

    code: int
    key: str
    zh: str
    en: str
    customs_prefix: str
    district_zh: str
    district_en: str
    confirmed: bool
    longitude: float
    latitude: float


ZONES: dict[int, Zone] = {
    zone.code: zone
    for zone in (
        Zone(1, "meizhou", "梅州", "Meizhou", "60", "汕头海关", "Shantou Customs", False, 116.1176, 24.2886),
        Zone(2, "huizhou", "惠州", "Huizhou", "53", "深圳海关", "Shenzhen Customs", False, 114.4152, 23.1115),
        Zone(3, "zhongshan", "中山", "Zhongshan", "57", "拱北海关", "Gongbei Customs", False, 113.3928, 22.5176),
        Zone(4, "jiangmen", "江门", "Jiangmen", "68", "江门海关", "Jiangmen Customs", True, 113.0819, 22.5787),
        Zone(5, "zhanjiang", "湛江", "Zhanjiang", "67", "湛江海关", "Zhanjiang Customs", True, 110.3594, 21.2707),
        Zone(6, "maoming", "茂名", "Maoming", "67", "湛江海关", "Zhanjiang Customs", False, 110.9255, 21.6627),
        Zone(7, "zhaoqing", "肇庆", "Zhaoqing", "51", "广州海关", "Guangzhou Customs", False, 112.4653, 23.0469),
    )
}

# GB 32100-2015: 31 characters without I, O, S, V, Z; weights 3^i mod 31.
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES = {c: i for i, c in enumerate(_USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
USCC_LENGTH = 18
_POINT = re.compile(r"04[0-9a-fA-F]{128}\Z")


def uscc_check_character(first17: str) -> str:
    """The 18th character for the first 17. Raises Malformed when they hold other characters."""
    try:
        total = sum(_USCC_VALUES[c] * w for c, w in zip(first17, _USCC_WEIGHTS, strict=True))
    except (KeyError, ValueError) as error:
        raise Malformed(
            "a social credit code has 18 characters of 0-9 and A-Y without I, O, S, V", field="/uscc"
        ) from error
    return _USCC_ALPHABET[-total % 31]


def check_uscc(text: object, field: str | None = "/uscc") -> str:
    """`text` itself when it is a unified social credit code; Malformed for another form or check character.

    Positions 3 to 8 (the district of registration) must be digits. Lower case is refused: one company, one id.
    """
    if not isinstance(text, str) or len(text) != USCC_LENGTH or any(c not in _USCC_VALUES for c in text):
        raise Malformed("a social credit code has 18 characters of 0-9 and A-Y without I, O, S, V", field=field)
    if not text[2:8].isdigit():
        raise Malformed("characters 3 to 8 of a social credit code are digits", field=field)
    expected = uscc_check_character(text[:17])
    if text[17] != expected:
        raise Malformed(f"the social credit code's check character is {text[17]}, should be {expected}", field=field)
    return text


def member_id(uscc: str) -> bytes:
    """The member id of a checked social credit code. Raises Malformed when the code is wrong."""
    return ids.member_id(check_uscc(uscc))


@dataclass(frozen=True, slots=True)
class Profile:
    """What a member.profile payload says: the public face of a member."""

    uscc: str
    member_id: bytes
    name_zh: str
    name_en: str
    zone: int | None
    roles: Role
    gln: str | None


def parse_profile(payload: Any) -> Profile:
    """Read a member.profile payload (docs/payloads.md). Raises Malformed with the field."""
    fields = Node(payload).object(
        ("uscc", "name"), ("zone", "roles", "gln", "address", "website", "customsCode", "key")
    )
    uscc = check_uscc(fields["uscc"].value, "/uscc")
    name = fields["name"].bilingual(200)
    zone = fields["zone"].whole(1, max(ZONES)) if "zone" in fields else None
    roles = Role(0)
    if "roles" in fields:
        names = [node.one_of(Role.__members__) for node in fields["roles"].list(0, len(Role.__members__))]
        roles = Role.parse(names, "/roles")
    gln = str(Gln.parse(fields["gln"].value, "/gln")) if "gln" in fields else None
    if "address" in fields:
        fields["address"].bilingual(300)
    if "website" in fields:
        website = fields["website"].text(300)
        if not website.startswith(("https://", "http://")):
            fields["website"].refuse("must be an http or https address")
    if "key" in fields:
        key = fields["key"].object(("publicKey", "custodial"))
        key["publicKey"].text(130, _POINT, "an uncompressed point: 04 ‖ X ‖ Y as 130 hex digits")
        if not isinstance(key["custodial"].value, bool):
            key["custodial"].refuse("must be true or false")
    if "customsCode" in fields:
        code = fields["customsCode"].text(10)
        if len(code) != 10 or not code.isascii() or not code.isalnum():
            fields["customsCode"].refuse("a customs registration number has 10 letters or digits")
    return Profile(uscc, ids.member_id(uscc), name["zh"], name["en"], zone, roles, gln)
