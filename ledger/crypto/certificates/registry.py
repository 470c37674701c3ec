"""What a certification authority remembers: its certificate, what it issued, what it revoked, its lists' number.

One folder holds one file, `authority.json`, mode 0600, replaced atomically; a lock file keeps two commands from writing
at once. A certificate or list is handed out only after it is on disk, so that no serial and no list number can come
twice. The authority's key is not here: a Signer holds it. Revocations of certificates long expired stay listed, because
records signed with them are judged for as long as the ledger exists.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ledger.crypto.certificates.certificate import Certificate
from ledger.crypto.certificates.issuing import Period, issue_authority, issue_member, random_serial
from ledger.crypto.certificates.names import uscc_of
from ledger.crypto.certificates.path import check_chain
from ledger.crypto.certificates.refusals import SubjectRejected
from ledger.crypto.certificates.request import CertificateRequest
from ledger.crypto.certificates.revocation import REASON_CODES, Revocation, RevocationList, sign_list
from ledger.crypto.files import write_whole
from ledger.crypto.ports import Signer
from ledger.errors import CertificateRejected, Conflict, Malformed, NotFound, StorageUnavailable

FILE = "authority.json"
FORMAT = "originseal-authority/v1"
MAX_STATE_BYTES = 256 * 1024 * 1024
MEMBER, AUTHORITY = "member", "authority"
HOLD = "certificateHold"


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate given out, and its revocation if there is one."""

    certificate: Certificate
    kind: str
    revocation: Revocation | None = None


@dataclass(frozen=True, slots=True)
class _State:
    certificate: Certificate
    chain: tuple[Certificate, ...]
    number: int
    issued: dict[int, Issued]


class Registry:
    """An authority's folder. Every change is on disk when the method returns."""

    def __init__(self, folder: Path, certificate: Certificate, chain: tuple[Certificate, ...]) -> None:
        self._folder = folder
        self.certificate = certificate
        """The authority's own certificate."""
        self.chain = chain
        """From the authority's issuer to the root; empty for a root."""

    @classmethod
    def create(
        cls, folder: Path, certificate: Certificate, chain: tuple[Certificate, ...] = (), *, at: int
    ) -> Registry:
        """A new folder for the authority with this certificate; `chain` are those above it, the root last.

        Raises Conflict where one exists, or a leaf of CertificateRejected when the certificate is not an authority's
        or does not hold at `at`. Its issuers' lists are not asked for here: who checks a member's certificate does.
        """
        check_chain(certificate, chain, at=at)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"cannot make the folder {folder.name}: {error.strerror}") from error
        made = cls(folder, certificate, chain)
        with made._locked():
            if (folder / FILE).exists():
                raise Conflict(f"{folder.name} holds an authority already", hint="choose another folder")
            made._write(_State(certificate, chain, 0, {}))
        return made

    @classmethod
    def open(cls, folder: Path) -> Registry:
        """An existing folder; raises NotFound or StorageUnavailable."""
        state = _read(folder)
        return cls(folder, state.certificate, state.chain)

    @property
    def issued(self) -> tuple[Issued, ...]:
        """All certificates given out, oldest first."""
        return tuple(self._read().issued.values())

    def find(self, serial: int) -> Issued:
        """The certificate with this serial number; raises NotFound."""
        return _find(self._read(), serial)

    def issue_member(self, signer: Signer, request: CertificateRequest, period: Period, *, uscc: str) -> Certificate:
        """Give a member's certificate for a request whose subject the authority has checked to be `uscc`.

        Raises SubjectRejected when the request says another company, Conflict when the key already certifies another.
        """
        if uscc_of(request.subject) != uscc:
            raise SubjectRejected("the request is another company's than the one named", field="subject")
        with self._locked():
            state = self._read()
            for held in state.issued.values():
                if held.certificate.key == request.key and held.certificate.subject != request.subject:
                    raise Conflict("this key is certified for another holder", hint="make a new key")
            made = issue_member(state.certificate, signer, request.subject, request.key, period, serial=_fresh(state))
            self._add(state, Issued(made, MEMBER))
            return made

    def issue_authority(
        self, signer: Signer, request: CertificateRequest, period: Period, *, path_len: int = 0
    ) -> Certificate:
        """Give a certificate to an authority below this one."""
        with self._locked():
            state = self._read()
            made = issue_authority(
                state.certificate,
                signer,
                request.subject,
                request.key,
                period,
                path_len=path_len,
                serial=_fresh(state),
            )
            self._add(state, Issued(made, AUTHORITY))
            return made

    def revoke(self, serial: int, *, at: int, reason: str, invalid_from: int | None = None) -> Issued:
        """Revoke a certificate as of `at`; `invalid_from`: since when its key is in doubt, if earlier.

        The next list says so. Raises NotFound, Malformed for an unknown reason or a doubt that begins later, Conflict
        when it is revoked already (a hold may become final, and then counts from the hold).
        """
        if reason not in REASON_CODES:
            raise Malformed(f"a reason is one of {', '.join(REASON_CODES)}", field="reason")
        if invalid_from is not None and invalid_from > at:
            raise Malformed("the key cannot be in doubt only after it was revoked", field="from")
        with self._locked():
            state = self._read()
            held = _find(state, serial)
            before = held.revocation
            if before is not None and (before.reason != HOLD or reason == HOLD):
                raise Conflict(f"the certificate is revoked already: {before.reason}")
            if before is not None:
                at = min(at, before.revoked_at)
                doubts = [doubt for doubt in (invalid_from, before.invalid_from) if doubt is not None]
                invalid_from = min(doubts, default=None)
            changed = replace(held, revocation=Revocation(serial, at, reason, invalid_from))
            self._write(replace(state, issued=state.issued | {serial: changed}))
            return changed

    def sign_list(self, signer: Signer, *, this_update: int, next_update: int) -> RevocationList:
        """The next revocation list, with everything ever revoked."""
        with self._locked():
            state = self._read()
            revoked = [held.revocation for held in state.issued.values() if held.revocation is not None]
            made = sign_list(
                state.certificate,
                signer,
                revoked,
                number=state.number + 1,
                this_update=this_update,
                next_update=next_update,
            )
            self._write(replace(state, number=made.number))
            return made

    # ---- the file

    def _add(self, state: _State, issued: Issued) -> None:
        self._write(replace(state, issued=state.issued | {issued.certificate.serial: issued}))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageUnavailable(f"cannot lock {self._folder.name}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> _State:
        return _read(self._folder)

    def _write(self, state: _State) -> None:
        text = json.dumps(_render(state), ensure_ascii=False, indent=1)
        write_whole(self._folder / FILE, text.encode("utf-8"), replace=True)


def _read(folder: Path) -> _State:
    path = folder / FILE
    try:
        if path.stat().st_size > MAX_STATE_BYTES:
            raise StorageUnavailable(f"{path.name} is over {MAX_STATE_BYTES} bytes")
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(
            f"{folder.name} holds no authority", hint="`originseal certificate self-sign` makes one"
        ) from error
    except OSError as error:
        raise StorageUnavailable(f"cannot read {path.name}: {error.strerror}") from error
    except ValueError as error:
        raise StorageUnavailable(f"{path.name} is damaged", hint="restore it from a backup") from error
    try:
        return _parse(value)
    except (KeyError, TypeError, ValueError, AttributeError, CertificateRejected) as error:
        raise StorageUnavailable(
            f"{path.name} does not hold an authority's state: {error}", hint="restore it from a backup"
        ) from error


def _fresh(state: _State) -> int:
    serial = random_serial()
    while serial in state.issued or serial == state.certificate.serial:
        serial = random_serial()
    return serial


def _find(state: _State, serial: int) -> Issued:
    try:
        return state.issued[serial]
    except KeyError:
        raise NotFound(f"this authority has issued no certificate {serial:x}") from None


def _parse(value: dict[str, Any]) -> _State:
    if value["format"] != FORMAT:
        raise ValueError("an unknown format")
    issued = {}
    for row in value["issued"]:
        certificate = Certificate.from_pem(row["certificate"])
        revoked = row["revocation"]
        revocation = None
        if revoked is not None:
            revocation = Revocation(
                certificate.serial, int(revoked["at"]), str(revoked["reason"]), revoked["invalidFrom"]
            )
        issued[certificate.serial] = Issued(certificate, str(row["kind"]), revocation)
    chain = tuple(Certificate.from_pem(pem) for pem in value["chain"])
    return _State(Certificate.from_pem(value["certificate"]), chain, int(value["crlNumber"]), issued)


def _render(state: _State) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "certificate": state.certificate.pem,
        "chain": [held.pem for held in state.chain],
        "crlNumber": state.number,
        "issued": [
            {
                "kind": held.kind,
                "certificate": held.certificate.pem,
                "revocation": held.revocation
                and {
                    "at": held.revocation.revoked_at,
                    "reason": held.revocation.reason,
                    "invalidFrom": held.revocation.invalid_from,
                },
            }
            for held in state.issued.values()
        ],
    }
