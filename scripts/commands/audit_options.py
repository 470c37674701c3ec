"""Options of `originseal audit` that say how the audit runs and how much of the ledger it covers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SAMPLE = "2%"  # of a scheduled sample that names no size
MAX_WORKERS = 64

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, max=MAX_WORKERS, help="processes that share the work; default: one per core 进程数"
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="go on with an audit that was interrupted 继续中断的审计")]
Incremental = Annotated[
    bool, typer.Option("--incremental", help="begin after the last sound, signed audit 从上次签名的审计之后开始")
]
SampleSize = Annotated[
    str | None, typer.Option("--sample", help="check so many submissions only, drawn at random: 50 or 2% 随机抽样")
]
Seed = Annotated[str | None, typer.Option("--seed", help="draw what an earlier sample with this seed drew 重复抽样")]
Seen = Annotated[
    Path | None,
    typer.Option("--seen", help="checkpoints kept elsewhere, as GET /checkpoints gives them 与他处留存的检查点比对"),
]
