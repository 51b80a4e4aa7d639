"""The functions behind ``gleam-x review``: their signatures are the options, their docstrings the help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gleam_common.commands import run_function
from gleam_common.errors import ConfigError

__all__ = ["review_command", "serve"]


def serve(
    benchmark: Path,
    annotator: str,
    split: str = "",
    out: Path = Path("reviews"),
    port: int = 8765,
    blind: bool = False,
    adjudicate: bool = False,
) -> None:
    """Serve the review page on this machine until interrupted. Goes on where the annotator left off.

    Args:
        benchmark: folder with data/*.parquet.
        annotator: who reviews; the reviews go to OUT/ANNOTATOR.jsonl.
        split: train, validation or test; all if not given.
        out: folder of the reviews of all annotators.
        port: on 127.0.0.1; 0 takes a free one.
        blind: hide verdict and explanation until the annotator has said whether it is the same place.
        adjudicate: show only pairs on which annotators disagree, with what they said; the final decisions go to
            OUT/adjudication.jsonl.
    """
    from gleam_x.review.open_session import open_session
    from gleam_x.review.server import HOST, listen, run_server

    session = open_session(benchmark, annotator, split, out, blind=blind, adjudicate=adjudicate)
    listening = listen(port)
    done = sum(item["state"] != "todo" for item in session.items())
    print(f"{len(session.pairs)} pairs, {done} done; reviews go to {session.store.path}")
    print(f"review page: http://{HOST}:{listening.getsockname()[1]}/  (stop with Ctrl+C)", flush=True)
    run_server(session, listening)


_COMMANDS = {
    "serve": (serve, "a local page to accept, edit, reject and comment"),
}


def review_command(arguments: Sequence[str]) -> None:
    """``gleam-x review serve|export|import|agreement|apply ...``."""
    if not arguments or arguments[0] in ("-h", "--help"):
        rows = "\n".join(f"  {name:<9}  {text}" for name, (_, text) in _COMMANDS.items())
        print(f"usage: gleam-x review COMMAND [OPTION ...]\n\nPeople look at the benchmark.\n\ncommands:\n{rows}")
        return
    if arguments[0] not in _COMMANDS:
        raise ConfigError("unknown command of gleam-x review", value=arguments[0], allowed=list(_COMMANDS))
    run_function(_COMMANDS[arguments[0]][0], f"gleam-x review {arguments[0]}", arguments[1:])
