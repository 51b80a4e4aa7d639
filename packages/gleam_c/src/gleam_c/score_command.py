"""``gleam-c score``: embeddings that anybody's model made, scored as ours are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from gleam_common.commands import run_function

from gleam_c.evaluate_command import check_options, chosen_device

__all__ = ["score", "score_command"]


def score(
    queries: Path,
    gallery: Path,
    catalog: Path,
    protocol: str,
    out: Path | None = None,
    split: str = "",
    direction: str = "",
    device: str = "auto",
    seed: int = 0,
) -> None:
    """Score embeddings that any model made, as ``gleam-c evaluate`` scores ours; no picture is opened.

    Args:
        queries: X.npy with the embeddings of the catalog's queries, a row each of length 1 (float16 or float32), and
            X.ids.json beside it: a list of their query_ids in the same order.
        gallery: the same for the tiles, with their gallery_ids.
        catalog: folder with gallery.parquet and queries.parquet.
        protocol: which tiles are searched and what counts; an unknown name lists them.
        out: results.json to write; printed only by default.
        split: split of the queries; the protocol's by default.
        direction: only this one, such as satellite2uav; all of the protocol's by default.
        device: to rank on: cpu, cuda, cuda:N, or auto (a GPU when there is one).
        seed: of the bootstrap.
    """
    from gleam_common.artifacts import write_json
    from gleam_common.catalog import Catalog
    from gleam_common.report.results_table import results_table

    from gleam_c.evaluate import outcomes_of
    from gleam_c.filed_trials import FiledTrials
    from gleam_c.protocols import protocol_named
    from gleam_c.scoring import score_outcomes
    from gleam_c.trials import trials_of

    check_options(seed, out)
    started = time.perf_counter()
    rules = protocol_named(protocol)
    whole = Catalog.read(catalog)
    trials = trials_of(whole, rules, split or rules.split, direction or None)
    outcomes = outcomes_of(trials, FiledTrials(queries, gallery, whole, chosen_device(device)))
    results = score_outcomes(outcomes, rules, seed)
    results |= {"split": split or rules.split, "wall_s": round(time.perf_counter() - started, 2)}
    print(results_table(results))
    if out is not None:
        write_json(out, results)
        print(f"results: {out}")


def score_command(words: Sequence[str]) -> None:
    """Run ``gleam-c score``."""
    run_function(score, "gleam-c score", words)
