"""`originseal`: the command line. Exit codes: 0 done and sound · 1 a check does not hold · 2 wrong usage ·
3 refused · 4 unavailable (try later or repair the set-up).

`verify` starts without the rest of the program: an inspector may run it on thousands of bundles, and it must depend
on nothing of the server.
"""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Entry point of the `originseal` command."""
    if sys.argv[1:2] == ["verify"]:
        gc.disable()  # one short run over bounded input: collecting costs more than all it could free
        from ledger.proof.cli import main as verify

        return verify(sys.argv[2:])
    from scripts.commands.app import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
