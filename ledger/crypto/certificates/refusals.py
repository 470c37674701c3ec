"""Why a certificate, a request or a revocation list is not accepted: one leaf with a stable code per kind of reason.

All descend from `ledger.errors.CertificateRejected`, so that callers outside need only that. `field` names the part,
the message the reason.
"""

from __future__ import annotations

from ledger.errors import CertificateRejected


class CertificateMalformed(CertificateRejected):
    """Not strict DER, not this structure, or a value outside its form."""

    code = "certificate-malformed"
    title = "Malformed certificate"
    title_zh = "证书格式错误"


class CertificateTooLarge(CertificateRejected):
    """Over a bound on bytes, entries, certificates or depth."""

    code = "certificate-too-large"
    title = "Certificate data too large"
    title_zh = "证书数据超出上限"


class WrongAlgorithm(CertificateRejected):
    """Signed with anything but SM2 with SM3 (SHA-256, SHA-1, ECDSA, RSA …)."""

    code = "certificate-wrong-algorithm"
    title = "Wrong signature algorithm"
    title_zh = "签名算法不是SM2/SM3"


class AlgorithmMismatch(CertificateRejected):
    """The algorithm inside the signed part is not the one outside (RFC 5280, 4.1.1.2)."""

    code = "certificate-algorithm-mismatch"
    title = "Signature algorithms differ"
    title_zh = "内外签名算法不一致"


class WrongCurve(CertificateRejected):
    """The key is not on SM2 by name: another curve, explicit or inherited parameters, or no elliptic curve."""

    code = "certificate-wrong-curve"
    title = "Wrong curve"
    title_zh = "曲线不是SM2"


class PointNotOnCurve(CertificateRejected):
    """The public key is not an uncompressed point on SM2."""

    code = "certificate-bad-point"
    title = "Bad public key"
    title_zh = "公钥点无效"


class CertificateSignatureRejected(CertificateRejected):
    """The signature does not hold under the issuer's key."""

    code = "certificate-bad-signature"
    title = "Certificate signature rejected"
    title_zh = "证书签名验证失败"


class CertificateExpired(CertificateRejected):
    """Judged after its last second."""

    code = "certificate-expired"
    title = "Certificate expired"
    title_zh = "证书已过期"


class CertificateNotYetValid(CertificateRejected):
    """Judged before its first second."""

    code = "certificate-not-yet-valid"
    title = "Certificate not yet valid"
    title_zh = "证书尚未生效"


class UnknownCriticalExtension(CertificateRejected):
    """Holds an extension that must be understood and is not."""

    code = "certificate-unknown-critical-extension"
    title = "Unknown critical extension"
    title_zh = "含有未知的关键扩展"


class DuplicateExtension(CertificateRejected):
    """The same extension twice (RFC 5280, 4.2)."""

    code = "certificate-duplicate-extension"
    title = "Duplicate extension"
    title_zh = "扩展重复"


class OutsideProfile(CertificateRejected):
    """Lacks something that the profile asks for, or holds what it forbids."""

    code = "certificate-outside-profile"
    title = "Outside the profile"
    title_zh = "不符合证书规范"


class SubjectRejected(CertificateRejected):
    """The subject carries no social credit code, several, or another zone than its authority."""

    code = "certificate-subject-rejected"
    title = "Subject rejected"
    title_zh = "证书主体不被接受"


class WrongKeyUsage(CertificateRejected):
    """The key may not be used for this: an encryption certificate, or an authority's without the right."""

    code = "certificate-wrong-key-usage"
    title = "Wrong key usage"
    title_zh = "密钥用途不符"


class NotAnAuthority(CertificateRejected):
    """The issuer is not a certification authority."""

    code = "certificate-not-a-ca"
    title = "Issuer is not an authority"
    title_zh = "签发者不是CA"


class PathTooLong(CertificateRejected):
    """More authorities below one than it allows (pathLenConstraint)."""

    code = "certificate-path-too-long"
    title = "Path too long"
    title_zh = "证书路径过长"


class BrokenChain(CertificateRejected):
    """No issuer with this name and key identifier leads to a trusted root."""

    code = "certificate-broken-chain"
    title = "Broken chain"
    title_zh = "证书链断裂"


class KeyIdentifierMismatch(CertificateRejected):
    """The issuer has the name asked for but another key identifier."""

    code = "certificate-key-identifier-mismatch"
    title = "Key identifiers differ"
    title_zh = "密钥标识不一致"


class UntrustedRoot(CertificateRejected):
    """The chain is whole but ends at a root that is not trusted here."""

    code = "certificate-untrusted-root"
    title = "Root not trusted"
    title_zh = "根证书不受信任"


class SerialReused(CertificateRejected):
    """Two different certificates of one issuer have the same serial number."""

    code = "certificate-serial-reused"
    title = "Serial number reused"
    title_zh = "证书序列号重复"


class CertificateRevoked(CertificateRejected):
    """Revoked from a time that is not after the one judged."""

    code = "certificate-revoked"
    title = "Certificate revoked"
    title_zh = "证书已吊销"


class CrlMissing(CertificateRejected):
    """No revocation list of the issuer is at hand."""

    code = "crl-missing"
    title = "Revocation list missing"
    title_zh = "缺少证书吊销列表"


class CrlStale(CertificateRejected):
    """The revocation list's next one is due already."""

    code = "crl-stale"
    title = "Revocation list stale"
    title_zh = "证书吊销列表已过期"


class CrlNotYetValid(CertificateRejected):
    """The revocation list was issued after the time of checking."""

    code = "crl-not-yet-valid"
    title = "Revocation list not yet valid"
    title_zh = "证书吊销列表尚未生效"


class CrlSignatureRejected(CertificateRejected):
    """The revocation list's signature does not hold under the issuer's key."""

    code = "crl-bad-signature"
    title = "Revocation list rejected"
    title_zh = "证书吊销列表签名无效"


class CrlWrongIssuer(CertificateRejected):
    """The revocation list is somebody else's."""

    code = "crl-wrong-issuer"
    title = "Revocation list of another issuer"
    title_zh = "证书吊销列表签发者不符"


class RequestSignatureRejected(CertificateRejected):
    """The request is not signed with the key it asks a certificate for."""

    code = "certificate-request-bad-signature"
    title = "No proof of possession"
    title_zh = "证书申请签名无效"
