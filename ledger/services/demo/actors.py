"""The demonstration's members. Names are invented; codes carry valid check characters and the GS1 demo prefix 952."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.domain.gs1 import with_check_digit
from ledger.domain.members import Role, uscc_check_character


def uscc(stem: str) -> str:
    """An 18-character unified social credit code from its first 17 characters (GB 32100-2015)."""
    return stem + uscc_check_character(stem)


def gln(reference: str) -> str:
    """A GLN under the demonstration prefix 952."""
    return with_check_digit("952" + reference)


@dataclass(frozen=True, slots=True)
class Actor:
    """One member: `slug` names its key file."""

    slug: str
    zh: str
    en: str
    uscc: str
    zone: int
    roles: Role
    custodial: bool = False


AUTHORITIES = (
    Actor(
        "authority-meizhou",
        "梅州跨境电商综试区办公室（演示）",
        "Meizhou CBEC Pilot Zone Office (demo)",
        uscc("11441400MB2C0000A"),
        1,
        Role.AUTHORITY,
    ),
    Actor(
        "authority-huizhou",
        "惠州跨境电商综试区办公室（演示）",
        "Huizhou CBEC Pilot Zone Office (demo)",
        uscc("11441300MB2C0000B"),
        2,
        Role.AUTHORITY,
    ),
    Actor(
        "authority-zhongshan",
        "中山跨境电商综试区办公室（演示）",
        "Zhongshan CBEC Pilot Zone Office (demo)",
        uscc("11442000MB2C0000C"),
        3,
        Role.AUTHORITY,
    ),
    Actor(
        "authority-jiangmen",
        "江门跨境电商综试区办公室（演示）",
        "Jiangmen CBEC Pilot Zone Office (demo)",
        uscc("11440700MB2C0000D"),
        4,
        Role.AUTHORITY,
    ),
    Actor(
        "authority-zhanjiang",
        "湛江跨境电商综试区办公室（演示）",
        "Zhanjiang CBEC Pilot Zone Office (demo)",
        uscc("11440800MB2C0000E"),
        5,
        Role.AUTHORITY,
    ),
    Actor(
        "authority-maoming",
        "茂名跨境电商综试区办公室（演示）",
        "Maoming CBEC Pilot Zone Office (demo)",
        uscc("11440900MB2C0000F"),
        6,
        Role.AUTHORITY,
    ),
    Actor(
        "authority-zhaoqing",
        "肇庆跨境电商综试区办公室（演示）",
        "Zhaoqing CBEC Pilot Zone Office (demo)",
        uscc("11441200MB2C0000G"),
        7,
        Role.AUTHORITY,
    ),
)

MEMBERS = (
    Actor(
        "gaozhou-lychee",
        "高州岭头荔枝专业合作社",
        "Gaozhou Lingtou Lychee Cooperative",
        uscc("93440981MA4U0001A"),
        6,
        Role.PRODUCER,
    ),
    Actor(
        "maonan-lychee",
        "茂南桂园荔枝种植有限公司",
        "Maonan Guiyuan Lychee Growing Co.",
        uscc("91440902MA4U0002B"),
        6,
        Role.PRODUCER,
    ),
    Actor(
        "fenjie-longan",
        "高州分界龙眼家庭农场",
        "Gaozhou Fenjie Longan Family Farm",
        uscc("92440981MA4U0003C"),
        6,
        Role.PRODUCER,
        custodial=True,
    ),
    Actor(
        "dianbai-tilapia",
        "电白碧海罗非鱼养殖有限公司",
        "Dianbai Bihai Tilapia Farming Co.",
        uscc("91440904MA4U0004D"),
        6,
        Role.PRODUCER,
    ),
    Actor(
        "maoming-packhouse",
        "茂名鲜享果蔬包装有限公司",
        "Maoming Xianxiang Fruit Packhouse Co.",
        uscc("91440900MA4U0005E"),
        6,
        Role.PACKHOUSE,
    ),
    Actor(
        "maoming-lab",
        "茂名南粤农产品检测有限公司",
        "Maoming Nanyue Agri-food Testing Co.",
        uscc("91440900MA4U0006F"),
        6,
        Role.LABORATORY,
    ),
    Actor(
        "maoming-customs",
        "茂名海关（演示）",
        "Maoming Customs (demo)",
        uscc("11440900MB2C1006H"),
        6,
        Role.CUSTOMS | Role.MATCHER,
    ),
    Actor(
        "suixi-shrimp",
        "遂溪海丰对虾养殖有限公司",
        "Suixi Haifeng Shrimp Farming Co.",
        uscc("91440823MA4U0007G"),
        5,
        Role.PRODUCER,
    ),
    Actor(
        "zhanjiang-plant",
        "湛江蓝湾水产加工有限公司",
        "Zhanjiang Lanwan Seafood Processing Co.",
        uscc("91440800MA4U0008H"),
        5,
        Role.PACKHOUSE,
    ),
    Actor(
        "zhenlong-lychee",
        "惠阳镇隆红荔专业合作社",
        "Huiyang Zhenlong Hongli Lychee Cooperative",
        uscc("93441303MA4U0009J"),
        2,
        Role.PRODUCER | Role.PACKHOUSE,
    ),
    Actor(
        "meixian-pomelo",
        "梅县石扇金柚专业合作社",
        "Meixian Shishan Pomelo Cooperative",
        uscc("93441403MA4U0010K"),
        1,
        Role.PRODUCER | Role.PACKHOUSE,
    ),
    Actor(
        "dongsheng-carp",
        "中山东升脆肉鲩养殖有限公司",
        "Zhongshan Dongsheng Crisp Grass Carp Co.",
        uscc("91442000MA4U0011L"),
        3,
        Role.PRODUCER | Role.PACKHOUSE,
    ),
    Actor(
        "xinhui-chenpi",
        "新会圭峰陈皮有限公司",
        "Xinhui Guifeng Chenpi Co.",
        uscc("91440705MA4U0012M"),
        4,
        Role.PRODUCER | Role.PACKHOUSE,
    ),
    Actor(
        "deqing-mandarin",
        "德庆西江贡柑种植有限公司",
        "Deqing Xijiang Tribute Mandarin Co.",
        uscc("91441226MA4U0013N"),
        7,
        Role.PRODUCER | Role.PACKHOUSE,
    ),
    Actor(
        "yuepin",
        "粤品出海跨境电商有限公司",
        "Yuepin Global E-commerce Co.",
        uscc("91440900MA4U0014P"),
        6,
        Role.ECOMMERCE | Role.DECLARANT,
    ),
    Actor(
        "lingnan",
        "岭南优果国际贸易有限公司",
        "Lingnan Premium Fruit Trading Co.",
        uscc("91441300MA4U0015Q"),
        2,
        Role.ECOMMERCE | Role.DECLARANT,
    ),
    Actor(
        "haifu-pay",
        "粤港汇付支付服务有限公司",
        "Yuegang Huifu Payment Services Co.",
        uscc("91440300MA4U0016R"),
        3,
        Role.PAYMENT,
    ),
    Actor(
        "nanling-logistics",
        "南岭国际冷链物流有限公司",
        "Nanling International Cold-chain Logistics Co.",
        uscc("91440800MA4U0017T"),
        5,
        Role.LOGISTICS,
    ),
)

BY_SLUG = {actor.slug: actor for actor in (*AUTHORITIES, *MEMBERS)}
