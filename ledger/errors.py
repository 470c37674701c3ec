"""The one error tree of OriginSeal.

    OriginSealError
    ├── Refused        a rule said no (the caller may not do this, or the ledger's state forbids it)
    │   ├── NotAuthorised, MemberSuspended, SignatureRejected, NonceUsed, SubmissionExpired …
    │   └── RevertedOnChain        a contract refused; carries the typed custom error
    ├── Untrusted      data from outside failed a check
    │   ├── Malformed …            a parser could not accept it (field + reason)
    │   └── VerificationFailed …   a proof, signature, chain or file does not hold
    └── Unavailable    try later or repair the set-up (engine down, disk full, library missing)

Every leaf has a stable ``code`` that outsiders may rely on; the API maps codes to problem+json, the command line
to exit codes. Errors know nothing of HTTP, do no printing and never carry key material. Misuse by our own code is
``RuntimeError``/``AssertionError``, not part of this tree.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs a third of the verifier's start: only type checkers need it
if TYPE_CHECKING:
    from typing import Any, ClassVar


class OriginSealError(Exception):
    """Root of every error that the ledger raises on purpose.

    `message` says what happened; `hint` says what the reader can do next; `field` names the offending part of the
    input (a JSON Pointer, an XML path or a parameter name); `detail` holds JSON-able facts for machines.
    """

    code: ClassVar[str] = "originseal"
    title: ClassVar[str] = "OriginSeal error"
    title_zh: ClassVar[str] = "源印错误"

    def __init__(self, message: str, *, field: str | None = None, hint: str = "", **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        where = f" [{self.field}]" if self.field else ""
        return f"{self.code}: {self.message}{where}"


# ---------------------------------------------------------------------------------------------------- refused


class Refused(OriginSealError):
    """A rule said no."""

    code = "refused"
    title = "Refused"
    title_zh = "被拒绝"


class NotAuthorised(Refused):
    """The member's roles do not allow this."""

    code = "not-authorised"
    title = "Not authorised"
    title_zh = "无权操作"


class MemberSuspended(Refused):
    """The member's standing forbids writing."""

    code = "member-suspended"
    title = "Member suspended"
    title_zh = "成员已被暂停"


class UnknownMember(Refused):
    """No such member or key."""

    code = "unknown-member"
    title = "Unknown member or key"
    title_zh = "未知成员或密钥"


class SignatureRejected(Refused):
    """A statement's SM2 signature does not verify under the named key."""

    code = "signature-rejected"
    title = "Signature rejected"
    title_zh = "签名验证失败"


class SignatureRequired(Refused):
    """The request must carry a signed submission."""

    code = "signature-required"
    title = "A signed submission is required"
    title_zh = "需要成员签名"


class NonceUsed(Refused):
    """This key has already used this nonce for another submission."""

    code = "nonce-used"
    title = "Nonce already used"
    title_zh = "随机数已使用"


class SubmissionExpired(Refused):
    """The submission's expiry has passed, or lies too far ahead."""

    code = "submission-expired"
    title = "Submission expired"
    title_zh = "提交已过期"


class RecordsRefused(Refused):
    """One or more records of a submission are bad; `problems` names each of them. Nothing was stored."""

    code = "records-refused"
    title = "Records refused"
    title_zh = "记录被拒绝"

    def __init__(self, message: str, problems: list[dict[str, Any]], **detail: Any) -> None:
        super().__init__(message, problems=problems, **detail)
        self.problems = problems


class NotFound(Refused):
    """The ledger holds no such thing."""

    code = "not-found"
    title = "Not found"
    title_zh = "未找到"


class Conflict(Refused):
    """The ledger's state forbids this."""

    code = "conflict"
    title = "Conflict"
    title_zh = "状态冲突"


class TooLarge(Refused):
    """The input is over a size limit."""

    code = "too-large"
    title = "Too large"
    title_zh = "数据过大"


class RateLimited(Refused):
    """Too many requests from this caller."""

    code = "rate-limited"
    title = "Too many requests"
    title_zh = "请求过于频繁"


class RevertedOnChain(Refused):
    """A contract refused the transaction: `error` is its custom error's name, `args_` its decoded arguments."""

    code = "reverted-on-chain"
    title = "Refused by the contract"
    title_zh = "合约拒绝"

    def __init__(self, error: str, args_: dict[str, Any] | None = None, *, message: str = "", hint: str = "") -> None:
        args_ = args_ or {}
        super().__init__(message or f"the contract reverted with {error}", hint=hint, error=error, arguments=args_)
        self.error = error
        self.args_ = args_


class RpcError(Refused):
    """A chain engine answered a request with a JSON-RPC error: `rpc_code` and `data` are what it sent."""

    code = "rpc-error"
    title = "The chain engine refused the request"
    title_zh = "区块链引擎拒绝了请求"

    def __init__(self, message: str, *, rpc_code: int, data: str | None = None) -> None:
        super().__init__(message, rpc_code=rpc_code)
        self.rpc_code = rpc_code
        self.data = data


# --------------------------------------------------------------------------------------------------- untrusted


class Untrusted(OriginSealError):
    """Data from outside failed a check."""

    code = "untrusted"
    title = "Untrusted data"
    title_zh = "数据不可信"


class Malformed(Untrusted):
    """Outside data could not be parsed or breaks its format; `field` and the message say where and why."""

    code = "malformed"
    title = "Malformed input"
    title_zh = "数据格式错误"


class NotCanonical(Malformed):
    """The data has no single canonical form (duplicate keys, NaN, lone surrogates, non-NFC text …)."""

    code = "not-canonical"
    title = "No canonical form"
    title_zh = "无法规范化"


class HostileXml(Malformed):
    """XML that this ledger never accepts: a DTD, entities, processing tricks, too deep or too many nodes."""

    code = "hostile-xml"
    title = "XML refused"
    title_zh = "XML 被拒绝"


class VerificationFailed(Untrusted):
    """A proof, signature, chain or file does not hold; `step` names the failed step of the argument."""

    code = "verification-failed"
    title = "Verification failed"
    title_zh = "验证不通过"

    def __init__(
        self, message: str, *, step: str = "", field: str | None = None, hint: str = "", **detail: Any
    ) -> None:
        super().__init__(message, field=field, hint=hint, step=step, **detail)
        self.step = step


class BlockRefused(Untrusted):
    """Somebody else's block does not hold: `step` names what differs from executing it here."""

    code = "block-refused"
    title = "Block refused"
    title_zh = "区块被拒绝"

    def __init__(
        self, message: str, *, step: str = "", field: str | None = None, hint: str = "", **detail: Any
    ) -> None:
        super().__init__(message, field=field, hint=hint, step=step, **detail)
        self.step = step


class BadKey(Untrusted):
    """A key, key file or certificate is unusable (wrong curve, off the curve, wrong password, bad encoding)."""

    code = "bad-key"
    title = "Bad key"
    title_zh = "密钥无效"


class CertificateRejected(Untrusted):
    """A certificate, request or revocation list is not accepted. One leaf with its own code per kind of reason:
    `ledger.crypto.certificates.refusals`."""

    code = "certificate-rejected"
    title = "Certificate rejected"
    title_zh = "证书不被接受"


class BadCiphertext(Untrusted):
    """Authenticated decryption failed: wrong key or altered data."""

    code = "bad-ciphertext"
    title = "Decryption failed"
    title_zh = "解密失败"


# ------------------------------------------------------------------------------------------------- unavailable


class Unavailable(OriginSealError):
    """Something needed is not there now; `retry_after` is in seconds where trying again makes sense."""

    code = "unavailable"
    title = "Unavailable"
    title_zh = "暂不可用"

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "", **detail: Any) -> None:
        super().__init__(message, hint=hint, **detail)
        self.retry_after = retry_after


class CryptoUnavailable(Unavailable):
    """The OpenSSL that this Python links does not provide SM2/SM3/SM4 (some distributions build without)."""

    code = "crypto-unavailable"
    title = "National cryptography unavailable"
    title_zh = "缺少国密算法支持"


class EngineUnavailable(Unavailable):
    """The chain engine does not answer, answers nonsense, or holds another chain."""

    code = "engine-unavailable"
    title = "Chain engine unavailable"
    title_zh = "区块链引擎不可用"


class StorageUnavailable(Unavailable):
    """A store cannot be read or written (disk full, locked by another process, damaged)."""

    code = "storage-unavailable"
    title = "Storage unavailable"
    title_zh = "存储不可用"


class SealingSuspended(Unavailable):
    """The ledger answers but seals nothing until its operator has compared it with the outside world."""

    code = "sealing-suspended"
    title = "Sealing is suspended"
    title_zh = "暂停上链"
