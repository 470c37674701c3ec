"""Export lists and their cancellation: 出口清单, 撤销申请单, and the answers to them.

Field names are the official element names, in the order of the official schema; a comment gives the name part of its
Chinese meaning, which tables/*.json holds in full. None is an absent element.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryHead:
    """出口清单表头类 (CEB603, CEB 2022-05 export.xsd)."""

    guid: str  # 36位系统唯一序号（英文字母大写）
    appType: str  # 申报类型:1
    appTime: datetime  # 业务时间,格式:YYYYMMDDhhmmss
    appStatus: str  # 企业报送状态。1
    customsCode: str  # 申报海关代码,办理通关手续的4位海关编号
    ebpCode: str  # 电商平台的海关登记编号
    ebpName: str  # 电商平台名称
    orderNo: str  # 订单编号,电商平台原始订单编号
    logisticsCode: str  # 物流企业代码,10位海关代码或者18位信用代码
    logisticsName: str  # 物流企业名称
    logisticsNo: str  # 物流运单编号
    copNo: str  # 企业唯一编号
    preNo: str | None = None  # 预录入编号
    invtNo: str | None = None  # 清单编号
    ieFlag: str  # 进出口标志,I/E标志
    portCode: str  # 出口口岸海关代码,海关参数代码
    ieDate: date  # 出口日期 YYYYMMDD
    statisticsFlag: str  # 申报业务类型：A
    agentCode: str  # 报关企业代码 10位海关代码或者18位信用代码
    agentName: str  # 报关企业名称
    ebcCode: str  # 收发货人代码。 10位海关代码或者18位信用代码
    ebcName: str  # 收发货人名称。 电商企业的海关注册登记名称。
    ownerCode: str  # 生产销售单位代码。 实际发货人的企业的10位海关代码或者18位信用代码
    ownerName: str  # 生产销售单位名称。 实际发货人的企业名称。
    iacCode: str | None = None  # 区内企业代码 特殊区域模式必填
    iacName: str | None = None  # 特殊区域内仓储企业代码，特殊区域出口模式必填
    emsNo: str | None = None  # 账册编号
    tradeMode: str  # 贸易方式 一般出口为9610,特殊区域出口为1210/1239
    trafMode: str  # 运输方式代码 海关参数代码
    trafName: str | None = None  # 运输工具名称。
    voyageNo: str | None = None  # 航班航次号,物流企业提供
    billNo: str | None = None  # 提运单号,物流企业提供
    totalPackageNo: str | None = None  # 总包号。 物流企业对于一个提运单下含有多个大包的托盘编号（邮件为邮袋号）。
    loctNo: str | None = None  # 监管场所代码
    licenseNo: str | None = None  # 许可证号
    country: str  # 运抵国（地区）,海关参数代码
    POD: str  # 指运港代码 海关参数代码
    freight: Decimal  # 运费
    fCurrency: str  # 运费币制 海关参数代码
    fFlag: str  # 运费标志 海关参数代码 3
    insuredFee: Decimal  # 保费
    iCurrency: str  # 保费币制 海关参数代码
    iFlag: str  # 保费标志 海关参数代码 3
    wrapType: str  # 包装种类代码
    packNo: int  # 件数(包裹数)
    grossWeight: Decimal  # 毛重（千克）
    netWeight: Decimal  # 净重（千克）
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryList:
    """出口清单表体项类 (CEB603, CEB 2022-05 export.xsd)."""

    gnum: int  # 商品项号,从1开始连续序号
    itemNo: str  # 企业商品编号
    itemRecordNo: str | None = None  # 保税出口模式必填
    itemName: str | None = None  # 企业自定义的商品名称，汇总后用于退税品名
    gcode: str  # 海关商品编码（10位）
    gname: str  # 商品名称
    gmodel: str  # 规格型号
    barCode: str  # 条形码
    country: str  # 最终目的国（地区）代码
    currency: str  # 币制代码
    qty: Decimal  # 申报数量
    qty1: Decimal  # 法定数量
    qty2: Decimal | None = None  # 第二数量
    unit: str  # 申报计量单位,海关参数代码
    unit1: str  # 法定计量单位,海关参数代码
    unit2: str | None = None  # 第二计量单位,海关参数代码
    price: Decimal  # 单价
    totalPrice: Decimal  # 总价
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryReturn:
    """出口清单回执类 (CEB604, CEB 2022-05 export.xsd)."""

    guid: str  # 36位系统唯一序号（英文字母大写）
    agentCode: str  # 申报企业代码
    copNo: str  # 企业内部生成标识清单的编号
    preNo: str  # 预录入编号
    invtNo: str  # 出境清单编号,海关审结生成标识清单的编号（4位关区+4位年+1位进出口标记+9位流水号）
    ebcCode: str  # 收发货人代码
    ebpCode: str  # 电商平台代码
    orderNo: str  # 订单编号
    statisticsFlag: str  # 申报业务类型
    returnStatus: str  # 操作结果（1电子口岸已暂存/2电子口岸申报中/3发送海关成功/4发送海关失败/100海关退单/120海关入库/3
    returnTime: datetime  # 回执时间,格式YYYYMMDDhhmmssfff
    returnInfo: str  # 回执信息（如:退单原因）


@dataclass(frozen=True, slots=True, kw_only=True)
class InvtCancel:
    """撤销申请单类 (CEB605, CEB 2022-05 export.xsd)."""

    guid: str  # 36位系统唯一序号（英文字母大写）
    appType: str  # 申报类型:1
    appTime: datetime  # 业务时间,格式:YYYYMMDDhhmmss
    appStatus: str  # 企业报送状态。1
    customsCode: str  # 申报海关代码
    copNo: str  # 企业内部生成标识清单的编号
    preNo: str | None = None  # 预录入编号
    invtNo: str  # 出境清单编号，海关审结生成标识清单的编号（4位关区+4位年+1位进出口标记+9位流水号）
    reason: str  # 原因
    agentCode: str  # 申报单位代码,10位海关代码或者18位信用代码
    agentName: str  # 申报单位名称
    ebcCode: str  # 收发货人代码。 电商企业的10位海关代码或者18位信用代码。
    ebcName: str  # 收发货人名称。 电商企业的海关注册登记名称。
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class InvtCancelReturn:
    """撤销申请单回执类 (CEB606, CEB 2022-05 export.xsd)."""

    guid: str  # 36位系统唯一序号（英文字母大写）
    agentCode: str  # 申报企业代码
    copNo: str  # 企业内部生成标识清单的编号
    preNo: str  # 预录入编号
    invtNo: str  # 出境清单编号,海关审结生成标识清单的编号（4位关区+4位年+1位进出口标记+9位流水号）
    returnStatus: str  # 操作结果（1电子口岸已暂存/2电子口岸申报中/3发送海关成功/4发送海关失败/100海关退单/399海关审结等
    returnTime: datetime  # 回执时间,格式YYYYMMDDhhmmssfff
    returnInfo: str  # 回执信息（如:退单原因）
