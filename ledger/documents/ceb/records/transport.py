"""Waybills, arrival, departure and master waybills: 物流运单, 运抵单, 离境单, 清单总分单, and the answers to them.

Field names are the official element names, in the order of the official schema; a comment gives the name part of its
Chinese meaning, which tables/*.json holds in full. None is an absent element.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistics:
    """物流运单数据实体 (CEB505, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    appType: str  # 报送类型
    appTime: datetime  # 报送时间
    appStatus: str  # 报送状态
    logisticsCode: str  # 物流企业代码
    logisticsName: str  # 物流企业名称
    logisticsNo: str  # 物流运单编号
    freight: Decimal  # 运费
    insuredFee: Decimal  # 保价费
    currency: str  # 币制
    grossWeight: Decimal  # 毛重
    packNo: int  # 件数
    goodsInfo: str  # 主要货物信息
    ebcCode: str | None = None  # 收发货人代码
    ebcName: str | None = None  # 收发货人名称
    ebcTelephone: str | None = None  # 收发货人电话
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticsReturn:
    """物流运单回执实体 (CEB506, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    logisticsCode: str  # 物流企业代码
    logisticsNo: str  # 物流运单编号
    returnStatus: str  # 回执状态
    returnTime: datetime  # 回执时间
    returnInfo: str  # 回执信息（如:退单原因）


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalHead:
    """物流运抵单表头 (CEB507, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    appType: str  # 报送类型
    appTime: datetime  # 报送时间
    appStatus: str  # 报送状态
    customsCode: str  # 申报地海关代码
    copNo: str  # 企业内部标识单证的编号
    preNo: str | None = None  # 预录入编号
    operatorCode: str  # 监管场所经营人代码
    operatorName: str  # 监管场所经营人名称
    loctNo: str | None = None  # 监管场所代码
    ieFlag: str  # 进出口标记
    trafMode: str  # 运输方式
    billNo: str | None = None  # 提运单号
    domesticTrafNo: str  # 境内运输工具编号
    logisticsCode: str  # 物流企业代码
    logisticsName: str  # 物流企业名称
    msgCount: int  # 报文总数
    msgSeqNo: int  # 报文序号
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalList:
    """物流运抵单表体（允许为空） (CEB507, CEB 2022-05 export.xsd)."""

    gnum: int  # 序号
    logisticsNo: str  # 物流运单编号
    totalPackageNo: str | None = None  # 总包号
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalReturn:
    """物流运抵单回执实体 (CEB508, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    operatorCode: str  # 监管场所经营人代码
    logisticsCode: str  # 物流企业代码
    preNo: str  # 预录入编号
    copNo: str  # 企业唯一编号
    billNo: str  # 提运单号
    msgSeqNo: int  # 报文序号
    returnStatus: str  # 回执状态
    returnTime: datetime  # 回执时间
    returnInfo: str  # 回执信息（如:退单原因）


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartureHead:
    """物流离境单表头数据 (CEB509, CEB 2022-05 export.xsd)."""

    guid: str  # 36位系统唯一序号（英文字母大写）
    appType: str  # 申报类型:1
    appTime: datetime  # 业务时间,格式:YYYYMMDDhhmmss
    appStatus: str  # 企业报送状态
    customsCode: str  # 办理通关手续的4位海关编号
    copNo: str  # 企业唯一编号
    preNo: str | None = None  # 预录入编号
    logisticsCode: str  # 物流企业代码,10位海关代码或者18位信用代码
    logisticsName: str  # 物流企业名称
    trafMode: str  # 运输方式
    trafName: str | None = None  # 运输工具名称
    voyageNo: str | None = None  # 航班航次号
    billNo: str | None = None  # 提运单号,物流企业提供
    leaveTime: datetime  # 离境时间
    msgCount: int  # 报文总数
    msgSeqNo: int  # 报文序号
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartureList:
    """物流离境单表体类 (CEB509, CEB 2022-05 export.xsd)."""

    gnum: int  # 序号
    totalPackageNo: str | None = None  # 总包号
    logisticsNo: str  # 物流运单号
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartureReturn:
    """物流离境回执类 (CEB510, CEB 2022-05 export.xsd)."""

    guid: str  # 36位系统唯一序号（英文字母大写）
    logisticsCode: str  # 物流企业代码,10位海关代码或者18位信用代码
    copNo: str  # 企业唯一编号
    preNo: str  # 预录入编号
    msgSeqNo: int  # 报文序号
    returnStatus: str  # 回执状态
    returnTime: datetime  # 回执时间,格式YYYYMMDDhhmmssfff
    returnInfo: str  # 回执信息（如:退单原因）


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBillHead:
    """清单总分单数据 (CEB607, CEB 2022-05 export.xsd)."""

    guid: str  # 36位系统唯一序号（英文字母大写）
    appType: str  # 申报类型:1
    appTime: datetime  # 业务时间,格式:YYYYMMDDhhmmss
    appStatus: str  # 企业报送状态。1
    customsCode: str  # 申报海关代码,办理通关手续的4位海关编号
    copNo: str  # 企业唯一编号
    preNo: str | None = None  # 预录入编号
    agentCode: str  # 申报企业代码
    agentName: str  # 申报企业名称
    loctNo: str | None = None  # 监管场所代码
    trafMode: str  # 运输方式代码,海关参数代码
    trafName: str  # 运输工具名称
    voyageNo: str  # 航班航次号,物流企业提供
    billNo: str  # 提运单号,物流企业提供
    domesticTrafNo: str | None = None  # 境内运输工具编号 运往海关监管场所的运输工具编号，例如车牌号
    grossWeight: Decimal  # 毛重（千克）
    logisticsCode: str  # 物流企业代码,10位海关代码或者18位信用代码
    logisticsName: str  # 物流企业名称
    msgCount: int  # 拆分后的报文数 未拆分的不填，拆分的填实际数量。
    msgSeqNo: int  # 报文序号 以1开始的报文顺序号。未拆分的不填，拆分的报文需要连续编号，不得跳号。
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBillList:
    """提运单表体项类 (CEB607, CEB 2022-05 export.xsd)."""

    gnum: int  # 项号,从1开始连续序号
    totalPackageNo: str | None = None  # 总包号。 物流企业对于一个提运单下含有多个大包的托盘编号（邮件为邮袋号）。
    logisticsNo: str  # 物流运单编号
    invtNo: str | None = None  # 原出口清单编号
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBillReturn:
    """清单总分单回执 (CEB608, CEB 2022-05 export.xsd)."""

    guid: str  # 36位系统唯一序号（英文字母大写）
    agentCode: str  # 申报企业代码
    logisticsCode: str  # 物流企业代码,10位海关代码或者18位信用代码
    copNo: str  # 企业生成标识唯一编号
    preNo: str  # 预录入编号
    billNo: str  # 提运单号,提单或总运单的编号
    msgSeqNo: int  # 报文序号
    returnStatus: str  # 操作结果（1电子口岸已暂存/2电子口岸申报中/3发送海关成功/4发送海关失败/100海关退单/399海关审结等
    returnTime: datetime  # 回执时间,格式YYYYMMDDhhmmssfff
    returnInfo: str  # 回执信息（如:退单原因）
