"""The quick benchmarks run at their small sizes, the loop that ours is measured against is a fair one, all are shown."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from gleam_common.catalog import Catalog
from gleam_common.sampling import SampleKey

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))

bench, bench_page, bench_rows, ceilings, epoch, loading, models, plain_loop, worlds = (
    import_module(name)
    for name in ["bench", "bench_page", "bench_rows", "ceilings", "epoch", "loading", "models", "plain_loop", "worlds"]
)


def test_the_table_and_the_page_are_made_of_results(tmp_path: Path) -> None:
    words = [sys.executable, ROOT / "benchmarks/bench.py", "--small", "--only", "ceilings", "loss_memory"]
    done = subprocess.run(
        [*words, "--out", tmp_path / "results"], check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "cpu: matrix product, float32" in done.stdout
    assert "no GPU on this machine" in done.stdout or torch.cuda.is_available()
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 2
    assert "http" not in page
    [path] = (tmp_path / "results").glob("loss_memory-small_*.json")
    memory = json.loads(path.read_text())
    for name in ("logits", "activations"):
        largest = list(memory[name]["at once"])[-1]
        ways = {way: own[largest]["peak_mb"] for way, own in memory[name].items()}
        assert 0 < ways["in pieces"] < 0.8 * ways["at once"]


def test_every_benchmark_is_there_and_has_a_title() -> None:
    assert {one.name for one in bench.BENCHMARKS} == set(bench_page.TITLES)
    assert all((ROOT / f"benchmarks/{one.name}.py").is_file() for one in bench.BENCHMARKS)


def test_a_row_without_a_number_says_why(tmp_path: Path) -> None:
    row = bench_rows.Row
    rows = [row(benchmark="models", what="<big>", why="no GPU"), row(benchmark="models", what="x", value=12345.6)]
    assert "no GPU" in bench_rows.table_text(rows)
    assert "12,346" in bench_rows.table_text(rows)
    page = bench_page.write_page(tmp_path / "report.html", rows, {"models": None}, {}).read_text()
    assert "&lt;big&gt;" in page
    assert "no GPU" in page


@pytest.fixture(scope="module")
def measured(tiny_catalog: Catalog) -> dict:
    torch.set_num_threads(1)
    return epoch.measured(epoch.Case(encoder="pico", places=32), tiny_catalog, repeats=1, workers=0)


def test_an_epoch_of_both_arms_reaches_the_same_loss(measured: dict) -> None:
    ours, plain = (measured[name]["loss_of_each_epoch"] for name in ("ours", "plain"))
    assert len(ours) == len(plain) == 2
    assert ours == pytest.approx(plain, rel=0.1)
    assert measured["times_faster"]["median"] > 0
    assert measured["pairs_per_epoch"] == 128
    rows = bench_rows.rows_of("epoch", {"cases": {"tiny": measured}})
    assert rows[0].beside == f"loss {ours[-1]:.3f}, plain {plain[-1]:.3f}"


def test_both_arms_see_the_same_pairs_in_the_same_sizes(tiny_catalog: Catalog, tmp_path: Path) -> None:
    both, _ = epoch.arms(epoch.Case(encoder="pico", places=32), tiny_catalog, tmp_path, workers=0)
    for arm in both.values():
        arm.loader.batch_sampler.set_epoch(1)
    for ours, plain in zip(both["ours"].loader, both["plain"].loader, strict=True):
        assert torch.equal(ours["gallery_row"], plain["gallery_row"])
        assert torch.equal(ours["related"], plain["related"])
        for name in ("query", "gallery"):
            assert ours[name].shape == plain[name].shape
            assert ours[name].dtype == plain[name].dtype == torch.float32
            assert float(ours[name].mean()) == pytest.approx(float(plain[name].mean()), abs=0.15)
    dataset = both["plain"].loader.dataset
    assert isinstance(dataset, plain_loop.PlainPairs)
    key = SampleKey(0, 3, 0)
    assert torch.equal(dataset[key]["query"], dataset[key]["query"])


def test_operations_are_counted_and_read_beside_the_product() -> None:
    torch.set_num_threads(1)
    ceiling = ceilings.matmul_tflops(torch.device("cpu"), torch.float32, 128, 2)["max"]
    found = models.measured(models.Case(encoder="pico", side=64, pairs=4), 1, 0.01, ceiling)
    training, inference = found["training"], found["inference"]
    assert inference["gflop_per_picture"] == pytest.approx(0.0099809, rel=1e-4)
    assert training["gflop_per_picture"] == pytest.approx(3 * inference["gflop_per_picture"])
    expected = training["pictures_per_s"]["median"] * training["gflop_per_picture"] / 1000 / ceiling
    assert training["share_of_matmul"] == pytest.approx(expected)


def test_decoders_are_compared_on_the_same_pixels(tmp_path: Path, tiny_catalog: Catalog) -> None:
    some = worlds.some_places(tiny_catalog, tmp_path / "some", 2, ("panorama",))
    large = worlds.enlarged(some, tmp_path / "large")
    found = loading.decoders(large, 2, 1)
    assert found["ours"]["equals_pillow"]
    assert found["OpenCV"]["equals_pillow"]
    assert not found["OpenCV at half"]["equals_pillow"]
