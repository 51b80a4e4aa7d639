"""``gleam-c evaluate`` and ``gleam-c embed``: a trained model on a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gleam_common.commands import run_function
from gleam_common.errors import ConfigError
from gleam_common.views import View, parse_view

if TYPE_CHECKING:
    import torch

__all__ = ["check_options", "chosen_device", "embed", "embed_command", "evaluate", "evaluate_command"]


def evaluate(
    checkpoint: Path,
    catalog: Path,
    protocol: str = "synthcity",
    split: str = "",
    root: Path | None = None,
    out: Path | None = None,
    direction: str = "",
    device: str = "auto",
    seed: int = 0,
) -> None:
    """Recall of a trained model on a catalog, with 95 % intervals.

    Args:
        checkpoint: the run's ``model`` folder (model.safetensors and config.json).
        catalog: folder with gallery.parquet and queries.parquet.
        protocol: which tiles are searched and what counts; an unknown name lists them.
        split: split of the queries; the protocol's by default.
        root: folder that the pictures' paths start from; the catalog itself by default.
        out: results.json to write; printed only by default.
        direction: only this one, such as satellite2uav; all of the protocol's by default.
        device: cpu, cuda, cuda:N, or auto (a GPU when there is one).
        seed: of the bootstrap.
    """
    from gleam_common.artifacts import write_json
    from gleam_common.catalog import Catalog
    from gleam_common.report.results_table import results_table

    from gleam_c.evaluate import evaluate_catalog
    from gleam_c.model_folder import load_encoder
    from gleam_c.protocols import protocol_named

    check_options(seed, out)
    rules = protocol_named(protocol)
    evaluation = evaluate_catalog(
        load_encoder(checkpoint),
        Catalog.read(catalog, root),
        split=split or rules.split,
        protocol=protocol,
        direction=direction or None,
        seed=seed,
        device=chosen_device(device),
    )
    print(results_table(evaluation.results))
    if out is not None:
        write_json(out, evaluation.results)
        print(f"results: {out}")


def embed(
    checkpoint: Path,
    catalog: Path,
    out: Path,
    view: str = "satellite",
    for_view: str = "map",
    up_deg: float = 0.0,
    root: Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Embeddings of a catalog's tiles, or of its queries of one view.

    Args:
        checkpoint: the run's ``model`` folder (model.safetensors and config.json).
        catalog: folder with gallery.parquet and queries.parquet.
        out: folder for the embeddings: a matrix, its ids and what made them.
        view: satellite for the tiles; uav, map, panorama or ground for queries.
        for_view: of the queries that tiles are to be compared with; the encoder may show each view's part of a tile.
        up_deg: heading in degrees, clockwise from north, that points up in the tiles.
        root: folder that the pictures' paths start from; the catalog itself by default.
        device: cpu, cuda, cuda:N, or auto (a GPU when there is one).
        overwrite: replace embeddings in ``out`` that were made otherwise.
    """
    from gleam_common.catalog import Catalog
    from gleam_common.window import WHOLE, shown_window

    from gleam_c.embed import embed_catalog
    from gleam_c.model_folder import load_encoder

    which_view, encoder = parse_view(view), load_encoder(checkpoint)
    is_tile = which_view is View.SATELLITE
    if not is_tile and (up_deg or for_view != "map"):
        raise ConfigError(
            "--for-view and --up-deg are for tiles", value=view, fix="leave them out, or --view satellite"
        )
    table = embed_catalog(
        encoder,
        Catalog.read(catalog, root),
        "gallery" if is_tile else "queries",
        which_view,
        device=chosen_device(device),
        up_deg=up_deg or None,
        window=shown_window(parse_view(for_view), encoder.laid_out) if is_tile else WHOLE,
    )
    table.write(out, overwrite=overwrite)
    print(f"{len(table.ids)} embeddings of {table.matrix.shape[1]} numbers: {out}")


def check_options(seed: int, out: Path | None) -> None:
    """Check what can be known before the work starts.

    Raises:
        ConfigError: a negative seed, or ``out`` is a folder.
    """
    if seed < 0:
        raise ConfigError("seed of the bootstrap", value=seed, allowed="0 or more")
    if out is not None and out.is_dir():
        raise ConfigError("--out is a folder", value=str(out), fix="give a file, such as results.json")


def chosen_device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` is a GPU when there is one.

    Raises:
        ConfigError: unknown, or not on this machine.
    """
    import torch

    try:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else torch.device(name)
    except RuntimeError as error:
        raise ConfigError("unknown device", value=name, allowed="auto, cpu, cuda, cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("no GPU is visible on this machine", value=name, fix="use `--device cpu`")
    return device


def evaluate_command(words: Sequence[str]) -> None:
    """Run ``gleam-c evaluate``."""
    run_function(evaluate, "gleam-c evaluate", words)


def embed_command(words: Sequence[str]) -> None:
    """Run ``gleam-c embed``."""
    run_function(embed, "gleam-c embed", words)
