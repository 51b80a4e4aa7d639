"""A teacher that is none: an OpenAI-compatible server on loopback that does what a test tells it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from gleam_common.views import View
from gleam_x.teachers.registry import Prices, Teacher
from gleam_x.teachers.request import Picture

KEY = "sk-fake-0123456789abcdef"
ENGLISH = "Picture 1 shows a church with a red roof. Picture 2 shows it too. They agree, so it is the same place."
CHINESE = "图片一中有一座红色屋顶的教堂。图片二中也有同样的教堂。两者一致，因此是同一地点。"
CLAIM = {
    "what": "church", "colour": "red", "part": "roof", "count": 1, "query_where": "centre",
    "satellite_where": "north", "shown_in": "both", "relation": "present",
}  # fmt: skip


@dataclass
class Said:
    """What the server sends. ``drip_s``: seconds between single bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    drip_s: float = 0.0


def text_of(body: dict[str, Any]) -> str:
    """All words of a request, without pictures."""
    contents = [message["content"] for message in body["messages"]]
    parts = [part for content in contents for part in ([content] if isinstance(content, str) else content)]
    return "\n".join(part if isinstance(part, str) else part.get("text", "") for part in parts)


def judgement(body: dict[str, Any], **changes: Any) -> str:
    """A good answer to a request: in its language, with the verdict that it was told, "yes" if blind."""
    text = text_of(body)
    verdict = "no" if 'verdict is "no"' in text or '为 "no"。请' in text else "yes"
    explanation = CHINESE if "图片" in text else ENGLISH
    return json.dumps(
        {"verdict": verdict, "explanation": explanation, "claims": [CLAIM], **changes}, ensure_ascii=False
    )


class FakeTeacher:
    """The server. ``behave`` is called with a request and how often it has come before; None stands for a good answer."""

    def __init__(self) -> None:
        self.behave: Callable[[dict[str, Any], int], Said | None] = lambda body, before: None
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.paid: Counter[str] = Counter()
        self.most_at_once = self._at_once = 0
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return "http" + f"://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @staticmethod
    def chat(content: str | None, finish: str = "stop", usage: Any = (1000, 200), **message: Any) -> Said:
        """A completion with so many tokens in and out."""
        body: dict[str, Any] = {
            "id": "x", "object": "chat.completion", "created": 1, "model": "fake-vision-1",
            "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}],
        }  # fmt: skip
        if usage:
            body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        return Said(body=json.dumps(body).encode())

    @staticmethod
    def error(status: int, code: str = "", message: str = "no", **headers: str) -> Said:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Said(status, json.dumps({"error": {"message": message, "code": code}}).encode(), named)

    def answer(self, raw: bytes, headers: dict[str, str]) -> tuple[Said, str]:
        body = json.loads(raw)
        name = hashlib.sha256(raw).hexdigest()
        with self._lock:
            self.requests.append(body)
            self.headers.append(headers)
            self.times.append(time.monotonic())
            before = self._seen[name]
            self._seen[name] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            said = self.behave(body, before) or self.chat(judgement(body))
            time.sleep(said.wait_s)
        finally:
            with self._lock:
                self._at_once -= 1
        return said, name

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        teacher = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                said, name = teacher.answer(raw, dict(self.headers))
                try:
                    self.send_response(said.status)
                    for header, value in {"content-type": "application/json", **said.headers}.items():
                        self.send_header(header, value)
                    self.send_header("content-length", str(len(said.body)))
                    self.end_headers()
                    for piece in (
                        [said.body] if not said.drip_s else [said.body[i : i + 1] for i in range(len(said.body))]
                    ):
                        self.wfile.write(piece)
                        self.wfile.flush()
                        time.sleep(said.drip_s)
                except OSError:  # the client has gone
                    return
                if said.status == 200:
                    teacher.paid[name] += 1

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def server() -> Iterator[FakeTeacher]:
    fake = FakeTeacher()
    yield fake
    fake.close()


@pytest.fixture
def teacher(server: FakeTeacher) -> Teacher:
    """The server as a teacher with round prices: 1 a million tokens in, 10 out."""
    prices = Prices(currency="USD", input=1.0, cached_input=0.5, output=10.0, as_of="2025-01-01")
    return Teacher(
        name="fake", base_url=server.url, model="fake-vision", key_env="FAKE_KEY", prices=prices, answer_tokens=1000
    )


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FAKE_KEY", KEY)
    return KEY


@pytest.fixture
def picture(tiny_world: Path) -> Picture:
    return Picture.of(tiny_world / "images" / View.UAV / "0.png", 64)


@pytest.fixture
def good_answer() -> Callable[..., str]:
    return judgement


@pytest.fixture
def words() -> Callable[[dict[str, Any]], str]:
    return text_of
