"""``gleam-c score``: the numbers of a brute-force reading, and a sentence for each broken file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from gleam_c.cli import COMMANDS
from gleam_common.commands import dispatch
from toy_sets import draw_embeddings, university_toy

Matrix = npt.NDArray[np.float32]


def run(*words: object) -> int:
    return dispatch("gleam-c", "about", COMMANDS, [str(word) for word in words])


def write(folder: Path, name: str, ids: list[str], matrix: Matrix) -> None:
    np.save(folder / f"{name}.npy", matrix)
    (folder / f"{name}.ids.json").write_text(json.dumps(ids), "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalog and embeddings of all its rows, in another order than the catalog's."""
    catalog = university_toy()
    catalog.write(tmp_path / "catalog")
    vectors = draw_embeddings(catalog)
    for name, ids in (("queries", catalog.query_ids), ("gallery", catalog.gallery_ids)):
        own = sorted(ids, reverse=True)
        write(tmp_path, name, own, np.stack([vectors[one] for one in own]))
    return tmp_path


def words(folder: Path, protocol: str = "university-official") -> list[object]:
    files = ["--queries", folder / "queries.npy", "--gallery", folder / "gallery.npy"]
    return ["score", *files, "--catalog", folder / "catalog", "--protocol", protocol, "--device", "cpu"]


def test_it_writes_the_results_of_both_directions(folder: Path, capsys) -> None:
    out = folder / "results.json"
    assert run(*words(folder), "--out", out) == 0
    results = json.loads(out.read_text())
    assert {view: metrics["gallery_size"] for view, metrics in results["views"].items()} == {
        "uav": 8, "ground": 8, "satellite": 32, "satellite2ground": 5
    }  # fmt: skip
    vectors = draw_embeddings(university_toy())
    tiles = [f"toy/{number:04d}/satellite" for number in range(8)]
    hits = []
    for number in range(5):
        for shot in range(4):
            query = vectors[f"toy/{number:04d}/uav/{shot:02d}"]
            hits.append(max(tiles, key=lambda one: float(vectors[one] @ query)) == tiles[number])
    assert results["views"]["uav"]["recall@1"]["value"] == pytest.approx(np.mean(hits))
    assert (results["schema"], results["split"], results["protocol"]) == (1, "test", "university-official")
    shown = capsys.readouterr().out
    assert "satellite2ground" in shown
    assert "mean" in shown


def test_float16_and_one_direction_are_enough(folder: Path, capsys) -> None:
    """Who has embedded no distractor can still be scored where none is searched."""
    for name in ("queries", "gallery"):
        np.save(folder / f"{name}.npy", np.load(folder / f"{name}.npy").astype(np.float16))
    ids = json.loads((folder / "queries.ids.json").read_text())
    keep = [row for row, one in enumerate(ids) if int(one.split("/")[1]) < 5]
    write(folder, "queries", [ids[row] for row in keep], np.load(folder / "queries.npy")[keep])
    assert run(*words(folder)) == 2
    assert "12 of 32 pictures have no embedding; first: 'toy/0005/uav/00'" in capsys.readouterr().err
    assert run(*words(folder), "--direction", "uav2satellite") == 0
    assert "uav" in capsys.readouterr().out


def change(name: str, make: Callable[[list[str], Matrix], tuple[object, object]]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        ids, matrix = json.loads((folder / f"{name}.ids.json").read_text()), np.load(folder / f"{name}.npy")
        new_ids, new_matrix = make(ids, matrix)
        np.save(folder / f"{name}.npy", new_matrix, allow_pickle=True)
        (folder / f"{name}.ids.json").write_text(json.dumps(new_ids), "utf-8")

    return apply


def nan_in(matrix: Matrix) -> Matrix:
    matrix[2, 1] = np.nan
    return matrix


BROKEN = [
    (change("queries", lambda ids, m: (ids[:-1], m[:-1])), "1 of 5 pictures have no embedding; first"),
    (change("queries", lambda ids, m: ([ids[0], *ids[:-1]], m)), "an id stands twice: 'toy/9999/uav/03'"),
    (change("queries", lambda ids, m: (["stranger", *ids[1:]], m)), "1 of 41 ids are not in queries.parquet; first: 'stranger'"),
    (change("gallery", lambda ids, m: (ids[:-1], m)), "rows and ids differ in number: (9, 8); allowed: one id a row"),
    (change("gallery", lambda ids, m: (ids, m[:, :5] / np.linalg.norm(m[:, :5], axis=1, keepdims=True))), "differ in size: (6, 5)"),
    (change("gallery", lambda ids, m: (ids, nan_in(m))), "NaN or infinity in the embedding of: 'toy/0006/satellite'"),
    (change("gallery", lambda ids, m: (ids, 2 * m)), "length of the embedding of 'toy/9999/satellite': 2.0; allowed: 1, for cosine"),
    (change("gallery", lambda ids, m: (ids, m.astype(object))), "pickles are never read"),
    (change("gallery", lambda ids, m: (ids, (m * 100).astype(np.int8))), "not a matrix of embeddings: ((9, 6), 'int8')"),
    (change("gallery", lambda ids, m: (ids, m[0])), "not a matrix of embeddings: ((6,), 'float32')"),
    (change("gallery", lambda ids, m: ({"ids": ids}, m)), "not a list of ids: 'dict'"),
    (change("gallery", lambda ids, m: ([0, *ids[1:]], m)), "not a list of ids"),
    (lambda folder: (folder / "gallery.ids.json").write_text("[", "utf-8"), "gallery.ids.json: not JSON"),
    (lambda folder: (folder / "gallery.ids.json").unlink(), "no ids beside the embeddings"),
    (lambda folder: (folder / "gallery.npy").unlink(), "no such file of embeddings"),
    (lambda folder: (folder / "gallery.npy").write_bytes(b"\x80\x04K\x01."), "not a plain .npy file"),
    (lambda folder: (folder / "gallery.npy").write_bytes((folder / "gallery.npy").read_bytes()[:-9]), "not a plain .npy file"),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "said"), BROKEN)
def test_a_broken_file_is_told_in_one_line(broken: Callable[[Path], None], said: str, folder: Path, capsys) -> None:
    broken(folder)
    assert run(*words(folder)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("error: ")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--protocol", "luck"], "unknown protocol: 'luck'"),
        (["--protocol", "vigor-same"], "lacks the column that vigor-same asks for"),
        (["--direction", "up"], "no such direction on this catalog: 'up'"),
        (["--split", "monday"], "no query has this split: 'monday'"),
        (["--seed", "-1"], "seed of the bootstrap"),
        (["--out", "."], "--out is a folder"),
    ],
)
def test_bad_words(more: list[str], said: str, folder: Path, capsys) -> None:
    assert run(*words(folder), *more) == 2
    assert said in capsys.readouterr().err
