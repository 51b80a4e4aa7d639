"""Serving the page on this machine alone, with nothing from other hosts and no file but its own."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from gleam_common.errors import ConfigError, ModelError
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gleam_x.demo.state import Demo
from gleam_x.demo.uploads import MAX_BYTES

__all__ = ["HOST", "Guard", "prepare_gradio", "serve"]

HOST = "127.0.0.1"
_HEADERS = {
    # Gradio's own page needs inline scripts and evaluates its templates; what it may load is this host's alone.
    "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "frame-ancestors 'none'; form-action 'none'; base-uri 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PROXIES = ("file=http:", "file=https:", "/file/http:", "/file/https:", "/proxy=")
"""Routes by which Gradio fetches from other hosts; this page has no use for them."""
_UPLOAD = "/upload"
_LARGEST = 1_000_000
"""Bytes of a request other than an upload."""


def prepare_gradio(uploads: str) -> None:
    """Set what Gradio reads when it is imported.

    Raises:
        ModelError: it is not installed.
    """
    if find_spec("gradio") is None:
        raise ModelError("Gradio is not installed", fix='pip install "gleam-x[demo]"')
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = uploads
    os.environ["GRADIO_SHARE"] = "False"
    os.environ.pop("GRADIO_ALLOWED_PATHS", None)  # which Gradio would read where this page allows none
    for name in ("NO_PROXY", "no_proxy"):  # Gradio calls its own page once it is up, and a proxy cannot reach it
        os.environ[name] = ",".join(filter(None, (os.environ.get(name, ""), HOST)))


class Guard:
    """ASGI middleware: no fetching from other hosts, and headers that keep the page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            await send(message)

        path = str(scope["path"]).lower()
        is_foreign = any(part in path for part in _PROXIES)
        if scope["method"] == "POST" and not path.endswith(_UPLOAD):
            body = await _body(receive)
            is_foreign |= _fetches(body)
            receive = _again(body, receive)
        app = PlainTextResponse("not here", 403) if is_foreign else self._app
        await app(scope, receive, send_with_headers)


async def _body(receive: Receive) -> bytes:
    """Return a request's body, cut after the largest one that the page sends: what is cut is no JSON any more."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")[: _LARGEST - len(body)]
        more = bool(message.get("more_body", False))
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body that was read, then what comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _fetches(body: bytes) -> bool:
    """Return whether a request names a file of another host, which Gradio would fetch into the folder of uploads."""
    try:
        waiting = [json.loads(body)]
    except (ValueError, RecursionError):
        return False  # nor will Gradio read it
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if str(value.get("path", "")).strip().lower().startswith(("http:", "https:")):
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


def serve(demo: Demo, port: int) -> tuple[Any, str]:
    """Start the page in threads and return it with its address; its ``close()`` stops it.

    Args:
        demo: opened; :func:`prepare_gradio` was called with its folder of uploads.
        port: to listen on.

    Raises:
        ConfigError: the port is taken.
    """
    import gradio as gr

    from gleam_x.demo.page import build_page

    page = build_page(demo)
    fonts = ("system-ui", "sans-serif")
    try:
        _, address, _ = page.launch(
            server_name=HOST, server_port=port, share=False, prevent_thread_lock=True, quiet=True, show_error=False,
            allowed_paths=[], max_file_size=MAX_BYTES, ssr_mode=False, footer_links=[], enable_monitoring=False,
            mcp_server=False, app_kwargs={"middleware": [Middleware(Guard)]}, run_history=False,
            theme=gr.themes.Default(font=fonts, font_mono=("ui-monospace", "monospace"), primary_hue="teal"),
            css=files("gleam_x.demo").joinpath("demo.css").read_text("utf-8"),
        )  # fmt: skip
    except OSError:
        raise ConfigError("the port cannot be used", value=port, fix="choose another one with --port") from None
    return page, str(address)
