"""``gleam-x demo``: the page that shows the pipeline."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gleam_common.commands import run_function

__all__ = ["demo", "demo_command"]


def demo(
    model: Path = Path("runs/x-synthcity"),
    matcher: Path = Path("runs/c-synthcity/model"),
    world: Path = Path("data/synthcity"),
    gallery: Path = Path("data/demo-gallery"),
    port: int = 7860,
) -> None:
    """Serve a page in English and Chinese: drop a photo, see where it was taken, whether that is sure, and why.

    The page is on 127.0.0.1 alone, loads nothing from other hosts, and forgets what was dropped. Ctrl-C ends it.

    Args:
        model: folder of a finished `gleam-x train`.
        matcher: folder of a GLEAM-C model.
        world: a world with a held-out city: its tiles are searched, its photos are the examples.
        gallery: folder of galleries, one for each city and GLEAM-C model; built there when it is absent.
        port: of 127.0.0.1.
    """
    from gleam_x.demo.server import prepare_gradio, serve

    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)  # or dropped photos would outlive the page
    with tempfile.TemporaryDirectory(prefix="gleam-demo-") as folder:
        uploads = Path(folder) / "uploads"
        uploads.mkdir()
        prepare_gradio(str(uploads))
        from gleam_x.demo.state import open_demo

        page, address = serve(open_demo(model, matcher, world, gallery, uploads), port)
        print(f"the page: {address}  (Ctrl-C ends it)", flush=True)
        page.block_thread()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def demo_command(arguments: Sequence[str]) -> None:
    """Run :func:`demo` with ``arguments``."""
    run_function(demo, "gleam-x demo", arguments, first="model")
