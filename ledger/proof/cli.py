"""`originseal verify FILE`: checks a proof bundle offline, with nothing of the server.

`originseal verify --equivocation FILE --anchors FILE` checks evidence that an operator signed two histories; there,
exit code 0 means that it did.

Exit codes: 0 the bundle holds (without --anchors: under the assumptions that are printed), 1 it does not hold,
2 the command line is wrong or a file cannot be read. Starts fast on purpose: no framework, no engine, no database.
"""

from __future__ import annotations

import sys

from ledger.documents.canonical import jcs
from ledger.errors import Unavailable, Untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

HOLDS, FAILS, UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with these arguments (default: the process's); prints, and returns the exit code."""
    try:
        options = _plain(list(sys.argv[1:] if argv is None else argv)) or _parsed(argv)
    except SystemExit as stop:  # argparse has printed its help or complaint
        return stop.code if isinstance(stop.code, int) else UNUSABLE
    try:
        bundle_data = _read(options.equivocation or options.file)
        anchors_data = _read(options.anchors) if options.anchors else None
    except OSError as error:
        return _complain(options.json, "unreadable", f"{error.filename}: {error.strerror}", UNUSABLE)
    check = _check_equivocation if options.equivocation else _check
    return check(options, bundle_data, anchors_data)


class _Options:
    """The options of the common forms of the command line."""

    def __init__(self) -> None:
        self.file = ""
        self.anchors = ""
        self.json = False
        self.lang = ""
        self.require_anchors = False
        self.witnesses = 0
        self.equivocation = ""


def _check(options: argparse.Namespace | _Options, bundle_data: bytes, anchors_data: bytes | None) -> int:
    from ledger.proof.anchors import parse_anchors
    from ledger.proof.bundle import parse_bundle
    from ledger.proof.verifier import argue

    try:
        anchors = None if anchors_data is None else parse_anchors(anchors_data)
    except Untrusted as error:
        return _complain(options.json, error.code, f"anchors: {error.message}", UNUSABLE, error.field)
    if anchors is None and (options.require_anchors or options.witnesses):
        why = "--require-anchors" if options.require_anchors else "--witnesses"
        return _complain(options.json, "anchors-required", f"{why}, but no --anchors FILE", FAILS)
    try:
        report = argue(parse_bundle(bundle_data), anchors, options.witnesses)
    except Unavailable as error:
        return _complain(options.json, error.code, error.message, UNUSABLE)
    except Untrusted as error:
        return _complain(options.json, error.code, error.message, FAILS, error.field)
    if options.json:
        sys.stdout.write(jcs(report.to_dict()).decode() + "\n")
    else:
        sys.stdout.write(report.to_text(options.lang or _language()))
    return FAILS if report.verified is None else HOLDS


def _check_equivocation(options: argparse.Namespace | _Options, data: bytes, anchors_data: bytes | None) -> int:
    from ledger.proof.anchors import parse_anchors
    from ledger.proof.equivocation import parse_equivocation, verify_equivocation

    if anchors_data is None:
        return _complain(options.json, "anchors-required", "--equivocation, but no --anchors FILE", UNUSABLE)
    try:
        anchors = parse_anchors(anchors_data)
    except Untrusted as error:
        return _complain(options.json, error.code, f"anchors: {error.message}", UNUSABLE, error.field)
    try:
        proven = verify_equivocation(parse_equivocation(data), anchors)
    except Unavailable as error:
        return _complain(options.json, error.code, error.message, UNUSABLE)
    except Untrusted as error:
        return _complain(options.json, error.code, error.message, FAILS, error.field)
    if options.json:
        sys.stdout.write(jcs(proven.to_dict()).decode() + "\n")
    else:
        sys.stdout.write(proven.to_text(options.lang or _language()))
    return HOLDS


def _plain(argv: list[str]) -> _Options | None:
    """The options, where the command line is of the plain form; None leaves it to argparse, which costs 4 ms."""
    options = _Options()
    at = 0
    while at < len(argv):
        word = argv[at]
        if word == "--json":
            options.json = True
        elif word == "--require-anchors":
            options.require_anchors = True
        elif word == "--anchors" and at + 1 < len(argv) and not argv[at + 1].startswith("-"):
            at += 1
            options.anchors = argv[at]
        elif word in ("--lang=zh", "--lang=en"):
            options.lang = word[-2:]
        elif word == "--lang" and argv[at + 1 : at + 2] in (["zh"], ["en"]):
            at += 1
            options.lang = argv[at]
        elif word.startswith("-") or options.file or not word:
            return None
        else:
            options.file = word
        at += 1
    return options if options.file else None


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="originseal verify",
        description="离线核验一个批次的证明包 · Check a lot's proof bundle offline.",
        epilog="exit codes: 0 holds (without --anchors: under the printed assumptions), 1 does not hold, 2 unusable",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", default="", help="the bundle (- for standard input)")
    parser.add_argument("--anchors", metavar="FILE", default="", help="trust anchors that you got from somewhere else")
    parser.add_argument("--require-anchors", action="store_true", help="fail instead of assuming anything")
    parser.add_argument("--witnesses", metavar="K", type=int, default=0, help="fail unless K agencies co-signed")
    parser.add_argument(
        "--equivocation", metavar="FILE", default="", help="check evidence that an operator signed two histories"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--lang", choices=("zh", "en"), default="", help="language of the text")
    return parser


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(argv)
    if bool(options.file) == bool(options.equivocation):
        parser.error("one FILE: a bundle, or the evidence of --equivocation")
    if options.witnesses < 0:
        parser.error("--witnesses: how many agencies, not below 0")
    return options


def _read(path: str) -> bytes:
    from ledger.proof.text import MAX_JSON_BYTES

    if path == "-":
        return sys.stdin.buffer.read(MAX_JSON_BYTES + 1)
    with open(path, "rb") as file:
        return file.read(MAX_JSON_BYTES + 1)  # one byte over the limit is refused by the parser


def _complain(as_json: bool, code: str, message: str, exit_code: int, field: str | None = None) -> int:
    if as_json:
        result = {"format": "originseal-verification/v1", "result": "fails" if exit_code == FAILS else "unusable"}
        error = {"code": code, "message": message, "field": field or ""}
        sys.stdout.write(jcs({**result, "error": error}).decode() + "\n")
    else:
        verdict = "不成立 does NOT hold" if exit_code == FAILS else "无法核验 cannot check"
        sys.stderr.write(f"{verdict}: {message}" + (f"  [{field}]" if field else "") + "\n")
    return exit_code


def _language() -> str:
    import os

    name = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if name.startswith("zh") else "en"


__all__ = ["FAILS", "HOLDS", "UNUSABLE", "main"]
