"""The agencies that may witness a ledger, by the duty for which they look at its records.

A code stands in anchors files (docs/proof-bundle.md) and never changes its meaning; the office itself, such as one
customs house, has its own name beside it. Does not know which office witnesses what: an anchors file says that.
"""

from __future__ import annotations

# code: (Chinese, English)
AGENCIES = {
    "customs": ("海关", "Customs"),
    "tax": ("税务", "Taxation"),
    "foreign-exchange": ("外汇管理", "Foreign exchange"),
    "market-supervision": ("市场监督管理", "Market supervision"),
    "agriculture": ("农业农村", "Agriculture and rural affairs"),
    "commerce": ("商务", "Commerce"),
    "postal": ("邮政管理", "Postal administration"),
    "police": ("公安", "Public security"),
    "zone-authority": ("综试区管理机构", "Pilot zone authority"),
}
