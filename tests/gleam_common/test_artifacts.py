from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from gleam_common.artifacts import (
    MANIFEST_NAME,
    config_hash,
    is_new,
    open_stage,
    read_json,
    read_manifest,
    sha256_file,
    write_atomic,
    write_json,
)
from gleam_common.errors import ArtifactError


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.bin"
    for content in (b"old", b"new and longer"):
        with write_atomic(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["a.bin"]


def test_an_exception_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), write_atomic(path) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    code = f"""
import os, signal
from gleam_common.artifacts import write_atomic
with write_atomic({str(path)!r}) as file:
    file.write(b"x" * 100000); file.flush(); os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


def test_json_goes_there_and_back(tmp_path: Path) -> None:
    data = {"b": [1, 2.5, None], "a": "街"}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json") == data
    assert "街" in (tmp_path / "a.json").read_text("utf-8")


def test_json_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for bad in (float("nan"), {1, 2}):
        with pytest.raises(ArtifactError, match=r"a\.json: not writable as JSON"):
            write_json(tmp_path / "a.json", {"x": bad})
    with pytest.raises(ArtifactError, match="no such file"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"b\.json: not JSON"):
        read_json(tmp_path / "b.json")


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * 300_000)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(b"a" * 300_000).hexdigest()


def test_the_hash_of_a_configuration_forgets_order_and_types_that_json_has_not() -> None:
    assert config_hash({"a": 1, "b": (1, 2)}) == config_hash({"b": [1, 2], "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})


def test_a_stage_is_new_then_half_done_then_complete(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert not open_stage(folder, "toy", {"n": 1}).is_complete
    (folder / "a.txt").write_text("a")
    again = open_stage(folder, "toy", {"n": 1})
    assert not again.is_complete
    assert (folder / "a.txt").exists()
    again.finish(["a.txt"])
    done = open_stage(folder, "toy", {"n": 1})
    assert done.is_complete
    assert done.manifest.files["a.txt"].bytes == 1
    assert done.manifest == read_manifest(folder)
    done.verify()


def test_another_configuration_is_refused_by_its_keys(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    open_stage(folder, "toy", {"n": 1, "seed": 3, "gone": 0})
    (folder / "a.txt").write_text("a")
    with pytest.raises(
        ArtifactError, match=r"gone \(0 there, 'unset' now\), n \(1 there, 2 now\); .*--overwrite"
    ) as info:
        open_stage(folder, "toy", {"n": 2, "seed": 3})
    assert "seed" not in str(info.value)
    assert (folder / "a.txt").exists()
    assert not open_stage(folder, "toy", {"n": 2, "seed": 3}, overwrite=True).is_complete
    assert not (folder / "a.txt").exists()


def test_overwrite_never_empties_a_strangers_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ArtifactError, match=r"not empty and has no manifest\.json"):
        open_stage(tmp_path, "toy", {}, overwrite=True)
    open_stage(tmp_path / "b", "catalog", {})
    with pytest.raises(ArtifactError, match="another kind of artifact: 'catalog'; allowed: toy"):
        open_stage(tmp_path / "b", "toy", {}, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_stage_that_was_killed_at_its_very_first_file_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert is_new(folder)
    folder.mkdir()
    left = folder / f".{MANIFEST_NAME}.6ff533061592.partial"
    left.write_bytes(b"{")
    assert is_new(folder)
    stage = open_stage(folder, "toy", {})
    (folder / "a.txt").write_text("a")
    assert not is_new(folder)
    (folder / "sub").mkdir()
    (folder / "sub" / ".b.txt.0123.partial").write_bytes(b"cut off")
    stage.finish(["a.txt"])
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["a.txt", MANIFEST_NAME]
    assert not is_new(folder / "a.txt")


@pytest.mark.parametrize(("change", "words"), [("remove", "missing"), ("edit", "its bytes are not those recorded")])
def test_verify_finds_a_changed_file(tmp_path: Path, change: str, words: str) -> None:
    stage = open_stage(tmp_path / "out", "toy", {})
    path = stage.folder / "a.txt"
    path.write_text("a")
    stage.finish(["a.txt"])
    path.unlink() if change == "remove" else path.write_text("b")
    with pytest.raises(ArtifactError, match=rf"a\.txt: {words}"):
        open_stage(tmp_path / "out", "toy", {}).verify()


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "manifest.json", {"kind": "toy"})
    with pytest.raises(ArtifactError, match="not a manifest"):
        open_stage(tmp_path, "toy", {})
