"""The SynthCity model on real pictures of six sites: before and after a short fine-tune, beside chance.

    python benchmarks/real_pictures.py --work runs/real         # the numbers that are in results/
    python benchmarks/real_pictures.py --work runs/real --minutes 1 --sites map_berlin

A site is judged on its test split, or on all of its pictures where it has none. Trained on: pictures of the training
split whose heading is known (frames of one flight of uav_adm, maps of map_kampala_oam). Few sites, small areas,
overlapping frames: a check on real cameras, no evidence of generalisation.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gleam_c.encoder import Encoder
from gleam_c.evaluate import evaluate_catalog
from gleam_c.loss import InfoNCE
from gleam_c.model_folder import load_encoder
from gleam_c.phase_folder import PhaseFolder
from gleam_c.phases import phase_data, run_phase
from gleam_c.recipe import OptimizerConfig, PhaseConfig, Recipe
from gleam_c.strategy import TrainerConfig
from gleam_common.artifacts import read_json
from gleam_common.catalog import Catalog
from gleam_common.catalog_join import join_catalogs
from gleam_common.sources.registry import source_named
from measuring import write_result
from real_sites import SITES, real_data, write_site

TRAINED = ("uav_adm", "map_kampala_oam")
BATCH = 8
STEPS_PER_MINUTE = 60
"""Of :data:`BATCH` pairs on a busy core; the fine-tune has so many, whatever the machine."""

SHOWN = ("recall@1", "recall@5", "recall@10", "hit_rate", "median_error_m")


def judged(encoder: Encoder, catalogs: dict[str, Catalog]) -> dict[str, dict[str, Any]]:
    """Return each site's measures, with intervals and chance."""
    found = {}
    for name, catalog in catalogs.items():
        split = "test" if "test" in catalog.column("split") else None
        results = evaluate_catalog(encoder, catalog, split=split, protocol="synthcity").results
        [(view, metrics)] = results["views"].items()
        kept = {key: metrics[key] for key in SHOWN if key in metrics}
        found[name] = {"view": view, "queries": results["queries"], "tiles": results["gallery_size"], **kept}
        found[name]["chance"] = metrics["chance"]["recall@1"]
    return found


def tuned(encoder: Encoder, joint: Path, root: Path, run: Path, minutes: float) -> tuple[Encoder, dict[str, Any]]:
    """Return the encoder after some more steps on the pairs of ``joint``, and what they were."""
    recipe = Recipe(
        phases=[PhaseConfig(name="real", views=["uav", "map"], epochs=1, batch_size=BATCH, lr=2e-4)],
        catalog=str(joint),
        root=str(root),
        cache=str(run / "cache"),
        encoder="nano",
        encoder_overrides=asdict(encoder.config) | {"pretrained": False},
        optimizer=OptimizerConfig(weight_decay=0.05),
        trainer=TrainerConfig(strategy="single", accelerator="cpu", threads=1),
        val_split="",
    )
    steps = phase_data(recipe, recipe.phases[0], encoder).steps_per_epoch()
    epochs = max(1, round(minutes * STEPS_PER_MINUTE / steps))
    phase = PhaseConfig(**{**asdict(recipe.phases[0]), "epochs": epochs})
    start = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    loss = InfoNCE(recipe.loss.temperature, recipe.loss.label_smoothing)
    start |= {f"loss.{name}": value for name, value in loss.state_dict().items()}
    folder = PhaseFolder(run=run, name="real")
    weights = run_phase(recipe, phase, start, folder, [], "fine-tune")
    encoder.load_state_dict({name[8:]: value for name, value in weights.items() if name.startswith("encoder.")})
    about = {**read_json(folder.record), "epochs": epochs, "batch_size": BATCH, "lr": phase.lr, "sites": TRAINED}
    return encoder.eval(), about


def table(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> str:
    """Return recall@1 of each site in %, before and after, beside chance."""
    lines = [f"{'site':20} {'view':7} {'queries':>7} {'tiles':>6} {'chance':>7} {'before':>7} {'after':>7}  [95 %]"]
    for name, was in before.items():
        now = after[name]["recall@1"]
        numbers = " ".join(f"{100 * value:7.1f}" for value in (was["chance"], was["recall@1"]["value"], now["value"]))
        mark = " trained on" if name in TRAINED else ""
        span = f"[{100 * now['low']:.1f} - {100 * now['high']:.1f}]"
        lines.append(f"{name:20} {was['view']:7} {was['queries']:7} {was['tiles']:6} {numbers}  {span}{mark}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("runs/c-synthcity/model"), help="to begin with")
    parser.add_argument("--work", type=Path, required=True, help="folder of tiles, catalogs and the fine-tune")
    parser.add_argument("--minutes", type=float, default=5.0, help=f"of the fine-tune, {STEPS_PER_MINUTE} steps each")
    parser.add_argument("--sites", nargs="+", choices=list(SITES), default=list(SITES), help="that are judged")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    options = parser.parse_args()
    encoder, read = load_encoder(options.model), source_named("folder").read
    wanted = dict.fromkeys((*options.sites, *TRAINED))
    catalogs = {name: read(write_site(name, real_data(), options.work / "sites" / name)) for name in wanted}
    joint = join_catalogs([catalogs[name] for name in TRAINED])
    joint.write(options.work / "joint")
    sites = {name: catalogs[name] for name in options.sites}
    before = judged(encoder, sites)
    encoder, about = tuned(encoder, options.work / "joint", joint.root, options.work / "run", options.minutes)
    after = judged(encoder, sites)
    print(table(before, after))
    result = {"fine_tune": about, "before": before, "after": after}
    print(f"result: {write_result(options.out, 'real_pictures', result)}")


if __name__ == "__main__":
    main()
