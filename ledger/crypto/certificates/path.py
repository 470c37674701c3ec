"""The check of a certificate against trusted roots (RFC 5280, 6, as far as the profile goes), as a numbered argument.

 (1) What is presented is bounded, and no issuer used a serial number twice in it.
 (2) The certificate is for what it is used for: a member's signs statements, an authority's signs certificates.
 (3) Each certificate's issuer is found by name and key identifier, its signature holds, up to a trusted root.
 (4) Every issuer is an authority, allowed to sign certificates, with no more authorities below it than it allows.
 (5) Every certificate of the path, the root too, is valid at the time judged.
 (6) For each but the root, its issuer's newest revocation list is at hand, signed by that issuer, and current; the
     certificate is not revoked from a time at or before the one judged.
 (7) The subject carries one social credit code, and no authority certifies outside its zone.

There is no way to leave a step out. Stricter than the RFC: a root's own validity counts, names must be encoded alike,
a self-issued certificate stands only at the root, and no list of revocations means no. What is revoked after the time
judged is accepted and said in the evidence. Who the member is, the caller decides from the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.crypto.certificates.certificate import Certificate
from ledger.crypto.certificates.extensions import (
    CERTIFICATE_SIGN,
    DIGITAL_SIGNATURE,
    ENCRYPTION_USAGES,
    SIGNING_PURPOSES,
)
from ledger.crypto.certificates.issuing import check_zone
from ledger.crypto.certificates.names import ORGANIZATION_IDENTIFIER, Name, uscc_of
from ledger.crypto.certificates.refusals import (
    BrokenChain,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    CertificateTooLarge,
    CrlMissing,
    CrlNotYetValid,
    CrlStale,
    KeyIdentifierMismatch,
    NotAnAuthority,
    OutsideProfile,
    PathTooLong,
    SerialReused,
    UntrustedRoot,
    WrongKeyUsage,
)
from ledger.crypto.certificates.revocation import Revocation, RevocationList
from ledger.crypto.sm2 import PublicKey
from ledger.errors import CertificateRejected

MAX_DEPTH = 5  # certificates from the member's to the root's: zones have two or three
MAX_INTERMEDIATES = 8
MAX_ROOTS = 64
MAX_LISTS = 64


@dataclass(frozen=True, slots=True)
class ListUsed:
    """The revocation list that spoke for one issuer, and for when it speaks."""

    issuer: str
    number: int
    this_update: int
    next_update: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """Evidence that a certificate held at `at`, with what was known at `checked_at`; only `verify` makes it.

    `path` begins with the certificate and ends with the root. `uscc` is empty for an authority without one.
    `revoked_later` are revocations in the path that begin after `at`.
    """

    certificate: Certificate
    subject: Name
    uscc: str
    zone: int | None
    key: PublicKey
    path: tuple[Certificate, ...]
    at: int
    checked_at: int
    lists: tuple[ListUsed, ...]
    revoked_later: tuple[Revocation, ...]


def verify(
    certificate: Certificate,
    *,
    roots: Sequence[Certificate],
    intermediates: Sequence[Certificate] = (),
    lists: Sequence[RevocationList] = (),
    at: int,
    checked_at: int | None = None,
    of_authority: bool = False,
) -> VerifiedCertificate:
    """Check `certificate` as of `at` (Unix seconds), with lists current at `checked_at` (default: `at`, never before).

    A record anchored long ago is judged with `at` its time and `checked_at` now. Raises a leaf of CertificateRejected.
    """
    checked_at = at if checked_at is None else max(at, checked_at)
    _check_presented(certificate, roots, intermediates, lists)  # (1)
    _check_use(certificate, of_authority)  # (2)
    for root in roots:
        _check_root(root)
    path = _path_to_root(certificate, list(roots), list(intermediates), at)  # (3), (4)
    for position, held in enumerate(path):  # (5)
        _check_time(held, at, position)
    used, later = _check_revocation(path, lists, at, checked_at)  # (6)
    for issuer, below in zip(path[1:], path, strict=False):  # (7)
        check_zone(issuer.subject, below.subject)
    codes = certificate.extensions.codes
    needs_code = not of_authority or codes or certificate.subject.texts(ORGANIZATION_IDENTIFIER)
    return VerifiedCertificate(
        certificate,
        certificate.subject,
        uscc_of(certificate.subject, codes) if needs_code else "",
        certificate.subject.zone,
        certificate.key,
        tuple(path),
        at,
        checked_at,
        used,
        later,
    )


def check_chain(certificate: Certificate, above: Sequence[Certificate], *, at: int) -> None:
    """That a certificate is an authority's and leads through those above it to the last of them (itself, with none).

    For an authority that sets itself up: who it trusts is its own choice, and revocation is not looked at. To rely on
    a certificate, `verify` it. Raises a leaf of CertificateRejected.
    """
    root = above[-1] if above else certificate
    _check_presented(certificate, [root], above, ())
    _check_use(certificate, True)
    _check_root(root)
    path = _path_to_root(certificate, [root], list(above[:-1]), at)
    for position, held in enumerate(path):
        _check_time(held, at, position)


def _check_presented(
    certificate: Certificate,
    roots: Sequence[Certificate],
    intermediates: Sequence[Certificate],
    lists: Sequence[RevocationList],
) -> None:
    for what, given, most in (
        ("roots", roots, MAX_ROOTS),
        ("intermediates", intermediates, MAX_INTERMEDIATES),
        ("lists", lists, MAX_LISTS),
    ):
        if len(given) > most:
            raise CertificateTooLarge(f"at most {most} are looked at", field=what)
    seen: dict[tuple[Name, int], bytes] = {}
    for held in (certificate, *intermediates, *roots):
        if seen.setdefault((held.issuer, held.serial), held.der) != held.der:
            raise SerialReused(
                f"{held.issuer} has given the serial number {held.serial:x} to two certificates", field="serialNumber"
            )


def _check_use(certificate: Certificate, of_authority: bool) -> None:
    extensions = certificate.extensions
    usages = extensions.usages
    if usages is None:
        raise OutsideProfile("keyUsage is missing", field="keyUsage")
    if of_authority:
        _check_authority(certificate, 0)
        return
    if extensions.ca or CERTIFICATE_SIGN in usages:
        raise WrongKeyUsage("an authority's certificate does not sign statements", field="keyUsage")
    if DIGITAL_SIGNATURE not in usages:
        raise WrongKeyUsage("the certificate's key may not sign", field="keyUsage")
    if usages & ENCRYPTION_USAGES:
        raise WrongKeyUsage(
            "an encryption certificate, or one for both: GM/T 0015 keeps the two apart", field="keyUsage"
        )
    if extensions.purposes is not None and not extensions.purposes & SIGNING_PURPOSES:
        raise WrongKeyUsage("the certificate is for other purposes only", field="extendedKeyUsage")


def _check_root(root: Certificate) -> None:
    if not root.self_issued:
        raise UntrustedRoot(f"{root.subject} is no root: another authority issued it", field="roots")
    _check_authority(root, 0, field="roots")
    root.check_signature(root.key)


def _check_authority(issuer: Certificate, authorities_below: int, *, field: str = "path") -> None:
    """That a certificate is an authority's, with room for the authorities below it."""
    extensions = issuer.extensions
    if not extensions.ca:
        raise NotAnAuthority(f"{issuer.subject} is not a certification authority", field=f"{field}.basicConstraints")
    if CERTIFICATE_SIGN not in (extensions.usages or ()):
        raise WrongKeyUsage(f"{issuer.subject} may not sign certificates", field=f"{field}.keyUsage")
    if extensions.path_len is not None and authorities_below > extensions.path_len:
        raise PathTooLong(
            f"{issuer.subject} allows {extensions.path_len} authorities below it, here are {authorities_below}",
            field=f"{field}.pathLenConstraint",
        )


def _path_to_root(
    certificate: Certificate, roots: list[Certificate], intermediates: list[Certificate], at: int
) -> list[Certificate]:
    """The first path that holds; with none, the refusal met first. An authority's renewed certificate is tried before
    the one that ran out."""
    refusals: list[CertificateRejected] = []
    authorities = sorted((*roots, *intermediates), key=lambda held: not held.not_before <= at <= held.not_after)
    found = _extend([certificate], roots, authorities, refusals)
    if found is None:
        raise refusals[0]
    return found


def _extend(
    path: list[Certificate],
    roots: list[Certificate],
    authorities: list[Certificate],
    refusals: list[CertificateRejected],
) -> list[Certificate] | None:
    last = path[-1]
    if last in roots:
        return path
    if last.self_issued:
        refusals.append(UntrustedRoot(f"{last.subject} is not a root trusted here", field="path"))
        return None
    if len(path) >= MAX_DEPTH:
        refusals.append(PathTooLong(f"a path has at most {MAX_DEPTH} certificates", field="path"))
        return None
    named = [held for held in authorities if held.subject == last.issuer and held not in path]
    if not named:
        refusals.append(
            BrokenChain(
                f"no certificate of the issuer {last.issuer} is at hand",
                field="path.issuer",
                hint="give the authorities between the certificate and the root as well",
            )
        )
    for issuer in named:
        try:
            _check_link(last, issuer, len(path) - 1)
        except CertificateRejected as error:
            refusals.append(error)
        else:
            found = _extend([*path, issuer], roots, authorities, refusals)
            if found is not None:
                return found
    return None


def _check_link(below: Certificate, issuer: Certificate, authorities_below: int) -> None:
    """That `issuer` issued `below` and was allowed to."""
    authority = below.extensions.authority
    if authority is None:
        raise OutsideProfile("authorityKeyIdentifier is missing", field="path.authorityKeyIdentifier")
    if authority.key_id is not None and authority.key_id != issuer.key_id:
        raise KeyIdentifierMismatch(
            "the issuer of that name has another key identifier", field="path.authorityKeyIdentifier"
        )
    if authority.serial is not None and (authority.serial, authority.issuer) != (issuer.serial, issuer.issuer.der):
        raise KeyIdentifierMismatch("the issuer's certificate is another one", field="path.authorityKeyIdentifier")
    _check_authority(issuer, authorities_below)
    below.check_signature(issuer.key)


def _check_time(held: Certificate, at: int, position: int) -> None:
    who = f"path.{position}.validity"
    if at < held.not_before:
        raise CertificateNotYetValid(f"{held.subject} is not valid yet", field=f"{who}.notBefore", at=at)
    if at > held.not_after:
        raise CertificateExpired(f"{held.subject} has expired", field=f"{who}.notAfter", at=at)


def _check_revocation(
    path: list[Certificate], lists: Sequence[RevocationList], at: int, checked_at: int
) -> tuple[tuple[ListUsed, ...], tuple[Revocation, ...]]:
    used, later = [], []
    for issuer, below in zip(path[1:], path, strict=False):
        current = _current_list(issuer, lists, checked_at)
        found = current.entries.get(below.serial)
        if found is not None and found.revoked_from <= at:
            raise CertificateRevoked(
                f"{below.subject} is revoked: {found.reason}",
                field="serialNumber",
                reason=found.reason,
                revokedAt=found.revoked_at,
                revokedFrom=found.revoked_from,
                crlNumber=current.number,
            )
        if found is not None:
            later.append(found)
        used.append(
            ListUsed(str(issuer.subject), current.number, current.this_update, current.next_update, current.fingerprint)
        )
    return tuple(used), tuple(later)


def _current_list(issuer: Certificate, lists: Sequence[RevocationList], checked_at: int) -> RevocationList:
    """The issuer's newest list, which must hold and be current."""
    own = [held for held in lists if held.issuer == issuer.subject]
    if not own:
        raise CrlMissing(
            f"no revocation list of {issuer.subject} is at hand",
            field="lists",
            hint="ask the authority for its current list (`originseal certificate crl` makes one)",
        )
    under_its_key = [held for held in own if held.authority.key_id in (None, issuer.key_id)]
    for held in under_its_key or own:  # an authority that changed its key has a list under each
        held.check_issuer(issuer)
    newest = max(under_its_key, key=lambda held: held.number)
    if any(held.number == newest.number and held.der != newest.der for held in under_its_key):
        raise OutsideProfile(f"two different revocation lists have the number {newest.number}", field="lists")
    if newest.this_update > checked_at:
        raise CrlNotYetValid("the revocation list is from the future", field="lists.thisUpdate")
    if newest.next_update < checked_at:
        raise CrlStale(
            "the revocation list is out of date",
            field="lists.nextUpdate",
            hint="ask the authority for its current list",
            nextUpdate=newest.next_update,
        )
    return newest
