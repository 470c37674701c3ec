"""Worker processes: tasks go out, answers come back in whatever order, and a process that dies is noticed and replaced.

Processes and not threads, because nearly everything here holds Python's interpreter lock. Each is a fresh interpreter
(nothing is inherited by a fork, and the caller's main module is not imported) that reads pickled tasks from its
standard input and writes pickled answers to its standard output; keys travel through that pipe and nowhere else: no
argument, no environment, no file. A worker ends when its input ends, so it does not outlive a parent that was killed.
"""

from __future__ import annotations

import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from ledger.services.audit.findings import Findings
from ledger.services.audit.spans import Part, Span
from ledger.services.audit.tasks import Bench, Setup, Task

AHEAD = 2  # tasks that one worker has at a time, so that it never waits for the next
MAX_DEATHS = 3  # of workers over one task, before it is given up
_LENGTH = 8
# The worker must find this program as the parent did, whatever its working folder holds (-P).
_BOOT = (
    "import pickle, sys; i = sys.stdin.buffer; sys.path[:] = pickle.loads(i.read(int.from_bytes(i.read(8), 'big'))); "
    "from ledger.services.audit.pool import serve; serve(i, sys.stdout.buffer)"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A task done; `lost` says how the workers ended that had it, None in place of the answer when it was given up."""

    task: Task
    answer: Span | Part | None
    lost: tuple[str, ...] = ()


class Pool:
    """`workers` processes, or none: with one worker everything is done in this process, in order."""

    def __init__(self, setup: Setup, workers: int) -> None:
        self._setup = setup
        self._bench = Bench(setup) if workers <= 1 else None
        self._answers: queue.SimpleQueue[tuple[_Worker, bytes | None]] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._closed = False
        self.size = max(1, workers)
        try:
            for _ in range(workers if workers > 1 else 0):
                self._workers.append(_Worker(setup, self._answers))
        except BaseException:
            self.close()
            raise

    @property
    def apart(self) -> bool:
        """Whether tasks are done in other processes."""
        return self._bench is None

    @property
    def processes(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def ordered(self, tasks: Iterable[Task]) -> Iterator[Answer]:
        """The answers in the order of the tasks, of which no more are taken than the workers need."""
        if self._bench is not None:
            for task in tasks:
                yield Answer(task, self._bench.do(task))
            return
        waiting, done = deque[int](), dict[int, Answer]()
        for answer in self._run(tasks, waiting, done):
            done[answer[0]] = answer[1]
            while waiting and waiting[0] in done:
                yield done.pop(waiting.popleft())

    def _run(self, tasks: Iterable[Task], waiting: deque[int], done: dict[int, Answer]) -> Iterator[tuple[int, Answer]]:
        source, number, exhausted = iter(tasks), 0, False
        again: deque[_Job] = deque()
        while True:
            while not exhausted or again:
                free = min(self._workers, key=lambda worker: len(worker.jobs))
                if len(free.jobs) >= AHEAD or (not again and len(waiting) >= 2 * AHEAD * self.size):
                    break  # everybody is busy, or one slow task holds back many finished ones
                if again:
                    free.give(again.popleft())
                    continue
                task = next(source, None)
                if task is None:
                    exhausted = True
                    break
                waiting.append(number)
                free.give(_Job(number, task))
                number += 1
            if not any(worker.jobs for worker in self._workers):
                return
            worker, raw = self._answers.get()
            if self._closed:
                return
            if raw is not None:
                job = worker.jobs.popleft()
                yield job.number, Answer(job.task, pickle.loads(raw), tuple(job.lost))  # noqa: S301 - our own process
                continue
            yield from self._bury(worker, again)

    def _bury(self, worker: _Worker, again: deque[_Job]) -> Iterator[tuple[int, Answer]]:
        """A worker ended: what it was at is done by another, unless it has ended several."""
        how = worker.end()
        self._workers[self._workers.index(worker)] = _Worker(self._setup, self._answers)
        for at, job in enumerate(worker.jobs):
            if at == 0:  # the others had not begun
                job.lost.append(how)
            if len(job.lost) >= MAX_DEATHS:
                yield job.number, Answer(job.task, None, tuple(job.lost))
            else:
                again.append(job)

    def close(self) -> None:
        """End every worker; what is under way is left."""
        self._closed = True
        for worker in self._workers:
            worker.end()
        if self._bench is not None:
            self._bench.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(slots=True)
class _Job:
    number: int
    task: Task
    lost: list[str] = field(default_factory=list)


class _Worker:
    """One process, what it has to do, and a thread that waits for its answers."""

    def __init__(self, setup: Setup, answers: queue.SimpleQueue[tuple[_Worker, bytes | None]]) -> None:
        self.jobs: deque[_Job] = deque()
        self._answers = answers
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._input, self._output = self.process.stdin, self.process.stdout
        self._send(sys.path)
        self._send(setup)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def give(self, job: _Job) -> None:
        self.jobs.append(job)
        self._send(job.task)

    def _send(self, value: Any) -> None:
        with suppress(OSError):  # it has ended: the reader notices
            _write(self._input, pickle.dumps(value, 5))

    def _read(self) -> None:
        while (raw := _read(self._output)) is not None:
            self._answers.put((self, raw))
        self._answers.put((self, None))

    def end(self) -> str:
        """End it, and say how it ended."""
        with suppress(OSError):
            self._input.close()
        try:
            code = self.process.wait(timeout=0.5 if self.jobs else 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join()
        self._output.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _write(stream: IO[bytes], data: bytes) -> None:
    stream.write(len(data).to_bytes(_LENGTH, "big") + data)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end, also when it is cut short."""
    try:
        head = stream.read(_LENGTH)
        data = stream.read(int.from_bytes(head, "big")) if len(head) == _LENGTH else b""
    except (OSError, ValueError):
        return None
    return data if len(head) == _LENGTH and len(data) == int.from_bytes(head, "big") else None


def serve(source: IO[bytes], target: IO[bytes]) -> None:
    """What a worker process does: open a bench, do tasks until there are no more."""
    import os
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    # What any library prints must not come between the answers.
    target = os.fdopen(os.dup(target.fileno()), "wb")
    os.dup2(2, 1)
    raw = _read(source)
    if raw is None:
        return
    bench = Bench(pickle.loads(raw))  # noqa: S301 - from the parent process
    try:
        while (raw := _read(source)) is not None:
            _write(target, pickle.dumps(bench.do(pickle.loads(raw)), 5))  # noqa: S301
    finally:
        bench.close()


def note_lost(answer: Answer, findings: Findings) -> None:
    """A worker that ended by itself is a finding, even when another did what it was at."""
    for how in answer.lost:
        outcome = "another did it again" if answer.answer is not None else "it was given up"
        findings.add("audit.incomplete", answer.task.what, f"a worker process ended with {how}; {outcome}")
