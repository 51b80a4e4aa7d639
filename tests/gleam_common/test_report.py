"""The page: self-contained, escaped, true to the predictions; and seen by a browser where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from gleam_common.catalog import Catalog
from gleam_common.report.citymap import draw_city_map
from gleam_common.report.page import write_report
from gleam_common.report.panels import view_panels
from gleam_common.report.plots import curve_plots
from gleam_common.report.results_table import results_table
from PIL import Image

NASTY = "<script>alert('x')</script>&\"'{{ 7*7 }}"
VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """Collects what is loaded and checks that every tag is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def metric(value: float) -> dict[str, float]:
    return {"value": value, "low": value / 2, "high": (1 + value) / 2}


@pytest.fixture(scope="module")
def nasty(tiny_catalog):
    """The test area of the tiny catalog with ids that try to break out, and bounds for the map."""
    chosen = tiny_catalog.select(split="test")
    rename = {old: f"{NASTY}/{number}" for number, old in enumerate(chosen.gallery_ids)}
    tiles, queries = chosen.gallery.to_pylist(), chosen.queries.to_pylist()
    for tile in tiles:
        tile["gallery_id"] = rename[tile["gallery_id"]]
        tile["bounds"] = [tile["lat"] - 5e-4, tile["lon"] - 8e-4, tile["lat"] + 5e-4, tile["lon"] + 8e-4]
    for query in queries:
        query["query_id"] = f"{NASTY}{query['query_id']}"
        for column in ("positives", "semi_positives"):
            query[column] = [rename[old] for old in query[column]]
    return Catalog(gallery=pa.Table.from_pylist(tiles), queries=pa.Table.from_pylist(queries), root=chosen.root)


@pytest.fixture(scope="module")
def predictions(nasty):
    """UAV and panorama; the first half of each view is right, the others are put on the tile 120 m to the east."""
    rows = []
    for query, positives in zip(nasty.queries.to_pylist(), nasty.query_positives(), strict=True):
        if query["view"] in ("uav", "panorama"):
            truth = int(positives[0])
            order = [truth, *(row for row in range(12) if row != truth)]
            if truth >= 6:
                order = [(truth + 2) % 12, *(row for row in order if row != (truth + 2) % 12)]
            ids = [nasty.gallery_ids[row] for row in order[:5]]
            rank = order.index(truth)
            rows.append({
                "query_id": query["query_id"], "view": query["view"], "rank": rank, "ranks": [rank],
                "rank_without_semi": rank, "top_ids": ids, "top_scores": [0.9, 0.8, 0.7, 0.6, 0.5],
                "error_m": 60.0 * abs(order[0] - truth),
            })  # fmt: skip
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def results():
    names = (
        "recall@1",
        "recall@5",
        "recall@10",
        "recall@1%",
        "ap",
        "hit_rate",
        "recall@25m",
        "recall@50m",
        "recall@100m",
    )
    metrics = {name: metric(0.5) for name in names}
    view = {**metrics, "median_error_m": metric(12.0), "queries": 12, "places": 12}
    view["chance"] = {"recall@1": 1 / 12, "recall@5": 5 / 12, "recall@10": 10 / 12, "recall@1%": 1 / 12}
    return {
        "schema": 1,
        "protocol": NASTY,
        "about_protocol": "all tiles",
        "average_precision": "trapezoid",
        "gallery_size": 12,
        "queries": 24,
        "views": {"uav": view, "panorama": view},
        "mean": metrics,
        "seed": 0,
        "versions": {"torch": NASTY},
        "hardware": {"cpu": NASTY, "cores": 2, "memory_gib": None, "gpus": [], "system": "Linux"},
        "commit": None,
        "wall_s": 7.0,
        "baseline": {"uav": 0.1, "chance": 1 / 12},
        "phase1": {"views": {"panorama": view}},
    }


CURVES = [
    {"phase": phase, "step": step, "epoch": 0, "name": name, "value": 1.0 / (1 + step)}
    for phase in ("first", NASTY + "$x^$")
    for step in range(0, 50, 10)
    for name in ("train/loss", "train/temperature", "val/recall@1", "val/uav2satellite/recall@1", "train/lr")
]


@pytest.fixture(scope="module")
def report(tmp_path_factory, results, predictions, nasty):
    return write_report(tmp_path_factory.mktemp("runs") / "a<b>&c", results, predictions, nasty, CURVES)


def test_the_page_is_whole_and_loads_nothing(report):
    text = report.read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert page.loads
    assert all(load.startswith(("data:image/jpeg;base64,", "#")) for load in page.loads)
    css_loads = re.findall(r"url\(([^)]*)\)|@import", text)
    assert all(load.startswith(("#", "'#", '"#')) for load in css_loads)
    assert {"script", "iframe", "link", "object"}.isdisjoint(page.tags)
    assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert "https://" not in text
    assert len(text) < 3_000_000


def test_text_from_outside_is_escaped(report):
    text = report.read_text("utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(" in text
    assert "{{ 7*7 }}" in text
    assert "a&lt;b&gt;&amp;c" in text


def test_the_same_results_give_the_same_bytes(tmp_path, report, results, predictions, nasty):
    again = write_report(tmp_path / report.parent.name, results, predictions, nasty, CURVES)
    assert again.read_bytes() == report.read_bytes()


def test_a_panel_frames_right_near_and_wrong(nasty, predictions):
    panels = view_panels(nasty, predictions, "uav", seed=1)
    assert [len(panels[name]) for name in ("right", "wrong")] == [3, 3]
    for panel in (*panels["right"], *panels["wrong"]):
        truth = int(panel.query_id.split("/")[-2]) - 40  # test places come after 40 others
        for tile in panel.tiles:
            off = abs(int(tile.gallery_id.split("/")[-1]) - truth)
            assert tile.verdict == {0: "right", 1: "near"}.get(off, "wrong")
            assert tile.distance_m == pytest.approx(60 * off, rel=0.01, abs=0.1)
        assert panel.truth is None
        assert len(panel.tiles) == 5
    assert {panel.rank for panel in panels["right"]} == {1}
    assert {panel.rank for panel in panels["wrong"]} == {2}


def test_the_right_tile_is_shown_when_it_is_far_down(nasty, predictions):
    row = predictions.to_pylist()[0]
    row |= {"rank": 11, "top_ids": [nasty.gallery_ids[n] for n in (7, 8, 9, 10, 11)]}
    panel = view_panels(nasty, pa.Table.from_pylist([row]), "uav", seed=0)["wrong"][0]
    assert panel.rank == 12
    assert len(panel.tiles) == 4
    assert panel.truth is not None
    assert panel.truth.verdict == "right"


def test_the_map_puts_queries_on_their_tiles(nasty, predictions):
    city = draw_city_map(nasty, predictions)
    assert city is not None
    assert city.mosaic_uri is not None
    marks = city.marks["uav"]
    assert [mark.hit for mark in marks] == [True] * 6 + [False] * 6
    xs = np.array([mark.x for mark in marks]) * city.metres_per_px
    np.testing.assert_allclose(np.diff(xs), 60, rtol=0.01)
    for mark in marks:
        assert np.hypot(mark.x - mark.placed_x, mark.y - mark.placed_y) * city.metres_per_px == pytest.approx(
            mark.error_m, rel=0.01, abs=0.1
        )
        assert 0 <= mark.x <= city.width
        assert 0 <= mark.y <= city.height
    assert city.left_out == 0


def test_the_map_is_of_one_city_and_says_what_it_leaves_out(tiny_catalog, predictions):
    """Train and test areas lie 10 km apart: the larger one is drawn."""
    rows = [
        {"query_id": query_id, "view": "uav", "rank": 0, "top_ids": positives, "error_m": 0.0}
        for query_id, positives in zip(
            tiny_catalog.query_ids, tiny_catalog.queries["positives"].to_pylist(), strict=True
        )
    ]
    city = draw_city_map(tiny_catalog, pa.Table.from_pylist(rows))
    assert city is not None
    assert (len(city.marks["uav"]), city.left_out) == (160, 48)
    assert city.mosaic_uri is None  # no bounds, no mosaic


def test_without_coordinates_there_is_no_map_but_a_page(tmp_path, nasty, predictions, results):
    bare = Catalog(
        gallery=nasty.gallery.drop_columns(["lat", "lon"]),
        queries=nasty.queries.drop_columns(["lat", "lon"]),
        root=nasty.root,
    )
    assert draw_city_map(bare, predictions) is None
    Page(write_report(tmp_path, results, predictions, bare).read_text("utf-8"))


def test_plots_follow_the_page_and_name_the_phases():
    plots = curve_plots(CURVES)
    assert [plot.title for plot in plots] == ["Loss", "Recall@1 on the validation places", "Temperature"]
    assert [label for label, _ in plots[1].legend] == ["mean", "uav"]
    for plot in plots:
        root = ElementTree.fromstring(plot.svg.replace("<svg ", '<svg xmlns:x="x" ', 1))
        assert "first" in "".join(root.itertext())
        assert NASTY in "".join(root.itertext())
        assert not re.search(r"#0[0-9a-f]05|#0[1-4]0[1-4]0[1-4]", plot.svg)
        assert "var(--" in plot.svg
    assert curve_plots([]) == []


def test_the_table_is_plain_and_aligned(results):
    lines = results_table(results).splitlines()
    assert "24 queries, 12 tiles" in lines[0]
    assert [line.split()[0] for line in lines[3:6]] == ["uav", "panorama", "mean"]
    assert lines[3].split()[1:6] == ["12", "50.0", "[25.0", "-", "75.0]"]
    assert lines[3].split()[-1] == "12.0"
    assert len({line.index("50.0") for line in lines[3:6]}) == 1
    assert lines[-1] == "chance at recall@1: 8.33"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium on PATH to look at the page")
def test_a_browser_draws_the_page(tmp_path, report):
    shot = tmp_path / "shot.png"
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", *quiet]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,3000", f"--screenshot={shot}"]
    subprocess.run([*command, report.as_uri()], check=True, capture_output=True, timeout=120)
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert pixels.shape[:2] == (3000, 1280)
    colours = len(np.unique(pixels.reshape(-1, 3), axis=0))
    assert colours > 2000  # pictures, not only text
    green = (pixels[..., 1] > 180) & (pixels[..., 0] < 80) & (pixels[..., 2] < 140)
    assert green.sum() > 500  # the dots of the map
