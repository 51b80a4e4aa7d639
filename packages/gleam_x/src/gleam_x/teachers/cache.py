"""Every reply ever paid for, in one file that only grows: a line of JSON each, on the disk before the next is asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from gleam_common.errors import ArtifactError

from gleam_x.teachers.reply import Reply

if sys.platform != "win32":
    import fcntl

__all__ = ["Cache", "read_replies"]


def read_replies(path: Path) -> tuple[dict[str, Reply], int]:
    """Return the replies of a cache file by key, and the bytes of a last line that was cut off while it was written.

    Raises:
        ArtifactError: a line in between is broken, or a paid reply stands twice; names the first such line and counts
            all of them.
    """
    if not path.exists():
        return {}, 0
    lines = path.read_bytes().split(b"\n")
    replies: dict[str, Reply] = {}
    broken: list[tuple[int, str]] = []
    cut_off = 0
    for number, line in enumerate(lines, start=1):
        try:
            if line or number < len(lines):
                _put(replies, line)
        except (ValueError, RecursionError) as error:
            if number == len(lines):  # a line is written with its end, so that this one was not written whole
                cut_off = len(line)
            else:
                broken.append((number, str(error) or type(error).__name__))
    if broken:
        number, reason = broken[0]
        raise ArtifactError(
            f"{path}: line {number} is broken ({reason}); broken lines in all",
            value=len(broken),
            fix="these replies were paid for: restore the file from a copy, or take the lines out to ask and pay again",
        )
    return replies, cut_off


def _put(replies: dict[str, Reply], line: bytes) -> None:
    reply = Reply.of_row(json.loads(line))
    if reply.key in replies and replies[reply.key].is_final:
        raise ValueError("the request was answered in an earlier line")
    replies[reply.key] = reply


class Cache:
    """An open cache file. Use it in a ``with`` block; it is locked against other processes.

    Args:
        path: made if missing.

    Raises:
        ArtifactError: as :func:`read_replies`, or another process is writing to the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("ab")
        try:
            self._lock()
            self._replies, self.cut_off_bytes = read_replies(path)
        except ArtifactError:
            self._file.close()
            raise
        size = path.stat().st_size - self.cut_off_bytes
        self._file.truncate(size)
        if size and not path.read_bytes().endswith(b"\n"):  # somebody's editor took the last line's end away
            self._file.write(b"\n")

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def find(self, key: str) -> Reply | None:
        """Return the last reply to the request ``key``, or None; it need not be final."""
        return self._replies.get(key)

    def add(self, reply: Reply) -> None:
        """Append ``reply``; it is on the disk when this returns."""
        line = json.dumps(reply.as_row(), ensure_ascii=False, allow_nan=False)
        # Half a surrogate pair has no UTF-8, but JSON has an escape for it, which looks like Python's.
        self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._replies[reply.key] = reply

    def replies(self) -> Iterable[Reply]:
        """Return the last reply to every request."""
        return self._replies.values()

    def _lock(self) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with the process, however it ends
        except BlockingIOError:
            raise ArtifactError(
                f"{self.path} is being written by another run", fix="wait for it, or choose another --out"
            ) from None
