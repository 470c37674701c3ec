"""What the ledger needs from whoever holds a private key.

An implementation may be a key file, a key in the server's vault, or a device that never gives out the scalar
(GM/T 0018: `SDF_InternalSign_ECC`; a UKey or a KMS). The user ID is the standard's default, the signature raw r‖s.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ledger.crypto.sm2 import PublicKey

    class Signer(Protocol):
        """Signs messages with one SM2 key."""

        @property
        def public(self) -> PublicKey:
            """The key that verifies what this signer signs."""

        @property
        def custodial(self) -> bool:
            """True when the ledger's operator holds the key for its member (shown on chain and on every page)."""

        def sign(self, message: bytes) -> bytes:
            """64 bytes r‖s over SM3(Z ‖ message), default user ID; raises Unavailable when a device fails."""

else:
    Signer = object  # structural typing only: nothing is inherited at run time
