"""What the explorer's API tests share: one address of each of its pages, with the schema of its JSON form."""

from __future__ import annotations

from api.settings import Settings
from tests.explorer_world import CHILD, EVERYBODY, LOT, World

MEMBER, LOT_ID, CHILD_ID = ("sm3:" + each.hex() for each in (EVERYBODY, LOT, CHILD))
JSON = {"accept": "application/json"}
SETTINGS = Settings(base_url="https://trace.example", read_rate=0, write_rate=0, log_level="CRITICAL")
PAGES = {
    "/chain": "Overview",
    "/chain/blocks": "BlockPage",
    "/chain/blocks?before=4&limit=2": "BlockPage",
    "/chain/blocks/0": "BlockView",
    "/chain/blocks/1": "BlockView",
    "/chain/blocks/5": "BlockView",
    "/chain/transactions/{register}": "TransactionView",
    "/chain/transactions/{trade}": "TransactionView",
    "/chain/transactions/{govern}": "TransactionView",
    "/chain/transactions/{again}": "TransactionView",
    "/chain/transactions/{forged}": "TransactionView",
    "/chain/transactions/{garbage}": "TransactionView",
    "/chain/transactions/{junk}": "TransactionView",
    "/chain/members": "MemberList",
    "/chain/members?limit=1": "MemberList",
    f"/chain/members/{MEMBER}": "MemberPage",
    f"/chain/members/{MEMBER}?limit=1": "MemberPage",
    "/chain/governance": "GovernancePage",
    f"/chain/governance?kind=roles&member={MEMBER}": "GovernancePage",
    f"/chain/lots/{LOT_ID}": "LotPage",
    f"/chain/lots/{CHILD_ID}": "LotPage",
    "/chain/contracts": "ContractList",
    "/chain/contracts/Submissions": "ContractPage",
    "/chain/contracts/SM3Hasher": "ContractPage",
    "/chain/contracts/Lots/source/contracts/src/interfaces/ILots.sol": "SourceFile",
    "/chain/contracts/Lots/source/@openzeppelin/contracts/utils/math/SafeCast.sol": "SourceFile",
    "/chain/accounts/{sender}": "AccountPage",
}


def filled(world: World, path: str) -> str:
    sender = "0x" + world.relayer.address.hex()
    return path.format(sender=sender, **{name: world.hash(name) for name in world.sent})
