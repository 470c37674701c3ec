"""Lots: their id, their state, and the origin payload that brings them into being.

A front for ledger.domain.ids, .codes and .origin; it adds nothing of its own.
"""

from __future__ import annotations

from ledger.domain.codes import BaseUnit, LotState
from ledger.domain.ids import lot_id
from ledger.domain.origin import CERTIFICATE_TYPES, Certificate, Origin, Parent, parse_origin

__all__ = ["CERTIFICATE_TYPES", "BaseUnit", "Certificate", "LotState", "Origin", "Parent", "lot_id", "parse_origin"]
