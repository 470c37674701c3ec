"""`originseal key`: SM2 key files. A private key never leaves its encrypted file (0600) and is never printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ledger.crypto.digest import sm3_text
from ledger.crypto.keyfile import FileSigner, read_key, write_key
from ledger.crypto.sm2 import PrivateKey, PublicKey
from ledger.errors import Malformed
from scripts.commands.output import console, emit

app = typer.Typer(no_args_is_help=True, help="SM2 key files 密钥文件.")

UNLOCK_VARIABLE = "ORIGINSEAL_KEY_PASSPHRASE"
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help=f"file holding the passphrase (or set ${UNLOCK_VARIABLE})")
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def read_passphrase(file: Path | None, *, confirm: bool = False) -> str:
    """The passphrase of a key file: from a file, the environment, or asked for without echo."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as e:
            raise Malformed(f"cannot read the passphrase file: {e.strerror}", field="--passphrase-file") from e
    if value := os.environ.get(UNLOCK_VARIABLE):
        return value
    answer: str = typer.prompt("Passphrase 口令", hide_input=True, confirmation_prompt=confirm)
    return answer


def open_signer(path: Path, file: Path | None, *, custodial: bool = False) -> FileSigner:
    """A signer over a key file."""
    return FileSigner.open(path, read_passphrase(file), custodial=custodial)


@app.command("new")
def new(path: Path, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Make a new SM2 key in an encrypted file (PKCS#8, readable by OpenSSL)."""
    key = PrivateKey.generate()
    write_key(path, key, read_passphrase(passphrase_file, confirm=True))
    _show(path, key.public, as_json)


@app.command("show")
def show(path: Path, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show a key file's public half and key id."""
    _show(path, read_key(path, read_passphrase(passphrase_file)).public, as_json)


def _show(path: Path, public: PublicKey, as_json: bool) -> None:
    facts = {"file": str(path), "keyId": sm3_text(public.key_id), "publicKey": public.point.hex()}
    if as_json:
        emit(facts)
    else:
        console.print(f"key id 密钥标识  {facts['keyId']}\npublic 公钥     {facts['publicKey']}", soft_wrap=True)
