"""The signed envelope that accompanies a foreign message (customs XML, an EPCIS document) in one request header.

`OriginSeal-Envelope: base64url(JSON {keyId, meta, signature, operations, seeds})`. The message itself stays byte
for byte what its own standard says; the envelope carries what it has no room for. Only its shape is
checked here.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ledger.documents.canonical import loads_strict
from ledger.errors import Malformed, TooLarge

HEADER = "OriginSeal-Envelope"
MAX_ENVELOPE = 48 * 1024  # characters; proxies and servers refuse longer header blocks anyway
MEMBERS = {"keyId": str, "meta": str, "signature": str, "operations": list, "seeds": list}


def decode_envelope(text: str | None) -> dict[str, Any] | None:
    """The envelope of a request, or None without one; raises Malformed or TooLarge naming the header or its member."""
    if text is None:
        return None
    if len(text) > MAX_ENVELOPE:
        raise TooLarge(f"the envelope is longer than {MAX_ENVELOPE} characters", field=HEADER)
    try:
        raw = base64.b64decode(text.rstrip("=").encode("ascii") + b"=" * (-len(text.rstrip("=")) % 4), b"-_", True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Malformed("not base64url", field=HEADER) from error
    value = loads_strict(raw)
    if not isinstance(value, dict):
        raise Malformed("the envelope must be a JSON object", field=HEADER)
    for name, kind in MEMBERS.items():
        if not isinstance(value.get(name), kind):
            raise Malformed(f"a {'text' if kind is str else 'list'} is required", field=f"{HEADER}#/{name}")
    unknown = sorted(set(value) - set(MEMBERS))
    if unknown:
        raise Malformed("unknown member", field=f"{HEADER}#/{unknown[0][:80]}")
    return value
