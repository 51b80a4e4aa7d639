"""The functions behind ``gleam-x review``: their signatures are the options, their docstrings the help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gleam_common.commands import Function, run_group
from gleam_common.errors import ConfigError

__all__ = ["agreement", "apply", "export_reviews", "import_reviews", "review_command", "serve"]


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
    from gleam_x.review.server import HOST, listen, make_server

    session = open_session(benchmark, annotator, split, out, blind=blind, adjudicate=adjudicate)
    listening = listen(port)
    done = sum(item["state"] != "todo" for item in session.items())
    print(f"{len(session.pairs)} pairs, {done} done; reviews go to {session.store.path}")
    print(f"review page: http://{HOST}:{listening.getsockname()[1]}/  (stop with Ctrl+C)", flush=True)
    make_server(session, listening).run(sockets=[listening])


def export_reviews(
    benchmark: Path,
    out: Path,
    reviews: Path = Path("reviews"),
    format: Literal["jsonl", "label-studio"] = "jsonl",
    pictures: bool = False,
) -> None:
    """Write the newest reviews of all annotators, and final decisions, to one file.

    Args:
        benchmark: that was reviewed.
        out: file; Label Studio also gets its labelling set-up, as OUT with the suffix .xml.
        reviews: folder of the reviews.
        format: jsonl has one review a line; label-studio a task for every record, with the reviews as annotations.
        pictures: put the pictures into the tasks (label-studio only).
    """
    from gleam_x.review.exchange import export_reviews as export
    from gleam_x.review.source import open_benchmark
    from gleam_x.review.store import read_reviews

    if pictures and format != "label-studio":
        raise ConfigError("--pictures with --format", value=format, allowed="label-studio")
    # Label Studio may be where reviewing starts, so that there need not be a review yet.
    there = {} if format == "label-studio" and not reviews.exists() else read_reviews(reviews)
    count = export(there, open_benchmark(benchmark), format, out, pictures)
    print(f"{out}: {count} reviews")


def import_reviews(
    benchmark: Path, file: Path, out: Path = Path("reviews"), format: Literal["jsonl", "label-studio"] = "jsonl"
) -> None:
    """Add the reviews of a file to a folder of reviews. The same file may be imported twice.

    Args:
        benchmark: that was reviewed.
        file: as `review export` or Label Studio wrote it.
        out: folder of the reviews.
        format: of the file.
    """
    from gleam_x.review.exchange import import_reviews as bring
    from gleam_x.review.source import open_benchmark

    for name, count in bring(file, format, open_benchmark(benchmark), out).items():
        print(f"{out / name}.jsonl: {count} new reviews")


def agreement(reviews: Path = Path("reviews"), out: Path | None = None, seed: int = 0) -> None:
    """Measure how far annotators agree: raw, Cohen, Fleiss, Krippendorff, Gwet, each with a 95 % interval over pairs.

    Args:
        reviews: folder of the reviews; final decisions do not count.
        out: write the numbers to this JSON file, too.
        seed: of the bootstrap, 0 or more.
    """
    from gleam_common.artifacts import write_json

    from gleam_x.review.agreement import agreement_of, table_of
    from gleam_x.review.store import read_reviews

    if seed < 0:
        raise ConfigError("--seed", value=seed, allowed="0 or more")
    result = agreement_of(read_reviews(reviews), seed)
    print(table_of(result))
    if out is not None:
        write_json(out, result)
        print(f"\nnumbers: {out}")


def apply(benchmark: Path, out: Path, reviews: Path = Path("reviews"), overwrite: bool = False) -> None:
    """Write a new benchmark: edits applied, rejected pairs left out, and a report of what was changed.

    Args:
        benchmark: that was reviewed; it stays as it is.
        out: folder of the new one; revision.md and revision.json in it say what was changed.
        reviews: folder of the reviews. Where annotators disagree, an adjudicator must have decided.
        overwrite: empty OUT first if it holds another revision.
    """
    from gleam_x.review.apply import apply_reviews
    from gleam_x.review.source import open_benchmark
    from gleam_x.review.store import read_reviews

    report = apply_reviews(read_reviews(reviews), open_benchmark(benchmark), out, overwrite)
    counts = ", ".join(f"{count} {decision}" for decision, count in report["decisions"].items())
    print(f"{out}: {report['pairs']} pairs ({counts}); what was changed: {out / 'revision.md'}")


_COMMANDS: dict[str, Function] = {
    "serve": (serve, "benchmark", "a local page to accept, edit, reject and comment"),
    "agreement": (agreement, "reviews", "how far annotators agree"),
    "apply": (apply, "benchmark", "a new benchmark with what was decided, and a report of what was changed"),
    "export": (export_reviews, "benchmark", "all reviews as one file: JSON lines, or tasks for Label Studio"),
    "import": (import_reviews, "benchmark", "the way back"),
}


def review_command(arguments: Sequence[str]) -> None:
    """``gleam-x review serve|export|import|agreement|apply ...``."""
    run_group("gleam-x review", "People look at the benchmark.", _COMMANDS, arguments)
