"""Summary declarations and format errors: 汇总申请单, 汇总结果单, 报文格式校验回执.

Field names are the official element names, in the order of the official schema; a comment gives the name part of its
Chinese meaning, which tables/*.json holds in full. None is an absent element.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryApplyHead:
    """汇总申请单表头 (CEB701, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    appType: str  # 报送类型
    appTime: datetime  # 报送时间
    appStatus: str  # 报送状态
    customsCode: str  # 申报地海关代码
    copNo: str  # 企业生成标识唯一编号
    preNo: str | None = None  # 预录入编号
    sumNo: str | None = None  # 汇总申请编号
    agentCode: str  # 申报单位代码
    agentName: str  # 申报单位名称
    ebcCode: str  # 收发货人代码
    ebcName: str  # 收发货人名称
    declAgentCode: str  # 报关单位代码
    declAgentName: str  # 报关单位名称
    startTime: datetime | None = None  # 汇总开始时间
    endTime: datetime | None = None  # 汇总开始时间
    loctNo: str | None = None  # 监管场所代码
    summaryFlag: str  # 收发货人汇总标志
    itemNameFlag: str  # 按商品名汇总标志
    msgCount: int  # 报文总数
    msgSeqNo: int  # 报文序号
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryApplyList:
    """汇总申请单数据表体 (CEB701, CEB 2022-05 export.xsd)."""

    invtNo: str  # 清单编号


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryReturn:
    """汇总申请单回执实体 (CEB702, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    agentCode: str  # 申报企业代码
    ebcCode: str  # 收发货人代码
    copNo: str  # 企业唯一编号
    preNo: str  # 预录入编号
    sumNo: str | None = None  # 汇总申请编号
    msgSeqNo: int  # 报文序号
    returnStatus: str  # 回执状态
    returnTime: datetime  # 回执时间
    returnInfo: str  # 回执信息


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryResultHead:
    """汇总结果单表头 (CEB792, CEB 2022-05 export.xsd)."""

    guid: str  # 系统唯一序号
    customsCode: str  # 申报地海关代码
    sumNo: str  # 汇总申请编号
    opDate: datetime  # 汇总处理时间
    declSeqNo: str  # 汇总统一编号
    decTmpNo: str | None = None  # 报关单暂存编号
    decPreNo: str | None = None  # 报关单预录入编号
    entryId: str | None = None  # 报关单编号
    decState: str  # 报关单状态
    agentCode: str  # 申报企业代码
    agentName: str  # 申报企业名称
    ebcCode: str  # 收发货人代码
    ebcName: str  # 收发货人名称
    declAgentCode: str  # 报关单位代码
    declAgentName: str  # 报关单位名称
    grossWeight: Decimal  # 毛重（公斤）
    netWeight: Decimal  # 净重（公斤）
    msgCount: int  # 报文总数
    msgSeqNo: int  # 报文序号
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryResultList:
    """汇总结果单表体(允许可空) (CEB792, CEB 2022-05 export.xsd)."""

    invtNo: str  # 清单编号
    logisticsNo: str  # 物流运单编号
    gseqno: int  # 汇总结果单的顺序号
    gnum: int  # 清单商品项的序号
    gcode: str  # 清单商品编码


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReturn:
    """报文格式校验回执实体 (CEB900, CEB 2022-05 import.xsd)."""

    guid: str  # 36位唯一序号
    returnStatus: str  # 小于0数字表示报文格式校验异常。
    returnInfo: str  # 回执详细信息
    returnTime: datetime  # 操作时间(格式:YYYYMMDDhhmmssSSS)
    oriCopMsgId: str  # 原始传输报文的copMsgId
    oriMessageType: str  # 原始报文的报文类型，如CEB311Message，未知类型为Unknown
    oriBizMessage: str  # 原始报文内容
