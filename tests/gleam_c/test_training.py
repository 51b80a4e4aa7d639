"""The real command line on every shipped recipe, every strategy, and what a run leaves, skips and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from gleam_c.model_folder import load_encoder
from gleam_c.phase_folder import PhaseFolder
from gleam_common.catalog import Catalog
from gleam_common.errors import ModelError
from train_command import train

ROOT = Path(__file__).parents[2]
# Recipes with a world of their own; those of public sets are in test_public_recipes.py.
RECIPES = sorted(path.stem for path in (ROOT / "configs" / "c").glob("*.yaml") if "\nworld:" in path.read_text("utf-8"))
PICO = ["--encoder", "pico", "--world", "null", "--cache", "", "--val_split", "val"]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke recipe, whole: its world, both phases on two DeepSpeed processes, evaluation, report."""
    folder = tmp_path_factory.mktemp("smoke")
    done = train(folder, "--config", "smoke")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "recall@1" in done.stdout.lower() or "R@1" in done.stdout
    assert "report.html" in done.stdout
    return folder


def test_a_run_leaves_what_the_design_says(smoke: Path) -> None:
    run = smoke / "run"
    for name in ("config.yaml", "metrics.jsonl", "results.json", "report.html", "predictions.parquet"):
        assert (run / name).stat().st_size > 0, name
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert set(results["views"]) == {"uav", "map", "panorama", "ground"}
    for view in results["views"].values():
        metric = view["recall@1"]
        assert 0 <= metric["low"] <= metric["value"] <= metric["high"] <= 1
    assert set(results["phase1"]["views"]) == {"panorama"}
    assert {"uav", "map", "panorama", "ground", "chance"} <= set(results["baseline"])
    assert results["schema"] == 1
    names = {json.loads(line)["name"] for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()}
    assert {"train/loss", "train/temperature", "val/recall@1", "val/uav2satellite/recall@1"} <= names


def test_the_model_is_loaded_strictly(smoke: Path, tmp_path: Path) -> None:
    folder = smoke / "run" / "model"
    assert load_encoder(folder).dim == 64
    assert b"/tmp" not in (folder / "model.safetensors").read_bytes()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    config["encoder"]["embedding_dim"] = 32
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"does not fit its config.json"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"format": 2}))
    with pytest.raises(ModelError, match=r"another format.*allowed: 1.*release of gleam-c"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=r"is not a safetensors file"):
        load_encoder(tmp_path)
    with pytest.raises(ModelError, match=r"no config.json in the model folder"):
        load_encoder(tmp_path / "nowhere")


def test_a_finished_run_is_not_trained_again_and_another_recipe_is_refused(smoke: Path) -> None:
    weights = PhaseFolder(run=smoke / "run", name="joint").weights
    before = weights.stat().st_mtime_ns
    again = train(smoke, "--config", "smoke")
    assert again.returncode == 0, again.stderr[-2000:]
    assert weights.stat().st_mtime_ns == before
    other = train(smoke, "--config", "smoke", "--seed", "2")
    assert other.returncode == 2
    assert "seed" in other.stderr
    assert "--overwrite" in other.stderr
    assert "Traceback" not in other.stderr


@pytest.mark.parametrize("overlay", ["ddp", "single"])
def test_every_strategy_runs(overlay: str, smoke: Path, tmp_path: Path) -> None:
    done = train(
        tmp_path, "--config", "smoke", "--config", f"trainer/{overlay}", "--trainer.accelerator", "cpu",
        "--trainer.fast_dev_steps", "2", "--catalog", str(smoke / "data/smoke"), *PICO,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "smoke"])
def test_every_recipe_runs_two_steps(recipe: str, smoke: Path, tmp_path: Path) -> None:
    done = train(
        tmp_path, "--config", recipe, "--trainer.fast_dev_steps", "2", "--trainer.zero_stage", "3",
        "--catalog", str(smoke / "data/smoke"), *PICO,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run" / "results.json").is_file()


@pytest.mark.parametrize(
    ("encoder", "damage", "said"),
    [
        ("pico", "tile", r"not a picture that can be read.*allowed: JPEG"),
        ("pico", "missing", r"no such picture.*restore the file"),
        ("nano", "heading", r"queries without heading_deg.*`headings`"),
    ],
)
def test_damaged_data_is_one_line_whatever_the_strategy(
    encoder: str, damage: str, said: str, smoke: Path, tmp_path: Path
) -> None:
    catalog = Catalog.read(smoke / "data/smoke")
    for which in ("gallery", "queries"):
        for path in catalog.column("path", which):
            (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / path).symlink_to(smoke / "data/smoke" / path)
    queries = catalog.queries
    if damage == "heading":
        column = queries.column_names.index("heading_deg")
        queries = queries.set_column(column, "heading_deg", pa.nulls(len(queries), pa.float64()))
    else:
        tile = tmp_path / "data" / catalog.column("path", "gallery")[3]
        tile.unlink()
        if damage == "tile":
            tile.write_text("no picture")
    Catalog(gallery=catalog.gallery, queries=queries, root=tmp_path / "data").write(tmp_path / "data")
    words = ["--config", "smoke", "--world", "null", "--catalog", "data", "--encoder", encoder]
    done = train(tmp_path, *words)
    assert done.returncode == 2, done.stderr[-2000:]
    assert re.search(said, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
