"""Orders and receipts of payment: 电子订单, 收款单, and the answers to them.

Field names are the official element names, in the order of the official schema; a comment gives the name part of its
Chinese meaning, which tables/*.json holds in full. None is an absent element.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHead:
    """订单表头 (CEB303, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    appType: str  # 报送类型
    appTime: datetime  # 报送时间
    appStatus: str  # 报送状态
    orderType: str  # 订单类型
    orderNo: str  # 订单编号
    ebpCode: str  # 电商平台代码
    ebpName: str  # 电商平台名称
    ebcCode: str  # 电商企业代码
    ebcName: str  # 电商企业名称
    goodsValue: Decimal  # 商品金额
    freight: Decimal  # 运杂费
    currency: str  # 币制
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderList:
    """订单商品表体 (CEB303, CEB 2022-05 export.xsd)."""

    gnum: int  # 序号
    itemNo: str  # 企业商品货号
    itemName: str  # 企业商品名称
    itemDescribe: str | None = None  # 企业商品描述
    barCode: str | None = None  # 条形码
    unit: str  # 计量单位
    currency: str  # 币制
    qty: Decimal  # 数量
    price: Decimal  # 单价
    totalPrice: Decimal  # 总价
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReturn:
    """订单回执实体 (CEB304, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    ebpCode: str  # 电商平台海关注册登记编号或统一社会信用代码
    ebcCode: str  # 电商企业代码
    orderNo: str  # 电商平台订单编号/海外仓订仓单编号，同一交易平台的订单编号应唯一。订单编号长度不能超过60位。
    returnStatus: str  # 回执状态
    returnTime: datetime  # 回执时间
    returnInfo: str  # 回执信息（如:退单原因）


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """收款单数据实体 (CEB403, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    appType: str  # 报送类型
    appTime: datetime  # 报送时间
    appStatus: str  # 报送状态
    ebpCode: str  # 电商平台代码
    ebpName: str  # 电商平台名称
    ebcCode: str  # 电商企业代码
    ebcName: str  # 电商企业名称
    orderNo: str  # 订单编号
    payCode: str | None = None  # 支付企业代码
    payName: str  # 支付企业名称
    payNo: str | None = None  # 支付交易编号
    charge: Decimal  # 收款金额
    currency: str  # 币制
    accountingDate: datetime  # 到账时间 格式:YYYYMMDDhhmmss
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptsReturn:
    """收款单回执实体 (CEB404, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    ebcCode: str  # 电商企业代码
    orderNo: str  # 电商平台订单编号/海外仓订仓单编号，同一交易平台的订单编号应唯一。订单编号长度不能超过60位。
    payNo: str | None = None  # 支付交易编号
    returnStatus: str  # 回执状态
    returnTime: datetime  # 回执时间
    returnInfo: str  # 回执信息（如:退单原因）
