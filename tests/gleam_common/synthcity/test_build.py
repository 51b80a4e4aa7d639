"""A world on disk: same bytes for any number of workers and after a kill, a valid catalog, refusals, commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from gleam_common import data_commands
from gleam_common.artifacts import read_json, read_manifest, write_json
from gleam_common.catalog import Catalog
from gleam_common.errors import ArtifactError, ConfigError, DataError
from gleam_common.geo import distance_m
from gleam_common.images import load_array
from gleam_common.synthcity import build
from gleam_common.synthcity.baseline import colour_features, colour_recall
from gleam_common.synthcity.build import build_world, is_world_missing, read_world_config
from gleam_common.synthcity.facts import Fact
from gleam_common.synthcity.planning.lattice import MOST_PLACES
from gleam_common.synthcity.preview import contact_sheet, live_rows, sheet_rows
from gleam_common.synthcity.world import CityPlan, WorldConfig, _name_of, plan_world
from gleam_common.views import QUERY_VIEWS, View
from toy_village import HOUSE, village

CONFIG = WorldConfig(seed=3, places=18)
START = """
import sys
from gleam_common.synthcity.build import build_world
from gleam_common.synthcity.world import WorldConfig
if __name__ == "__main__":
    build_world(WorldConfig(seed=3, places=18), sys.argv[1], workers=2)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 places: nine of a grid city, nine of the held-out city; rendered in this process. Do not write into it."""
    return build_world(CONFIG, tmp_path_factory.mktemp("world") / "w", workers=1)


@pytest.fixture
def villages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two toy villages of one place each take the place of the cities: a world within seconds."""
    plans = tuple(
        CityPlan(city_id=city_id, seed=seed, style="grid", places=1, split="train", holdout=0.0)
        for seed, city_id in enumerate(("alfa", "echo"))
    )
    monkeypatch.setattr(build, "plan_world", lambda _: plans)
    monkeypatch.setattr(CityPlan, "build", lambda plan: replace(village(), city_id=plan.city_id))


@pytest.fixture(scope="module")
def catalog(world: Path) -> Catalog:
    return Catalog.read(world)


def wait_for(condition: Callable[[], Any], timeout_s: float = 120.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.05)


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def is_group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_killed_in_parallel_and_gone_on_alone_gives_the_same_bytes(world: Path, tmp_path: Path) -> None:
    out, script = tmp_path / "w", tmp_path / "start.py"
    script.write_text(START)
    process = subprocess.Popen(
        [sys.executable, str(script), str(out)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_for(lambda: len(list(out.glob("parts/*.json"))) >= 2 or process.poll() is not None)
    process.kill()
    process.wait()
    wait_for(lambda: not is_group_alive(process.pid), timeout_s=30.0)  # the others end with the first one
    assert not read_manifest(out).complete
    (out / "images/alfa/uav/.0_0.jpg.0123.partial").write_bytes(b"cut off")
    build_world(CONFIG, out, workers=1)
    assert read_manifest(out) == read_manifest(world)
    assert files_of(out) == files_of(world)


def test_a_finished_chunk_is_not_rendered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []

    monkeypatch.setattr(build, "render_chunks", lambda todo, *_: rendered.extend(chunk.part for chunk in todo))
    (tmp_path / "parts").mkdir()
    chunks = build._chunks(CONFIG)
    pictures = [{"path": "tile.jpg"}], [{"path": "query.jpg"}]
    write_json(tmp_path / chunks[1].part, {"gallery": pictures[0], "queries": pictures[1]})
    for name in ("tile.jpg", "query.jpg"):
        (tmp_path / name).touch()
    build._render(chunks, CONFIG, tmp_path, workers=1)
    assert rendered == [chunk.part for chunk in chunks if chunk is not chunks[1]]
    rendered.clear()
    (tmp_path / "query.jpg").unlink()
    build._render(chunks, CONFIG, tmp_path, workers=1)
    assert rendered == [chunk.part for chunk in chunks], "a lost picture is made again"


def test_a_begun_world_heals(villages: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, begun = build_world(CONFIG, tmp_path / "whole", workers=1), tmp_path / "begun"
    with monkeypatch.context() as patches:
        patches.setattr(build, "_finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build_world(CONFIG, begun, workers=1)
    lost, kept = begun / "images/alfa/uav/0_0.jpg", begun / "images/echo/uav/0_0.jpg"
    lost.unlink()
    written_ns = kept.stat().st_mtime_ns
    for folder in (".", "images", "images/echo/map", "parts", "elsewhere"):
        (begun / folder).mkdir(exist_ok=True)
        (begun / folder / ".cut.0123.partial").write_bytes(b"cut off")
    build_world(CONFIG, begun, workers=1)
    assert read_manifest(begun) == read_manifest(whole)
    assert files_of(begun) == files_of(whole)
    assert kept.stat().st_mtime_ns == written_ns, "a whole chunk was rendered again"


def test_a_world_that_was_killed_at_its_first_file_is_missing_an_empty_folder_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    assert is_world_missing(folder)
    folder.mkdir()
    assert not is_world_missing(folder)
    (folder / ".manifest.json.0123.partial").write_bytes(b"{")
    assert is_world_missing(folder)
    (folder / "thesis.tex").write_text("years of work")
    assert not is_world_missing(folder)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_facts_file_keeps_all_that_facts_say(villages: None, tmp_path: Path) -> None:
    facts = pq.read_table(build_world(CONFIG, tmp_path / "w", workers=1) / "facts.parquet")
    assert facts.column_names == ["picture_id", "view", *(field.name for field in fields(Fact))]
    house = [row for row in facts.to_pylist() if row["item_id"] == HOUSE]
    assert {(row["kind"], row["detail"], row["name_en"]) for row in house} == {("building", "house", "House 11")}


def test_a_finished_world_is_kept(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_render", lambda *_: pytest.fail("rendered again"))
    assert build_world(CONFIG, world) == world
    assert read_world_config(world) == CONFIG


def test_another_configuration_is_refused(world: Path) -> None:
    with pytest.raises(ArtifactError, match=r"seed \(3 there, 4 now\).*--overwrite"):
        build_world(WorldConfig(seed=4, places=18), world)


def test_manifest_covers_every_file(world: Path) -> None:
    assert set(read_manifest(world).files) == files_of(world) - {"manifest.json"}


def test_catalog_has_all_views_of_all_places(catalog: Catalog) -> None:
    assert len(catalog.gallery) == 18
    assert catalog.views == QUERY_VIEWS
    assert len(catalog.queries) == 18 * len(QUERY_VIEWS)
    assert set(catalog.column("split")) == {"train", "val", "test"}
    assert set(zip(catalog.column("split"), catalog.column("area"), strict=True)) == {
        ("train", "same"), ("val", "same"), ("test", "cross"),
    }  # fmt: skip


def test_ids_paths_and_sizes(catalog: Catalog) -> None:
    row = catalog.queries.to_pylist()[0]
    assert row["query_id"] == f"{row['positives'][0]}/{row['view']}"
    assert row["positives"][0].startswith("synthcity/alfa/")
    assert row["path"].startswith(f"images/alfa/{row['view']}/")
    for view, size in ((View.PANORAMA, (256, 512)), (View.MAP, (256, 256))):
        path = next(path for path in catalog.column("path") if f"/{view}/" in path)
        assert load_array(catalog.root / path).shape == (*size, 3)


def test_ground_points_lie_in_their_tiles_and_nowhere_else(catalog: Catalog) -> None:
    tiles = [(row["gallery_id"], row["city"], *row["bounds"]) for row in catalog.gallery.to_pylist()]
    rim = 1e-6  # a point on the rim (10 cm) may count for either side
    for row in catalog.queries.to_pylist():
        related = {*row["positives"], *row["semi_positives"]}
        lat, lon = row["lat"], row["lon"]
        own = [(name, s, w, n, e) for name, city, s, w, n, e in tiles if city == row["city"]]
        assert {name for name, s, w, n, e in own if s + rim < lat < n - rim and w + rim < lon < e - rim} <= related
        assert related <= {name for name, s, w, n, e in own if s - rim < lat < n + rim and w - rim < lon < e + rim}


def test_tiles_are_120_m_wide(catalog: Catalog) -> None:
    south, west, north, east = np.array(catalog.gallery["bounds"].to_pylist()).T
    assert distance_m(south, west, north, west) == pytest.approx(120.0, abs=0.2)
    assert distance_m(south, west, south, east) == pytest.approx(120.0, abs=0.2)
    assert catalog.column("gsd_m", "gallery") == pytest.approx(120 / 256)


def test_facts_belong_to_pictures(world: Path, catalog: Catalog) -> None:
    facts = pq.read_table(world / "facts.parquet")
    assert facts.column_names == ["picture_id", "view", *(field.name for field in fields(Fact))]
    known = {*catalog.gallery_ids, *catalog.query_ids}
    assert set(facts["picture_id"].to_pylist()) <= known
    assert len(set(facts["picture_id"].to_pylist())) > 0.9 * len(known)
    assert all(len(box) == 4 for box in facts["box"].drop_null().to_pylist())


def test_cities_file_names_each_city(world: Path) -> None:
    cities = read_json(world / "cities.json")
    assert [city["city_id"] for city in cities] == ["alfa", "echo"]
    assert all(city["name_en"] and city["name_zh"] for city in cities)


@pytest.mark.parametrize(
    ("places", "expected"),
    [(1225, [250, 250, 250, 250, 225]), (20, [11, 9]), (40, [11, 10, 10, 9]), (400, [82, 82, 82, 81, 73])],
)
def test_places_are_shared_out(places: int, expected: list[int]) -> None:
    plans = plan_world(WorldConfig(places=places))
    assert [plan.places for plan in plans] == expected
    assert [plan.split for plan in plans] == ["train"] * (len(plans) - 1) + ["test"]
    assert len({plan.seed for plan in plans}) == len(plans)


def test_a_world_may_hold_out_no_city() -> None:
    plans = plan_world(WorldConfig(places=41, held_out=""))
    assert [(plan.places, plan.split) for plan in plans] == [(count, "train") for count in (11, 10, 10, 10)]
    with pytest.raises(ConfigError, match="places of a world: 8; allowed: 9 to 4096 with 4 cities"):
        WorldConfig(places=8, held_out="")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"places": 5}, "places of a world: 5; allowed: 18 to 5018 with 4 cities .* take more places"),
        ({"seed": -1}, "seed of a world: -1"),
        ({"cities": ()}, "cities of a world: 0"),
        ({"cities": ("venice",)}, "unknown city style: 'venice'; allowed: grid"),
        ({"shots": 0}, "allowed: 1 to 99"),
        ({"quality": 101}, "JPEG quality: 101"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        WorldConfig(**options)


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="worker processes: 0; allowed: 1 or more"):
        build_world(CONFIG, tmp_path / "w", workers=0)


def test_colours_tell_pictures_apart_but_not_their_size() -> None:
    rng = np.random.default_rng(0)
    green = np.full((64, 64, 3), (40, 160, 60), np.uint8) + rng.integers(0, 9, (64, 64, 3), dtype=np.uint8)
    red = green[..., [1, 0, 2]]
    first, other, larger = (colour_features(image) for image in (green, red, green.repeat(2, 0).repeat(2, 1)))
    assert first @ larger > 0.98 * (first @ first) > first @ other


def test_colours_alone_do_not_solve_a_held_out_city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(plan_world(WorldConfig())[-1], places=100)
    monkeypatch.setattr(build, "plan_world", lambda _: (plan,))
    recall = colour_recall(Catalog.read(build_world(WorldConfig(), tmp_path / "w")), "test")
    assert recall["chance"] == pytest.approx(0.01)
    for view in (View.UAV, View.PANORAMA, View.GROUND):
        assert recall[view] < 5 * recall["chance"], (view, recall)


def test_contact_sheet_shows_each_view_once(catalog: Catalog) -> None:
    rows = sheet_rows(catalog, 3)
    assert len(rows) == 3
    assert all(set(row.pictures) == set(View) for row in rows)
    sheet = np.asarray(contact_sheet("SynthCity", rows))
    assert sheet.shape[0] > 3 * 224
    assert (sheet[-1] == 255).all()
    with pytest.raises(ConfigError, match="no places"):
        contact_sheet("SynthCity", [])


def test_synth_command_reads_options_and_says_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[Any] = []

    def make(*arguments: Any) -> Path:
        made.append(arguments)
        return world

    monkeypatch.setattr(build, "build_world", make)
    options = ["--out", str(tmp_path), "--seed", "3", "--places", "18", "--workers", "1", "--cities", "[grid, radial]"]
    data_commands.synth_command(
        [*options, "--preview-places", "2", "--overwrite", "--preview", str(tmp_path / "sheet.png")]
    )
    assert made == [(WorldConfig(seed=3, places=18, cities=("grid", "radial")), tmp_path, 1, True)]
    assert load_array(tmp_path / "sheet.png").shape[1] > 1000
    assert "18 tiles, 72 queries" in capsys.readouterr().out


@pytest.mark.parametrize(("cities", "most"), [(1, 1255), (4, 5018), (5, 5577), (12, 5577)])
def test_a_world_has_as_many_places_as_its_cities_can_have(cities: int, most: int) -> None:
    largest = WorldConfig(places=most, cities=("grid",) * cities)
    assert max(plan.places for plan in plan_world(largest)) == MOST_PLACES
    with pytest.raises(ConfigError, match=rf"places of a world: {most + 1}; allowed: 18 to {most} with {cities} cit"):
        replace(largest, places=most + 1)


@pytest.mark.parametrize(("places", "fix"), [(5019, "take fewer places, or name more cities$"), (9999, "r places$")])
def test_too_many_places_are_refused_before_anything_is_written(places: int, fix: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=fix):
        data_commands.synth_command(["--out", str(tmp_path / "w"), "--places", str(places)])
    assert not (tmp_path / "w").exists()


def test_no_two_cities_of_a_world_have_one_name() -> None:
    for seed in range(100):
        names = [_name_of(plan.seed) for plan in plan_world(WorldConfig(seed=seed))]
        assert len({name.en for name in names}) == len({name.zh for name in names}) == 5, seed


def test_the_name_that_a_plan_foresees_is_the_one_that_its_city_gets() -> None:
    plan = plan_world(CONFIG)[0]
    assert plan.build().name == _name_of(plan.seed)


def test_synth_command_needs_something_to_make() -> None:
    with pytest.raises(ConfigError, match="nothing to make; give --out DIR"):
        data_commands.synth_command([])


def test_preview_without_a_world_shows_the_world_s_own_pictures(world: Path, catalog: Catalog) -> None:
    row = live_rows(CONFIG, 1)[0]
    name = row.caption.split(" ")[0]
    saved = load_array(world / catalog.gallery["path"][catalog.gallery_index[name]].as_py())
    assert np.abs(saved.astype(int) - row.pictures[View.SATELLITE]).mean() < 6, "JPEG's loss, no more"


def test_stats_command_counts(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_commands.stats_command([str(world)])
    text = capsys.readouterr().out
    assert any(line.split() == ["panorama", "8", "1", "9", "18"] for line in text.splitlines()), text
    data_commands.stats_command([str(world), "--as-json"])
    assert json.loads(capsys.readouterr().out)["views"]["uav"] == 18


def test_check_command_finds_a_cut_picture(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_commands.check_command([str(world)])
    assert "in order" in capsys.readouterr().out
    catalog = Catalog.read(world)
    for path in (*catalog.column("path"), *catalog.column("path", "gallery")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).symlink_to(world / path)
    broken = tmp_path / catalog.column("path")[7]
    broken.unlink()
    broken.write_bytes((world / catalog.column("path")[7]).read_bytes()[:4000])
    with pytest.raises(DataError, match="problems found: 1"):
        data_commands.check_command([str(world), "--root", str(tmp_path)])
    assert broken.name in capsys.readouterr().out
