"""The chain explorer: what a chain holds, decoded into words in Chinese and English, every figure with its evidence.

    explorer = Explorer(chain, names)         over any ledger.chain.reader.ChainReader

Needs the chain and nothing else: no payload store, no read model, no key. So it is the same at the operator and at a
replica. Every answer is a frozen value of `views`; `requests` in it are the JSON-RPC calls that show the same raw data
to anybody, `checks` what was recomputed here. No answer costs more than its page: listings walk back from the head
through event logs in bounded steps (`history`), and nothing ever scans the whole chain for one request.
"""

from ledger.services.explorer.explorer import Explorer
from ledger.services.explorer.wording import LotName, Name

__all__ = ["Explorer", "LotName", "Name"]
