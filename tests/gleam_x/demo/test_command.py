"""`gleam-x demo` as people start and stop it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from gleam_x.demo.server import HOST


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_it_serves_until_it_is_stopped_and_leaves_nothing_behind(
    stop: signal.Signals, world: Path, matcher_model: Path, pipeline_run: Path, tmp_path: Path
) -> None:
    pytest.importorskip("gradio", reason="the extra gleam-x[demo] is not installed")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-c", "from gleam_x.cli import main; main()", "demo", str(pipeline_run),
               "--matcher", str(matcher_model), "--world", str(world), "--gallery", str(tmp_path / "g"),
               "--port", str(port)]  # fmt: skip
    environment = {**os.environ, "TMPDIR": str(temporary)}
    started = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert started.stdout is not None
        said = next(
            (line for line in started.stdout if line.startswith("the page: ")), ""
        )  # after those of the gallery
        assert said == f"the page: http://{HOST}:{port}/  (Ctrl-C ends it)\n", said
        assert httpx.get(f"http://{HOST}:{port}/", trust_env=False, timeout=60).status_code == 200
        started.send_signal(stop)
        _, told = started.communicate(timeout=60)
    finally:
        started.kill()
    assert "Traceback" not in told, told
    assert not list(temporary.glob("gleam-demo-*"))
    assert len(list((tmp_path / "g").glob("*/test/gallery.json"))) == 1
