from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from conftest import write_tiny_catalog
from gleam_common.artifacts import read_manifest
from gleam_common.catalog import Catalog
from gleam_common.cli import ABOUT, COMMANDS
from gleam_common.commands import dispatch
from gleam_common.errors import ArtifactError, ConfigError, DataError
from gleam_common.images import load_array
from gleam_common.pack import PACK_FORMATS, PackConfig, pack_catalog
from gleam_common.transforms import resize_picture


def rows(catalog: Catalog) -> tuple[list[dict], list[dict]]:
    tables = (catalog.gallery, catalog.queries)
    return tuple([{k: v for k, v in row.items() if k != "path"} for row in table.to_pylist()] for table in tables)


@pytest.mark.parametrize("name", PACK_FORMATS)
def test_ids_and_columns_stay_and_pictures_are_those_resized(tiny_catalog: Catalog, tmp_path: Path, name: str) -> None:
    config = PackConfig(side=48, format=name)
    report = pack_catalog(tiny_catalog, tmp_path / "packed", config)
    packed = Catalog.read(tmp_path / "packed")
    assert rows(packed) == rows(tiny_catalog)
    assert report.pictures == len(packed.gallery) + len(packed.queries)
    assert not report.skipped
    assert report.bytes_after == sum(path.stat().st_size for path in (tmp_path / "packed/images").rglob("*.*"))
    for which, row in (("gallery", 0), ("gallery", 5), ("queries", 0), ("queries", 2)):
        whole = load_array(tiny_catalog.picture_path(which, row))
        expected = resize_picture(whole, config.size_of(*whole.shape[:2]))
        found = load_array(packed.picture_path(which, row))
        assert found.shape == expected.shape
        assert min(found.shape[:2]) <= 48
        difference = np.abs(found.astype(int) - expected).mean()
        assert difference == 0 if name == "store" else difference < 8  # noisy toy pictures: the worst for a codec


def test_sizes_keep_the_aspect_and_never_grow() -> None:
    assert PackConfig(side=442).size_of(1024, 2048) == (442, 884)
    assert PackConfig(long_side=512).size_of(1024, 2048) == (256, 512)
    assert PackConfig(side=442).size_of(256, 256) == (256, 256)
    assert PackConfig().size_of(300, 200) == (300, 200)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "png"}, "unknown format of packed pictures: 'png'; allowed: jpeg, store, webp"),
        ({"side": 4}, "side of packed pictures: 4; allowed: 8 to 16384"),
        ({"side": 64, "long_side": 64}, "both side and long_side"),
        ({"quality": 0}, "quality of packed pictures: 0"),
    ],
)
def test_options_out_of_range_are_named(options: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PackConfig(**options)


def test_bad_pictures_are_left_out_counted_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_tiny_catalog(tmp_path / "source", 8, 1, 1)
    query, tile = source.picture_path("queries", 3), source.picture_path("gallery", 7)
    query.write_bytes(query.read_bytes()[:200])
    tile.unlink()
    words = ["pack", str(tmp_path / "source"), "--out", str(tmp_path / "packed"), "--side", "32"]
    assert dispatch("gleam-data", ABOUT, COMMANDS, words) == 0
    told = capsys.readouterr().out
    assert "left out: 2 pictures that cannot be read" in told
    assert "with them 1 tiles and 5 queries" in told
    packed = Catalog.read(tmp_path / "packed")
    assert source.query_ids[3] not in packed.query_ids
    assert source.gallery_ids[7] not in packed.gallery_ids
    assert not any(source.gallery_ids[7] in row["semi_positives"] for row in packed.queries.to_pylist())
    listed = [json.loads(line) for line in (tmp_path / "packed/skipped.jsonl").read_text().splitlines()]
    assert {one["path"] for one in listed} == {str(path.relative_to(source.root)) for path in (query, tile)}
    assert any("no such picture" in one["reason"] for one in listed)
    packed.check_pictures()
    assert dispatch("gleam-data", ABOUT, COMMANDS, words) == 0  # finished: it says the same again
    assert capsys.readouterr().out == told


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    source = write_tiny_catalog(tmp_path / "source", 2, 0, 0)
    for path in (tmp_path / "source/images").rglob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match="no query is left"):
        pack_catalog(source, tmp_path / "packed", PackConfig())


def test_another_configuration_or_other_pictures_are_refused(tmp_path: Path) -> None:
    source = write_tiny_catalog(tmp_path / "source", 3, 1, 1)
    out, config = tmp_path / "packed", PackConfig(side=32)
    pack_catalog(source, out, config)
    with pytest.raises(ArtifactError, match=r"another configuration: side \(32 there, 40 now\)"):
        pack_catalog(source, out, replace(config, side=40))
    pack_catalog(source, out, replace(config, side=40), overwrite=True)
    assert min(load_array(Catalog.read(out).picture_path("gallery", 0)).shape[:2]) == 40
    path = source.picture_path("gallery", 0)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtifactError, match="another configuration: pictures"):
        pack_catalog(source, out, replace(config, side=40))
    pack_catalog(source, out, config, overwrite=True)
    turned = source.queries.set_column(
        source.queries.schema.get_field_index("heading_deg"), "heading_deg", pa.array([7.5] * len(source.queries))
    )
    with pytest.raises(ArtifactError, match="another configuration: pictures"):
        pack_catalog(Catalog(gallery=source.gallery, queries=turned, root=source.root), out, config)
    with pytest.raises(ConfigError, match="threads that pack: 0"):
        pack_catalog(source, tmp_path / "other", config, workers=0)


def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    source = write_tiny_catalog(tmp_path / "source", 6, 1, 2)
    for path in (tmp_path / "source/images").rglob("*.png"):  # larger, so that packing takes a while
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), None, fx=6, fy=6))
    whole = tmp_path / "whole"
    pack_catalog(source, whole, PackConfig(side=200))
    out = tmp_path / "killed"
    command = [sys.executable, "-c", "from gleam_common.cli import main; main()", "pack", str(source.root)]
    words = [*command, "--out", str(out), "--side", "200", "--workers", "1"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(out.rglob("*.jpg"))) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    first = min(out.rglob("*.jpg"))
    before = first.stat().st_mtime_ns
    assert not read_manifest(out).complete
    pack_catalog(source, out, PackConfig(side=200))
    assert first.stat().st_mtime_ns == before
    assert read_manifest(out) == read_manifest(whole)
    assert not list(out.rglob("*.partial"))
