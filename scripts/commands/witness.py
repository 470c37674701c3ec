"""`originseal witness`: an agency co-signs the operator's checkpoints once it verified that each follows the last."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.errors import NotFound, OriginSealError, Unavailable
from scripts.commands.key import PassphraseFile, open_signer
from scripts.commands.output import EXIT_FINDING, EXIT_UNAVAILABLE, console, emit, exit_code, report, stderr

if TYPE_CHECKING:
    from ledger.services.witness import Round

Source = Annotated[str, typer.Option("--from", help="address of the operator 运营方地址")]
Data = Annotated[Path, typer.Option("--data", help="the witness's own folder 见证数据目录")]
Key = Annotated[Path, typer.Option("--key", help="the agency's SM2 key file 机构密钥文件")]
Anchors = Annotated[Path, typer.Option("--anchors", help="trust anchors that you got from somewhere else 信任锚文件")]
Also = Annotated[
    list[str] | None,
    typer.Option("--also", help="another address to compare with: a replica, another name of the operator, another "
                 "witness's cosigned.txt 另行比对的地址"),
]  # fmt: skip
Interval = Annotated[float, typer.Option("--interval", min=1, max=86_400, help="seconds between looks 轮询间隔(秒)")]


def witness(
    source: Source,
    data: Data,
    key: Key,
    anchors: Anchors,
    passphrase_file: PassphraseFile = None,
    once: Annotated[bool, typer.Option("--once", help="look once, then end 只看一次")] = False,
    interval: Interval = 60.0,
    also: Also = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object per look")] = False,
) -> None:
    """Verify and co-sign the operator's checkpoints 核对并会签检查点.

    Exit code 1: the operator was caught with two histories (evidence is under DATA/evidence), or what it shows does
    not hold; 4: it could not be reached with --once.
    """
    from api.logs import configure_logging
    from ledger.proof.anchors import MAX_BYTES, parse_anchors
    from ledger.services.witness import Memory, Server, Witness, feed_at

    configure_logging(os.environ.get("ORIGINSEAL_LOG_LEVEL", "INFO"))
    try:
        with anchors.open("rb") as file:
            trusted = parse_anchors(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise NotFound(f"cannot read the anchors: {error.strerror}", field="--anchors") from error
    signer = open_signer(key, passphrase_file)
    stop = threading.Event()
    with Memory(data).opened() as memory:
        found = Witness(memory, signer, trusted, Server(source), [feed_at(address) for address in also or ()])
        if once:
            seen = found.look()
            _show(seen, data, as_json)
            if seen.refusal is not None:
                raise typer.Exit(EXIT_FINDING)
            if not seen.handed_in:
                raise typer.Exit(EXIT_UNAVAILABLE)
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        said: Any = None
        while not stop.is_set():
            try:
                seen = found.look()
            except OriginSealError as error:
                if not isinstance(error, Unavailable) and exit_code(error) != EXIT_FINDING:
                    raise
                if said != (error.code, error.message):
                    report(error, as_json=as_json)
                said = (error.code, error.message)
            else:
                if seen.signed_now or seen.refusal is not None or said != seen.problems:
                    _show(seen, data, as_json)
                said = seen.problems
                if seen.refusal is not None:
                    raise typer.Exit(EXIT_FINDING)
            stop.wait(interval)


def _show(seen: Round, data: Path, as_json: bool) -> None:
    if as_json:
        emit(_facts(seen, data))
        return
    for problem in seen.problems:
        stderr.print(f"! {problem}", markup=False, soft_wrap=True)
    if seen.refusal is not None:
        evidence = data / "evidence" / seen.refusal.evidence
        stderr.print(
            "运营方签署了两种历史，本见证机构不再为其会签。\n"
            "The operator signed two histories; this witness co-signs nothing of it any more.\n"
            f"  {seen.refusal.why}\n"
            f"  evidence 证据  {evidence}\n"
            f"  check it 核验  originseal verify --equivocation {evidence} --anchors FILE\n"
            "  Hand the evidence to the other agencies. 请将证据交给其他机构。",
            style="bold red",
            markup=False,
            soft_wrap=True,
        )
    elif seen.cosigned is None:
        console.print("nothing co-signed yet 尚未会签")
    else:
        point = seen.cosigned.checkpoint
        what = "co-signed 已会签" if seen.signed_now else "nothing new 无新区块"
        where = "" if seen.handed_in else "; not handed in yet 尚未送达"
        console.print(f"{what}  height {point.height}  0x{point.block.hex()}{where}", markup=False, soft_wrap=True)


def _facts(seen: Round, data: Path) -> dict[str, Any]:
    refusal = seen.refusal
    return {
        "cosigned": None if seen.cosigned is None else seen.cosigned.to_dict(),
        "signedNow": seen.signed_now,
        "handedIn": seen.handed_in,
        "refused": None
        if refusal is None
        else {"time": refusal.time, "why": refusal.why, "evidence": str(data / "evidence" / refusal.evidence)},
        "problems": list(seen.problems),
    }
