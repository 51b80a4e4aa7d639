"""The page over HTTP and in a browser: it lives on 127.0.0.1 and gives away no file."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gleam_x.demo import server
from gleam_x.demo.city_map import CityMap
from gleam_x.demo.state import Demo, examples_of
from gleam_x.demo.uploads import MAX_BYTES
from gleam_x.evaluate_pipeline_world import Area
from gleam_x.pipeline.locator import Locator
from stand_in_pipeline import StandInFinder, StandInJudge, jpeg_bytes

pytest.importorskip("gradio", reason="the extra gleam-x[demo] is not installed")
SECRET = "the-secret-of-another-file"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((server.HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    (folder / "uploads").mkdir()
    (folder / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture(scope="module")
def served(area: Area, folder: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_TEMP_DIR", "GRADIO_SHARE", "NO_PROXY", "no_proxy"):
            patch.setenv(name, "")
        patch.setenv("HTTP_PROXY", f"http://{server.HOST}:9")  # nobody listens there: the page must not need a proxy
        patch.setenv("http_proxy", f"http://{server.HOST}:9")
        server.prepare_gradio(str(folder / "uploads"))
        demo = Demo(
            locator=Locator(StandInFinder(), StandInJudge()), city=CityMap.of(area.catalog), tiles=6,
            views=tuple(area.views), examples=examples_of(area), uploads=folder / "uploads",
        )  # fmt: skip
        page, address = server.serve(demo, free_port())
        yield address
        page.close()


@pytest.fixture
def client(served: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, trust_env=False, timeout=60) as client:
        yield client


def locating(client: httpx.Client) -> int:
    """Return the number of the function that locates."""
    config = client.get("/config").json()
    return int(
        next(one["id"] for one in config["dependencies"] if len(one["inputs"]) == 7 and len(one["outputs"]) == 2)
    )


def located(client: httpx.Client, upload: object, language: str = "en") -> str:
    """Ask as the page does, and return everything that comes back."""
    asked = [upload, None, language, "auto", "", "", 200]
    body = {"data": asked, "fn_index": locating(client), "session_hash": "s", "event_data": None, "trigger_id": 1}
    joined = client.post("/gradio_api/queue/join", json=body)
    assert joined.status_code == 200, joined.text
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "s"}) as stream:
        lines = []
        for line in stream.iter_lines():
            lines.append(line)
            if "process_completed" in line or "close_stream" in line:
                break
    return "\n".join(lines)


def uploaded(client: httpx.Client, name: str, content: bytes) -> httpx.Response:
    return client.post("/gradio_api/upload", files={"files": (name, content, "image/jpeg")})


def file_data(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "a.jpg"}


def test_the_page_lives_here_alone_and_asks_no_other_host(client: httpx.Client, served: str) -> None:
    assert served.startswith(f"http://{server.HOST}:")
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert not re.search(r"""<(script|link)[^>]+(src|href)=["']?(https?:)?//(?!127\.0\.0\.1)""", page.text)
    config = client.get("/config").json()
    assert not config["analytics_enabled"]
    assert all(one["api_visibility"] == "private" for one in config["dependencies"])
    assert "fonts.g" not in client.get("/theme.css").text


def test_a_dropped_photo_is_located(client: httpx.Client) -> None:
    path = uploaded(client, "../../../<b>é.jpg", jpeg_bytes(7)).json()[0]
    told = located(client, file_data(path))
    assert "The same place" in told
    assert "60" in told
    assert "同一地点" in located(client, file_data(path), "zh")


@pytest.mark.parametrize(
    "route",
    ["/gradio_api/file={path}", "/file={path}", "/gradio_api/file/{path}", "/gradio_api/file={uploads}/../secret.txt",
     "/gradio_api/file={uploads}/%2e%2e/secret.txt", "/gradio_api/file=..%2f..%2f..%2f..%2f{path}",
     "/static/..%2f..%2f..%2f{path}", "/assets/%2e%2e%2f{path}", "/gradio_api/file=%00{path}",
     "/gradio_api/file=file://{path}"],
)  # fmt: skip
def test_no_other_file_is_served(client: httpx.Client, folder: Path, route: str) -> None:
    asked = route.format(path=folder / "secret.txt", uploads=folder / "uploads")
    answer = client.get(asked)
    assert answer.status_code in (400, 403, 404, 405), (asked, answer.status_code)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "route",
    [
        "/gradio_api/file={other}",
        "/gradio_api/file/{other}",
        "/gradio_api/file=HTTP://{host}/",
        "/gradio_api/proxy={other}",
    ],
)
def test_nothing_is_fetched_from_other_hosts(client: httpx.Client, served: str, route: str) -> None:
    asked = route.format(other=served, host=served.removeprefix("http://"))
    assert client.get(asked).status_code == 403


def test_no_upload_is_fetched_from_an_address(client: httpx.Client, served: str, folder: Path) -> None:
    before = sorted((folder / "uploads").rglob("*"))
    for path in (f"{served}config", " HTTPS://example.com/a.jpg"):
        nested = {"data": [[{"x": file_data(path)}]], "fn_index": locating(client), "session_hash": "u"}
        assert client.post("/gradio_api/queue/join", json=nested).status_code == 403
    assert sorted((folder / "uploads").rglob("*")) == before
    for broken in (b"{", b"[" * 3_000_000):
        assert client.post("/gradio_api/queue/join", content=broken).status_code >= 400
    assert client.get("/").status_code == 200


def test_a_file_that_was_not_dropped_is_not_opened(client: httpx.Client, folder: Path) -> None:
    private = folder / "private.jpg"
    private.write_bytes(jpeg_bytes(7))
    for path in (str(private), f"{folder}/uploads/../private.jpg", "/etc/passwd"):
        told = located(client, file_data(path))
        assert "The same place" not in told, path
        assert "Traceback" not in told
    assert client.get("/").status_code == 200


def test_too_many_bytes_are_refused_while_they_come(client: httpx.Client) -> None:
    assert uploaded(client, "big.jpg", b"\xff" * (MAX_BYTES + 1_000_000)).status_code == 413
    assert client.get("/").status_code == 200


def test_a_taken_port_is_said(served: str, area: Area, folder: Path) -> None:
    from gleam_common.errors import ConfigError

    demo = Demo(
        locator=Locator(StandInFinder(), StandInJudge()), city=CityMap.of(area.catalog), tiles=6, views=("uav",),
        examples=(), uploads=folder / "uploads",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="--port"):
        server.serve(demo, int(served.rstrip("/").rsplit(":", 1)[1]))


def test_without_gradio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from gleam_common.errors import ModelError

    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"gleam-x\[demo\]"):
        server.prepare_gradio("x")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium on PATH to look at the page")
def test_a_browser_shows_the_page(served: str, tmp_path: Path) -> None:
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
               "--virtual-time-budget=30000", "--dump-dom", served]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    for text in ("where was this photo taken", "the answer stands here", "Search everywhere", "中文"):
        assert text in done.stdout, text
