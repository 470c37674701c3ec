"""Returned exports: 退货申请单, 退货理货明细单, and the answers to them.

Field names are the official element names, in the order of the official schema; a comment gives the name part of its
Chinese meaning, which tables/*.json holds in full. None is an absent element.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InvtRefundHead:
    """退货申请单表头 (CEB213, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    appType: str  # 报送类型
    appTime: datetime  # 报送时间
    appStatus: str  # 报送状态
    customsCode: str  # 4位海关编号。《海关关区代码》
    loctNo: str | None = None  # 同一申报地海关下有多个跨境电子商务的监管场所,需要填写区分。
    ebpCode: str  # 电商平台代码
    ebpName: str  # 电商平台名称
    ebcCode: str  # 电商企业代码
    ebcName: str  # 电商企业名称
    logisticsNo: str  # 物流企业运单的包裹面单号
    logisticsCode: str  # 物流企业的海关注册登记编号或统一社会信用代码，可以与原物流企业一致，也可以是进境物流企业。
    logisticsName: str  # 物流企业的登记名称
    coElNo: str  # 企业生成标识唯一编号
    preNo: str | None = None  # 电子口岸标识唯一编号（B+8位年月日+9位流水号）
    invtNo: str  # 原出口清单号
    tradeMode: str | None = None  # 贸易方式 一般出口为9610,特殊区域出口为1210/1239
    agentCode: str  # 申报单位的海关登记编号，可以与原申报企业一致，也可以是进境申报企业。
    agentName: str  # 申报单位的海关登记名称
    billNo: str  # 提单或总运单的编号，如无则填写物流运单号
    ieFlag: str  # I-进口,E-出口,出口退货填写I。
    trafMode: str  # 海关标准的参数代码 《JGS
    trafName: str  # 货物进出境的运输工具的名称或运输工具编号
    portCode: str  # 商品实际出我国关境口岸海关的关区代码 JGS/T 18《海关关区代码》
    reason: str  # 退货原因
    country: str  # 参照《JGS
    voyageNo: str  # 货物进出境的运输工具的航次编号。
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class InvtRefundList:
    """退货申请单商品表体 (CEB213, CEB 2022-05 export.xsd)."""

    gnum: int  # 对应原申报清单表体项号（退货项序号）
    gcode: str  # 与原申报清单一致
    gname: str  # 与原申报清单一致
    gmodel: str  # 与原申报清单一致。
    qty: Decimal  # 不大于原申报清单申报数量，
    qty1: Decimal  # 不大于原清单法定第一数量
    unit: str  # 与原申报清单保持一致。
    unit1: str  # 海关标准的参数代码 《JGS
    qty2: Decimal | None = None  # 不大于原申报清单法定第二数量
    unit2: str | None = None  # 海关标准的参数代码 《JGS
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReturn:
    """退货申请单回执实体 (CEB214, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    ebpCode: str | None = None  # 电商平台的海关注册登记编号；电商平台未在海关注册登记
    ebcCode: str | None = None  # 电商企业的海关注册登记编号
    agentCode: str  # 申报单位的海关注册登记编号
    coElNo: str  # 企业内部标识单证的编号
    preNo: str | None = None  # 电子口岸标识单证的编号
    invtNo: str  # 申请退货的原始清单编号
    returnStatus: str  # 操作结果（1暂存/2申报中/3发送海关成功/4发送海关失败/100海关退单/120海关入库/300待人工审核/500查
    returnTime: datetime  # 操作时间(格式:YYYYMMDDhhmmssSSS)。
    returnInfo: str  # 回执信息


@dataclass(frozen=True, slots=True, kw_only=True)
class InvtRefundDetail:
    """理货明细单实体 (CEB215, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    appType: str  # 报送类型
    appTime: datetime  # 报送时间
    appStatus: str  # 报送状态
    customsCode: str  # 申报地海关代码
    operatorCode: str  # 监管场所经营人在海关注册登记的编号，邮政运输用邮政物流企业
    operatorName: str  # 物流企业的海关注册登记编号或统一社会信用代码，可以与原物流企业一致，也可以是进境物流企业。
    logisticsCode: str  # 监管场所经营人在海关注册登记的名称，邮政运输用邮政物流企业
    logisticsName: str  # 物流企业的登记名称
    logisticsNo: str  # 物流企业运单的包裹面单号，可以与原出口原单号一致，也可以是进境运单号。
    invtNo: str | None = None  # 原出口清单号
    coElNo: str  # 企业内部标识单证的编号
    preNo: str | None = None  # 电子口岸标识单证的编号
    billNo: str  # 提单或总运单的编号，如无则填物流运单号。
    ieFlag: str  # I-进口,E-出口，出口退货填I
    trafMode: str  # 海关标准的参数代码 《JGS
    trafName: str  # 货物进出境的运输工具的名称或运输工具编号
    voyageNo: str  # 货物进出境的运输工具的航次编号。
    location: str | None = None  # 卸货堆货的仓储位置
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class InvtRefundDetailReturn:
    """理货明细单回执实体 (CEB216, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    operatorCode: str  # 监管场所经营人在海关注册登记的编号，邮政运输用邮政物流企业
    logisticsCode: str  # 监管场所经营人在海关注册登记的名称，邮政运输用邮政物流企业
    logisticsNo: str  # 物流企业运单的包裹面单号，可以与原出口原单号一致，也可以是进境运单号。
    coElNo: str  # 企业内部标识单证的编号
    preNo: str | None = None  # 电子口岸标识单证的编号
    returnStatus: str  # 操作结果（1暂存/2申报中/3发送海关成功/4发送海关失败/100海关退单/399海关审结）
    returnTime: datetime  # 操作时间(格式:YYYYMMDDhhmmssSSS)。
    returnInfo: str  # 回执信息
