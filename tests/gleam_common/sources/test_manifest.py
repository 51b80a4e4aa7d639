from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.sources.manifest import read_manifest
from layouts.map_pairs import write_map_pairs

HEAD = "query,gallery,split,view"


def read_text(folder: Path, text: str, name: str = "manifest.csv", **defaults: str):
    (folder / name).write_text(text)
    return read_manifest("own", folder, folder / name, defaults)


def test_rows_of_one_picture_add_up_and_a_row_without_one_is_a_tile(tmp_path: Path) -> None:
    text = f"{HEAD},semi_positives\nq.jpg,a.png,test,uav,c.png;d.png\nq.jpg,b.png,test,uav,c.png\n,e.png,test,,\n"
    catalog = read_text(tmp_path, text)
    (row,) = catalog.queries.to_pylist()
    assert (row["query_id"], row["positives"]) == ("own/q.jpg", ["own/a.png", "own/b.png"])
    assert row["semi_positives"] == ["own/c.png", "own/d.png"]
    assert sorted(catalog.gallery_ids) == [f"own/{name}.png" for name in "abcde"]


def test_json_lines_and_csv_of_windows_read_the_same(tmp_path: Path) -> None:
    root = write_map_pairs(tmp_path)
    path = root / "manifest.csv"
    plain = read_manifest("own", root, path, {"view": "map"})
    rows = list(csv.DictReader(path.read_text().splitlines()))
    (root / "manifest.jsonl").write_text("\n".join(json.dumps({**row, "lat": float(row["lat"])}) for row in rows))
    again = read_manifest("own", root, root / "manifest.jsonl", {"view": "map"})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"/", b"\\").replace(b"\n", b"\r\n"))
    windows = read_manifest("own", root, path, {"view": "map"})
    assert plain.queries == again.queries == windows.queries
    assert plain.gallery == again.gallery == windows.gallery


def test_names_with_commas_are_quoted(tmp_path: Path) -> None:
    catalog = read_text(tmp_path, f'{HEAD}\n"40.1,9.2,.jpg",a.png,test,uav\n')
    assert catalog.query_ids == ["own/40.1,9.2,.jpg"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("query,gallery\nq.jpg,a.png\n", r"manifest.csv, line 2: missing column: 'split'"),
        (f"{HEAD},latitude\nq.jpg,a.png,test,uav,4\n", r"unknown column: 'latitude'; allowed: .*lat, lon"),
        (f"{HEAD}\n\nq.jpg,,test,uav\n", "line 3: empty cell: 'gallery'"),
        (f"{HEAD}\nq.jpg,a.png,,uav\n", "line 2: empty cell: 'split'"),
        (f"{HEAD}\nq.jpg,a.png,test,\n", "line 2: empty cell: 'view'"),
        (f"{HEAD}\nq.jpg,a.png,test,drone\n", "'own/q.jpg': unknown view: 'drone'"),
        (f"{HEAD}\nq.jpg,a.png,test\n", "line 2: 4 columns in the header, here: 3"),
        (f"{HEAD},lat\nq.jpg,a.png,test,uav,north\n", "line 2: lat is no number: 'north'"),
        (f"{HEAD},lat,lon\nq.jpg,a.png,test,uav,95,0\n", "latitude outside the globe"),
        (f"{HEAD}\nq.jpg,../a.png,test,uav\n", "path is not relative"),
        (f"{HEAD}\nq.jpg,a.png,test,uav\nq.jpg,b.png,train,uav\n", "line 3: the picture was described otherwise"),
        (f"{HEAD},place_id\nq.jpg,a.png,test,uav,1\np.jpg,a.png,test,uav,2\n", "line 3: the tile was described otherw"),
        (f'{HEAD}\nq.jpg,"a\n.png",test,uav\n', "a cell runs over several lines"),
        (f"{HEAD}\n", "no rows below the header"),
        ("", "no rows below the header"),
    ],
)
def test_a_broken_manifest_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_text(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "words"), [("{", "line 1: no JSON"), ("[1]", "line 1: no JSON object"), ("", "no tiles")]
)
def test_broken_json_lines_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_text(tmp_path, text, "manifest.jsonl")
