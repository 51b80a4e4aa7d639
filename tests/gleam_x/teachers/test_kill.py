"""A run that is killed the hard way goes on without paying twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gleam_x.teachers.cache import read_replies
from gleam_x.teachers.command import annotate_command

ANSWERED = 7


def options(server, out: Path, world: Path) -> list[str]:
    words = ["--catalog", world, "--out", out, "--teacher", server.url, "--model", "fake-vision"]
    more = ["--key-env", "FAKE_KEY", "--limit", "12", "--blind-share", "0", "--rpm", "1e6", "--side-px", "64"]
    return [str(word) for word in [*words, *more]]


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_a_killed_run_goes_on_and_pays_for_nothing_twice(server, key, tiny_world, tmp_path, capsys) -> None:
    cache = tmp_path / "cache.jsonl"

    def stall(body, before):
        if len(server.requests) > ANSWERED:
            time.sleep(30)
        return None

    server.behave = stall
    words = options(server, tmp_path, tiny_world)
    code = "from gleam_x.cli import main; main()"
    command = [sys.executable, "-c", code, "annotate", *words]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    while not cache.exists() or cache.read_bytes().count(b"\n") < ANSWERED:
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert not (tmp_path / "report.json").exists()
    with cache.open("ab") as file:
        file.write(b'{"key": "half a li')  # as if the kill had come while the eighth was written

    server.behave = lambda body, before: None
    annotate_command(words)
    out = capsys.readouterr().out
    assert "a last line of 18 bytes, cut off by a kill, was removed" in out
    assert "24 questions: 24 ok; 0 not answered yet" in out
    assert len(server.paid) == 24
    assert set(server.paid.values()) == {1}
    assert len(read_replies(cache)[0]) == 24
