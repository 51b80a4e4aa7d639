from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from gleam_common import cli
from gleam_common.catalog import Catalog
from gleam_common.commands import dispatch
from gleam_common.errors import DataError
from gleam_common.sources.registry import SOURCES, source_named
from gleam_common.sources.source_check import count_problems
from layouts import WRITERS


def run(*words: object) -> int:
    return dispatch("gleam-data", cli.ABOUT, cli.COMMANDS, list(map(str, words)))


@pytest.mark.parametrize("name", SOURCES)
def test_every_set_is_imported_by_its_name_alone(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = WRITERS[name](tmp_path / "set")
    assert run("import", name, root, "--out", tmp_path / "catalog") == 0
    said = capsys.readouterr().out
    catalog = Catalog.read(tmp_path / "catalog", root)
    assert f"{len(catalog.queries)} queries" in said
    assert f"--root {root}" in said
    assert source_named(name).citation in said
    assert catalog.check_pictures() == len(catalog.gallery) + len(catalog.queries)
    ids = [*catalog.gallery_ids, *catalog.query_ids, *catalog.column("place_id")]
    assert all(one.startswith(f"{name}/") for one in ids)


@pytest.mark.parametrize("name", SOURCES)
def test_a_set_says_what_it_is(name: str) -> None:
    source = source_named(name)
    assert source.name == name
    assert all((source.title, source.layout, source.licence, source.citation))
    assert all(count.number > 0 and count.said for count in source.published)


def test_counts_are_told_with_their_origin(tmp_path: Path) -> None:
    source = source_named("cvusa")
    said = list(count_problems(source, source.read(WRITERS["cvusa"](tmp_path))))
    assert said[0] == "8 panorama pictures of split train, published are 35,532 (Zhai et al., CVPR 2017)"
    assert said[3] == "4 tiles of split val, published are 8,884 (Zhai et al., CVPR 2017)"


def test_a_set_without_published_counts_is_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "map", WRITERS["map"](tmp_path)) == 0
    assert "12 tiles and 12 queries are in order" in capsys.readouterr().out


def test_check_tells_all_that_is_wrong_in_one_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = WRITERS["setvl480k"](tmp_path)
    (root / "photos/0_1.jpg").unlink()
    (root / "photos/2_0.jpg").write_bytes(b"<html>404</html>")
    (root / "satellite/1.png").write_bytes(b"")
    assert run("check", "setvl480k", root) == 2
    said = capsys.readouterr()
    for words in ("photos/0_1.jpg: no such picture", "photos/2_0.jpg", "satellite/1.png"):
        assert words in said.out
    assert "problems found: 3; download or unpack again" in said.err
    assert "manifest.csv with query,gallery,split,set_id" in said.err


BROKEN: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "cvact": (
        {"ANU_data_small/streetview": None, "ANU_data_test/satview_polish": None},
        ["ANU_data_small/streetview", "ANU_data_test/satview_polish", "it should hold: ACT_data.mat"],
    ),
    "cvusa": (
        {"splits/train-19zl.csv": "a\nb", "splits/val-19zl.csv": None},
        ["train-19zl.csv, line 1", "train-19zl.csv, line 2", "splits/val-19zl.csv"],
    ),
    "denseuav": (
        {"Dense_GPS_ALL.txt": "a\nb"},
        ["ALL.txt, line 1", "ALL.txt, line 2", "without coordinates: '000001'", "without coordinates: '000006'"],
    ),
    "folder": (
        {"train/satellite/place 1.png": None, "test/satellite": None},
        ["3 of 18 pictures have no tile", "test: no folders of tiles and pictures"],
    ),
    "geotext1652": (
        {"train/0001/0001.jpg": None, "train/0002/0002.jpg": None},
        ["train/0001: building without a satellite", "train/0002: building without a satellite"],
    ),
    "gta_uav": (
        {"cross-area-drone2sate-train.json": "[1, 2]", "satellite/5_0_1_20.png": None},
        ["train.json, entry 0", "train.json, entry 1", "name a tile not in the gallery"],
    ),
    "map": (
        {"manifest.csv": "query,gallery,split,lat\nmaps/1.png,tiles/1.png,train,x\nmaps/2.png,,train,\nmaps/3.png,t/3.png,test,1"},
        ["line 2: lat is no number", "line 3: empty cell: 'gallery'"],
    ),
    "setvl480k": (
        {"manifest.csv": "query,gallery,split,set_id\na.jpg,1.png,test,s\nb.jpg,2.png,test,s\nc.jpg,3.png,test,s"},
        ["3.png: no such picture", "('setvl480k/a.jpg', 'setvl480k/b.jpg')", "('setvl480k/a.jpg', 'setvl480k/c.jpg')"],
    ),
    "sues200": (
        {"satellite-view/0001": None, "satellite-view/0008": None, "drone_view_512/0002/150/0.jpg": "x"},
        ["tile: '0001'", "tile: '0008'", "0002/150/0.jpg: not a picture", "4 tiles, published are 200"],
    ),
    "university1652": (
        {"train/satellite/0840": None, "test/gallery_satellite/0847": None},
        ["train/drone/0840: building without", "train/street/0840", "test/gallery_drone/0847: building without"],
    ),
    "vigor": (
        {"splits/Chicago/pano_label_balanced.txt": "a\nb", "splits/Seattle/satellite_list.txt": None, "NewYork/panorama": None},
        ["Chicago/pano_label_balanced.txt, line 2", "Seattle/satellite_list.txt", "(panoramas of VIGOR", "4 panorama pict"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_check_tells_all_that_is_broken_in_a_set(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = WRITERS[name](tmp_path)
    for path, content in BROKEN[name][0].items():
        if content is not None:
            (root / path).write_text(content)
        elif (root / path).is_dir():
            shutil.rmtree(root / path)
        else:
            (root / path).unlink()
    assert run("check", name, root) == 2
    said = "".join(capsys.readouterr())
    for words in BROKEN[name][1]:
        assert words in said
    source = source_named(name)
    with pytest.raises(DataError):
        source.read(root).check_pictures()


def test_check_counts_what_it_does_not_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = WRITERS["setvl480k"](tmp_path)
    for path in (root / "photos").iterdir():
        path.unlink()
    assert run("check", "setvl480k", root) == 2
    assert "... and 16 more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "vigour", ".", "--out", "c"), "unknown set: 'vigour'; allowed: "),
        (("import", "cvusa", "/nowhere", "--out", "c"), "no such folder (lists of CVUSA)"),
        (("check", "cvusa", "/nowhere"), "CVUSA: no such folder"),
        (("check", "vigour", "."), "unknown set: 'vigour'"),
        (("import", "cvusa", "."), "out"),
        (("import", "cvusa", ".", "again", "--out", "c"), "again"),
    ],
)
def test_bad_words_end_with_a_sentence(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert said in capsys.readouterr().err
