"""The answers that customs-style processing gives: CEB304, CEB404, CEB506, CEB604 and every other receipt message.

Job: for each business node of a declaration, one answer node with its status and a reason, written in schema order.
Which status a document deserves is decided by the caller; the codes and their meaning are in codes/statuses.json,
negative numbers are processing errors.
Clauses: CEB specification 202205, OrderReturn, ReceiptsReturn, LogisticsReturn, InventoryReturn; returnTime is Beijing
time with milliseconds, 17 digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from unicodedata import normalize

from ledger.documents.ceb.emit import compose_message, new_guid
from ledger.documents.ceb.model import BusinessNode
from ledger.documents.ceb.schema import FieldSpec, MessageSchema, code_table, schema, schema_of_kind
from ledger.errors import Malformed

BEIJING = timezone(timedelta(hours=8))
MAX_INFO = 1000  # characters of returnInfo

ACCEPTED = "120"  # 海关入库
REJECTED = "100"  # 海关退单
STORED = "2"  # 电子口岸申报中

UNKNOWN_TYPE = "Unknown"
MAX_FORMAT_INFO = 5000  # characters of returnInfo in CEB900
MAX_SHOWN = 1024 * 1024  # octets of a message of wrong format that are sent back
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# The answer to a list must carry the e-port's 18-character number, which a declaration may not have yet.
_NO_PRE_ENTRY = "B" + "0" * 17


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered for one node: a status code and the reason in words."""

    node: BusinessNode
    status: str
    info: str


def receipt_message(answers: Iterable[Answer], *, time_ms: int, guid: str | None = None) -> bytes:
    """The answer message for the nodes of one declaration message; `time_ms` is Unix time in milliseconds.

    Raises Malformed for no answers, mixed kinds, or a kind that is not answered.
    """
    listed = list(answers)
    kinds = {a.node.kind for a in listed}
    if len(kinds) != 1:
        raise Malformed("an answer message answers documents of one kind", field="/")
    declared = schema_of_kind(kinds.pop())
    if declared.answer is None:
        raise Malformed(f"{declared.type} is not answered", field="/")
    table = schema(declared.answer)
    return compose_message(
        # Lenient: a wrong code in the declaration must not stop the answer that says so.
        table.type,
        [(_answer_fields(table, a, time_ms), ()) for a in listed],
        guid=guid or new_guid(),
        mode="lenient",
    )


def format_error_message(
    original: bytes,
    info: str,
    *,
    status: str,
    time_ms: int,
    message_id: str = "",
    message_type: str = UNKNOWN_TYPE,
    guid: str | None = None,
) -> bytes:
    """CEB900: the answer to what could not be read as a message at all, with what came, as far as XML can hold it.

    `status` is a negative number; `message_id` is the CopMsgId of the envelope it came in.
    """
    shown = original[:MAX_SHOWN].decode("utf-8", errors="replace")
    fields = {
        "guid": guid or new_guid(),
        "returnStatus": status,
        "returnInfo": info[:MAX_FORMAT_INFO] or status_words(status)["zh"],
        "returnTime": beijing_time(time_ms),
        "oriCopMsgId": message_id[:255] or "-",
        "oriMessageType": message_type[:15],
        "oriBizMessage": normalize("NFC", _NOT_XML.sub("\ufffd", shown)).strip() or "-",
    }
    return compose_message("CEB900", [(fields, ())], guid=guid)


def status_words(status: str) -> dict[str, str]:
    """Chinese and English words for a status code; negative codes are processing errors."""
    row = code_table("statuses").get(status)
    if row is not None:
        return {"zh": str(row["zh"]), "en": str(row["en"])}
    return {"zh": "处理异常", "en": "Processing error"} if status.startswith("-") else {"zh": status, "en": status}


def beijing_time(time_ms: int) -> str:
    """YYYYMMDDhhmmssfff."""
    moment = datetime.fromtimestamp(time_ms // 1000, BEIJING)
    return f"{moment:%Y%m%d%H%M%S}{time_ms % 1000:03d}"


def _answer_fields(table: MessageSchema, answer: Answer, time_ms: int) -> dict[str, str]:
    head = answer.node.head
    values = {
        "guid": head["guid"].upper() if len(head.get("guid", "")) == 36 else new_guid(),
        "returnStatus": answer.status,
        "returnTime": beijing_time(time_ms),
        "returnInfo": answer.info[:MAX_INFO] or status_words(answer.status)["zh"],
    }
    fields = {}
    for spec in table.head_fields:
        if spec.name in values:
            fields[spec.name] = values[spec.name]
        elif spec.accepts(head.get(spec.name, "")) and (head.get(spec.name) or not spec.optional):
            fields[spec.name] = head[spec.name]
        elif not spec.optional:
            fields[spec.name] = _substitute(spec, head.get(spec.name, ""))
    return fields


def _substitute(spec: FieldSpec, text: str) -> str:
    """A schema-conforming value for what the declaration left out or got wrong; never a made-up identity."""
    if spec.name == "preNo":
        return _NO_PRE_ENTRY
    if spec.name == "invtNo":
        return ""
    if spec.type != "string":
        return "1"  # msgSeqNo: a message that is not split is part 1
    return text[: spec.maximum] if len(text) >= spec.minimum else "-".ljust(spec.minimum, "-")
