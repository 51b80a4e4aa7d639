"""Processes that train together: where they meet, and that none outlives the one that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gleam_common.distributed import prepare_launch, process_number

FIRST = """
import os, subprocess, sys, time
second = [sys.executable, "-c", "from gleam_common.distributed import prepare_launch; import os, time;"
          "prepare_launch(); print(os.getpid(), flush=True); time.sleep(60)"]
subprocess.run(second, env={**os.environ, "LOCAL_RANK": "1"})
"""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "STANDALONE_PORT", "GLOO_SOCKET_IFNAME"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    return monkeypatch


def test_the_first_process_says_where_they_meet(bare: pytest.MonkeyPatch) -> None:
    prepare_launch()
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("utf-8").split()[0])
    assert 1024 < int(os.environ["STANDALONE_PORT"]) < lowest
    assert os.environ["GLOO_SOCKET_IFNAME"] == "lo"


def test_a_cluster_decides_for_itself(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("MASTER_ADDR", "10.0.0.7")
    bare.setenv("STANDALONE_PORT", "1234")
    prepare_launch()
    assert os.environ["STANDALONE_PORT"] == "1234"
    assert "GLOO_SOCKET_IFNAME" not in os.environ


@pytest.mark.parametrize(
    ("given", "number"), [({}, 0), ({"LOCAL_RANK": "1"}, 1), ({"RANK": "5", "LOCAL_RANK": "1"}, 5)]
)
def test_the_number_of_a_process(bare: pytest.MonkeyPatch, given: dict[str, str], number: int) -> None:
    for name, value in given.items():
        bare.setenv(name, value)
    assert process_number() == number


def test_no_process_outlives_the_first() -> None:
    with subprocess.Popen([sys.executable, "-c", FIRST], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert int(first.stdout.readline())  # the second is there
        started_s = time.monotonic()
        first.send_signal(signal.SIGKILL)
        assert not first.stdout.read()  # the second holds the pipe as long as it lives, which would be a minute
    assert time.monotonic() - started_s < 30
