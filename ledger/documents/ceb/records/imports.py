"""The import core: 进口电子订单, 支付凭证, 物流运单, 进口清单, and the answers to them. They hold personal data.

Field names are the official element names, in the order of the official schema; a comment gives the name part of its
Chinese meaning, which tables/*.json holds in full. None is an absent element.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrderHead:
    """电子订单表头实体 (CEB311, CEB 2022-05 import.xsd)."""

    guid: str  # 企业系统生成36位唯一序号（英文字母大写）。
    appType: str  # 企业报送类型。1
    appTime: datetime  # 企业报送时间。格式:YYYYMMDDhhmmss。mss
    appStatus: str  # 业务状态:1
    orderType: str  # 电子订单类型：I进口
    orderNo: str  # 交易平台的订单编号，同一交易平台的订单编号应唯一。订单编号长度不能超过60位。
    ebpCode: str  # 电商平台的海关注册登记编号；电商平台未在海关注册登记
    ebpName: str  # 电商平台的海关注册登记名称；电商平台未在海关注册登记
    ebcCode: str  # 电商企业的海关注册登记编号。
    ebcName: str  # 电商企业的海关注册登记名称。
    goodsValue: Decimal  # 商品实际成交价，含非现金抵扣金额。
    freight: Decimal  # 不包含在商品价格中的运杂费，无则填写"0"。
    discount: Decimal  # 使用积分、虚拟货币、代金券等非现金支付金额，无则填写"0"。
    taxTotal: Decimal  # 企业预先代扣的税款金额，无则填写“0”
    acturalPaid: Decimal  # 商品价格+运杂费+代扣税款
    currency: str  # 限定为人民币，填写“142”。
    buyerRegNo: str  # 订购人的交易平台注册号。
    buyerName: str  # 订购人的真实姓名。
    buyerTelephone: str  # 订购人电话。
    buyerIdType: str  # 1-身份证,2-其它。限定为身份证，填写“1”
    buyerIdNumber: str  # 订购人的身份证件号码。
    payCode: str | None = None  # 支付企业的海关注册登记编号。
    payName: str | None = None  # 支付企业在海关注册登记的企业名称。
    payTransactionId: str | None = None  # 支付企业唯一的支付流水号。
    batchNumbers: str | None = None  # 商品批次号
    consignee: str  # 收货人姓名，必须与电子运单的收货人姓名一致。
    consigneeTelephone: str  # 收货人联系电话，必须与电子运单的收货人电话一致。
    consigneeAddress: str  # 收货地址，必须与电子运单的收货地址一致。
    consigneeDistrict: str | None = None  # 参照国家统计局公布的国家行政区划标准填制。
    note: str | None = None  # 订单备注


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrderList:
    """电子订单商品实体 (CEB311, CEB 2022-05 import.xsd)."""

    gnum: int  # 从1开始的递增序号。
    itemNo: str | None = None  # 电商企业自定义的商品货号（SKU）。
    itemName: str  # 交易平台销售商品的中文名称。
    gmodel: str  # 满足海关归类、审价以及监管的要求为准。包括：品名、牌名、规格、型号、成份、含量、等级等。
    itemDescribe: str | None = None  # 交易平台销售商品的描述信息。
    barCode: str | None = None  # 国际通用的商品条形码，一般由前缀部分、制造厂商代码、商品代码和校验码组成。
    unit: str  # 填写海关标准的参数代码，参照《JGS
    qty: Decimal  # 商品实际数量。
    price: Decimal  # 商品单价。赠品单价填写为“0”。
    totalPrice: Decimal  # 商品总价，等于单价乘以数量。
    currency: str  # 限定为人民币，填写“142”。
    country: str  # 填写海关标准的参数代码，参照《JGS
    note: str | None = None  # 促销活动，商品单价偏离市场价格的，可以在此说明。


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrderReturn:
    """电子订单回执实体 (CEB312, CEB 2022-05 import.xsd)."""

    guid: str  # 电子口岸系统生成36位唯一序号（英文字母大写）
    ebpCode: str  # 电商平台的海关注册登记编号；电商平台未在海关注册登记
    ebcCode: str  # 电商企业的海关注册登记编号。
    orderNo: str  # 交易平台的订单编号，同一交易平台的订单编号应唯一。订单编号长度不能超过60位。
    returnStatus: str  # 操作结果（2电子口岸申报中/3发送海关成功/4发送海关失败/100海关退单/120海关入库/399海关审结）
    returnTime: datetime  # 操作时间(格式:YYYYMMDDhhmmssSSS)
    returnInfo: str  # 备注（如:退单原因）


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPaymentHead:
    """支付凭证数据实体 (CEB411, CEB 2022-05 import.xsd)."""

    guid: str  # 企业系统生成36位唯一序号（英文字母大写）。
    appType: str  # 企业报送类型。1
    appTime: datetime  # 企业报送时间。格式:YYYYMMDDhhmmss。mss
    appStatus: str  # 业务状态:1
    payCode: str  # 支付企业的海关注册登记编号。
    payName: str  # 支付企业在海关注册登记的名称。
    payTransactionId: str  # 支付企业唯一的支付流水号。
    orderNo: str  # 交易平台的订单编号，同一交易平台的订单编号应唯一。订单编号长度不能超过60位。
    ebpCode: str  # 电商平台的海关注册登记编号；电商平台未在海关注册登记
    ebpName: str  # 电商平台的海关注册登记名称；电商平台未在海关注册登记
    payerIdType: str  # 1-身份证,2-其它。限定为身份证，填写“1”。
    payerIdNumber: str  # 支付人证件号码
    payerName: str  # 支付人的身份证件号码。
    telephone: str | None = None  # 支付人电话
    amountPaid: Decimal  # 支付金额
    currency: str  # 限定为人民币，填写“142”。
    payTime: datetime  # 支付时间，格式:YYYYMMDDhhmmss。hm
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPaymentReturn:
    """支付凭证回执实体 (CEB412, CEB 2022-05 import.xsd)."""

    guid: str  # 电子口岸生成36位唯一序号（英文字母大写）
    payCode: str  # 支付企业的海关注册登记编号。
    payTransactionId: str  # 支付企业唯一的支付流水号。
    returnStatus: str  # 操作结果（2电子口岸申报中/3发送海关成功/4发送海关失败/100海关退单/120海关入库/399海关审结）
    returnTime: datetime  # 操作时间(格式:YYYYMMDDhhmmssSSS)
    returnInfo: str  # 备注（如:退单原因）


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLogisticsHead:
    """物流运单数据实体 (CEB511, CEB 2022-05 import.xsd)."""

    guid: str  # 企业系统生成36位唯一序号（英文字母大写）。
    appType: str  # 企业报送类型。1
    appTime: datetime  # 企业报送时间。格式:YYYYMMDDhhmmss。mss
    appStatus: str  # 业务状态:1
    logisticsCode: str  # 物流企业的海关注册登记编号。
    logisticsName: str  # 物流企业在海关注册登记的名称。
    logisticsNo: str  # 物流企业的运单包裹面单号。同一物流企业的运单编号在6个月内不重复。运单编号长度不能超过60位。
    billNo: str | None = None  # 直购进口为海运提单、空运总单或汽车载货清单
    orderNo: str  # 交易平台的订单编号，同一交易平台的订单编号应唯一。订单编号长度不能超过60位。
    freight: Decimal | None = None  # 商品运输费用，无则填“0”。
    insuredFee: Decimal | None = None  # 商品保险费用，无则填“0”。
    currency: str  # 限定为人民币，填写“142”。
    weight: Decimal  # 毛重,单位为千克。
    packNo: int  # 单个运单下包裹数，限定为“1”。
    goodsInfo: str | None = None  # 配送的商品信息，包括商品名称、数量等。
    consignee: str  # 收货人姓名。
    consigneeAddress: str  # 收货地址。
    consigneeTelephone: str  # 收货人电话号码。
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLogisticsReturn:
    """物流运单回执实体 (CEB512, CEB 2022-05 import.xsd)."""

    guid: str  # 电子口岸生成36位唯一序号（英文字母大写）
    logisticsCode: str  # 物流企业的海关注册登记编号。
    logisticsNo: str  # 物流企业的运单包裹面单号。同一物流企业的运单编号在6个月内不重复。运单编号长度不能超过60位。
    returnStatus: str  # 操作结果（2电子口岸申报中/3发送海关成功/4发送海关失败/100海关退单/120海关入库/399海关审结）
    returnTime: datetime  # 操作时间(格式:YYYYMMDDhhmmssSSS)
    returnInfo: str  # 备注（如:退单原因）


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportInventoryHead:
    """进口清单表头实体 (CEB621, CEB 2022-05 import.xsd)."""

    guid: str  # 企业系统生成36位唯一序号（英文字母大写）。
    appType: str  # 企业报送类型。1
    appTime: datetime  # 企业报送时间。格式:YYYYMMDDhhmmss。mss
    appStatus: str  # 业务状态:1
    orderNo: str  # 交易平台的订单编号，同一交易平台的订单编号应唯一。订单编号长度不能超过60位。
    ebpCode: str  # 电商平台的海关注册登记编号；电商平台未在海关注册登记
    ebpName: str  # 电商平台的海关注册登记名称；电商平台未在海关注册登记
    ebcCode: str  # 电商企业的海关注册登记编号。
    ebcName: str  # 电商企业的海关注册登记名称。
    logisticsNo: str  # 物流企业的运单包裹面单号。同一物流企业的运单编号在6个月内不重复。运单编号长度不能超过60位。
    logisticsCode: str  # 物流企业的海关注册登记编号。
    logisticsName: str  # 物流企业在海关注册登记的名称。
    copNo: str | None = None  # 企业内部标识单证的编号。
    preNo: str | None = None  # 电子口岸标识单证的编号。
    assureCode: str  # 担保扣税的企业海关注册登记编号，只限清单的申报企业、电商企业物流企业。
    emsNo: str | None = None  # 保税模式必填
    invtNo: str | None = None  # 海关接受申报生成的清单编号。
    ieFlag: str  # I-进口,E-出口
    declTime: date  # 申报日期，以海关计算机系统接受清单申报数据时记录的日期为准。格式:YYYYMMDD。
    customsCode: str  # 接受清单申报的海关关区代码，参照JGS/T 18《海关关区代码》。
    portCode: str  # 商品实际进出我国关境口岸海关的关区代码，参照JGS/T 18《海关关区代码》。
    ieDate: date | None = None  # 运载所申报商品的运输工具申报进境的日期
    buyerIdType: str  # 1-身份证,2-其它。限定为身份证，填写“1”。
    buyerIdNumber: str  # 订购人的身份证件号码。
    buyerName: str  # 订购人的真实姓名。
    buyerTelephone: str  # 订购人电话。
    consigneeAddress: str  # 收件地址。
    agentCode: str  # 申报单位的海关注册登记编号。
    agentName: str  # 申报单位在海关注册登记的名称。
    areaCode: str | None = None  # 保税模式必填，区内仓储企业的海关注册登记编号。
    areaName: str | None = None  # 保税模式必填，区内仓储企业在海关注册登记的名称。
    tradeMode: str  # 直购进口填写“9610”，保税进口填写“1210”。
    trafMode: str  # 填写海关标准的参数代码，参照《JGS
    trafNo: str | None = None  # 直购进口必填
    voyageNo: str | None = None  # 直购进口必填。货物进出境的运输工具的航次编号。保税进口免填。
    billNo: str | None = None  # 直购进口必填。货物提单或运单的编号，保税进口免填。
    loctNo: str | None = None  # 针对同一申报地海关下有多个跨境电子商务的监管场所,需要填写区分
    licenseNo: str | None = None  # 商务主管部门及其授权发证机关签发的进出口货物许可证件的编号
    country: str  # 直购进口填写起始发出国家（地区）代码，参照《JGS
    freight: Decimal  # 物流企业实际收取的运输费用。
    insuredFee: Decimal  # 物流企业实际收取的商品保价费用。
    currency: str  # 限定为人民币，填写“142”。
    wrapType: str | None = None  # 海关对进出口货物实际采用的外部包装方式的标识代码
    packNo: int  # 件数为包裹数量，限定为“1”。
    grossWeight: Decimal  # 货物及其包装材料的重量之和，计量单位为千克。
    netWeight: Decimal  # 货物的毛重减去外包装材料后的重量，即货物本身的实际重量，计量单位为千克。
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportInventoryList:
    """进口清单表体实体 (CEB621, CEB 2022-05 import.xsd)."""

    gnum: int  # 从1开始连续序号，与关联的电子订单表体序号一一对应。
    itemRecordNo: str | None = None  # 账册备案料号 保税模式必填
    itemNo: str | None = None  # 电商企业自定义的商品货号（SKU）。
    itemName: str | None = None  # 交易平台销售商品的中文名称。
    gcode: str  # 按商品分类编码规则确定的进出口商品的商品编号
    gname: str  # 商品名称应据实填报，与电子订单一致。
    gmodel: str  # 满足海关归类、审价以及监管的要求为准。包括：品名、牌名、规格、型号、成份、含量、等级等。
    barCode: str | None = None  # 商品条码一般由前缀部分、制造厂商代码、商品代码和校验码组成。没有条码填“无”
    country: str  # 原产国（地区），海关标准的参数代码 《JGS
    tradeCountry: str | None = None  # 贸易国，按海关规定的《国别（地区）代码表》选择填报相应的贸易国（地区）代码。
    currency: str  # 限定为人民币，填写“142”。
    qty: Decimal  # 数量，按成交计量单位的实际数量
    unit: str  # 计量单位，海关标准的参数代码 《JGS
    qty1: Decimal  # 法定数量，海关标准的参数代码 《JGS
    unit1: str  # 法定i计量单位,海关标准的参数代码 《JGS
    qty2: Decimal | None = None  # 第二数量
    unit2: str | None = None  # 第二计量单位,海关标准的参数代码 《JGS
    price: Decimal  # 成交单价
    totalPrice: Decimal  # 成交总价
    note: str | None = None  # 备注


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportInventoryReturn:
    """进口清单回执实体 (CEB622, CEB 2022-05 import.xsd)."""

    guid: str  # 电子口岸生成36位唯一序号（英文字母大写）
    customsCode: str | None = None  # 申报口岸
    ebpCode: str | None = None  # 电商平台的海关注册登记编号；电商平台未在海关注册登记
    ebcCode: str | None = None  # 电商平台的海关注册登记编号；电商平台未在海关注册登记
    agentCode: str | None = None  # 申报单位代码,10位海关代码或者18位信用代码(兼容考虑，暂设为选填)
    copNo: str  # 企业内部标识单证的编号
    preNo: str  # 电子口岸标识单证的编号
    invtNo: str | None = None  # 海关审核反馈清单的编号
    returnStatus: str  # 操作结果（1电子口岸已暂存/2电子口岸申报中/3发送海关成功/4发送海关失败/100海关退单/120海关入库/3
    returnTime: datetime  # 操作时间(格式:YYYYMMDDhhmmssSSS)
    returnInfo: str  # 回执信息（如:退单原因）
