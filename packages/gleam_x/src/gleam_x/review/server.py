"""The review page's server: this machine only, no path from the browser, nothing from elsewhere in the page."""

from __future__ import annotations

import hmac
import json
import secrets
import socket
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

import uvicorn
from gleam_common.errors import ConfigError, DataError, GleamError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gleam_x.review.session import Session
from gleam_x.review.source import PICTURES

__all__ = ["HOST", "listen", "make_app", "make_server"]

HOST = "127.0.0.1"
MAX_BODY = 1_000_000
"""Bytes of a request above which it is refused."""

_FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/claims.js": ("claims.js", "text/javascript"),
    "/difference.js": ("difference.js", "text/javascript"),
    "/parts.js": ("parts.js", "text/javascript"),
    "/talk.js": ("talk.js", "text/javascript"),
    "/zoom.js": ("zoom.js", "text/javascript"),
    "/icon.png": ("icon.png", "image/png"),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def make_app(session: Session, port: int) -> Starlette:
    """Return the application of one session, reached at ``port``."""
    token = secrets.token_urlsafe(32)

    async def overview(_: Request) -> Response:
        return JSONResponse(session.overview() | {"token": token})

    async def page(request: Request) -> Response:
        return JSONResponse(session.page(request.path_params["index"]))

    async def picture(request: Request) -> Response:
        index, which = request.path_params["index"], request.path_params["which"]
        if not 0 <= index < len(session.pairs) or not 0 <= which < len(PICTURES):
            raise DataError("picture", value=(index, which), allowed="numbers of a pair and a picture")
        data, kind = session.benchmark.picture(session.pairs[index], PICTURES[which])
        return Response(data, media_type=kind)

    async def own_verdict(request: Request) -> Response:
        said = await _body(request, session)
        return JSONResponse(session.say_own_verdict(request.path_params["index"], said.get("verdict")))

    async def draft(request: Request) -> Response:
        session.keep_draft(request.path_params["index"], await _body(request, session))
        return JSONResponse({})

    async def decide(request: Request) -> Response:
        return JSONResponse({"items": session.decide(request.path_params["index"], await _body(request, session))})

    return Starlette(
        routes=[
            *(Route(path, _file(*what)) for path, what in _FILES.items()),
            Route("/api/session", overview),
            Route("/api/pair/{index:int}", page),
            Route("/picture/{index:int}/{which:int}", picture),
            Route("/api/own/{index:int}", own_verdict, methods=["POST"]),
            Route("/api/draft/{index:int}", draft, methods=["POST"]),
            Route("/api/decide/{index:int}", decide, methods=["POST"]),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guard(port, token))],
        exception_handlers={GleamError: _refused},
    )


def listen(port: int) -> socket.socket:
    """Return a socket on this machine's own address; port 0 takes a free one.

    Raises:
        ConfigError: the port is taken or not a port.
    """
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()  # a browser that comes before the server runs waits, and is not refused
    except (OSError, OverflowError) as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on port ({error})", value=port, fix="choose another with --port; 0 takes a free one"
        ) from None
    return listening


def make_server(session: Session, listening: socket.socket) -> uvicorn.Server:
    """Return the server of a session; ``run(sockets=[listening])`` serves until interrupted."""
    app = make_app(session, listening.getsockname()[1])
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", server_header=False))


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = files("gleam_x.review").joinpath("page", name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


def _guard(port: int, token: str) -> Callable[[Request, Any], Awaitable[Response]]:
    """Refuse foreign names of this host (DNS rebinding) and writes that are not from our own page."""
    hosts = {f"{HOST}:{port}", f"localhost:{port}"}

    async def dispatch(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = _refusal(request, hosts, token) or await call_next(request)
        response.headers.update(_HEADERS)
        return response

    return dispatch


def _refusal(request: Request, hosts: set[str], token: str) -> Response | None:
    if request.headers.get("host") not in hosts:
        return JSONResponse({"error": "unknown host"}, status_code=421)
    if request.method in ("GET", "HEAD"):
        return None
    origin = request.headers.get("origin")
    if origin is not None and origin not in {f"http://{host}" for host in hosts}:
        return JSONResponse({"error": "another origin"}, status_code=403)
    if not hmac.compare_digest(request.headers.get("x-gleam-token", "").encode(), token.encode()):
        return JSONResponse({"error": "wrong token: reload the page"}, status_code=403)
    return None


async def _body(request: Request, session: Session) -> dict[str, Any]:
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_BODY:
            raise DataError("size of the request", value=len(data), allowed=f"{MAX_BODY} bytes")
    try:
        said = json.loads(data)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise DataError("the request is not what the page sends", fix="reload the page")
    if said.get("list") != session.list_name:
        raise DataError("this page shows another list of pairs than the one served now", fix="reload the page")
    return said


async def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=422)
