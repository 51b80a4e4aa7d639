from __future__ import annotations

from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.sources.listing import folder_of, numbered_lines, pictures, posix, read_json, sub_folders


@pytest.mark.parametrize("text", [b"a b\nc\n", b"a b\r\nc", b"\xef\xbb\xbfa b\n\n  c \r\n\r\n"])
def test_lines_are_the_same_whatever_wrote_them(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(text)
    assert [line for _, line in numbered_lines(tmp_path / "list.txt")] == ["a b", "c"]


def test_lines_are_numbered_as_an_editor_numbers_them(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"a\r\n\r\nb")
    assert [where for where, _ in numbered_lines(tmp_path / "list.txt")] == [
        f"{tmp_path}/list.txt, line 1",
        f"{tmp_path}/list.txt, line 3",
    ]


def test_paths_of_windows_become_ours() -> None:
    assert posix(" .\\a\\b c.jpg\r") == "a/b c.jpg"


def test_pictures_are_sorted_links_followed_once_and_hidden_files_left_out(tmp_path: Path) -> None:
    for name in ("root/b/2.JPG", "root/b/10.png", "root/b/._2.JPG", "root/a/x.txt", "root/.git/1.png", "far/1.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    root = tmp_path / "root"
    (root / "a/far").symlink_to(tmp_path / "far")
    (root / "b/loop").symlink_to(root)
    assert pictures(root) == ["a/far/1.tif", "b/10.png", "b/2.JPG"]
    assert pictures(root, "b") == ["b/10.png", "b/2.JPG", "b/loop/a/far/1.tif"]
    assert pictures(root, "none") == []
    assert sub_folders(root / "a") == ["far"]


def test_broken_lists_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "list"
    with pytest.raises(DataError, match=r"no such list of the set.*list"):
        numbered_lines(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no text in UTF-8"):
        numbered_lines(path)
    path.write_text("[1,")
    with pytest.raises(DataError, match="list: no JSON"):
        read_json(path)
    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match="list: no JSON"):
        read_json(path)
    with pytest.raises(DataError, match=r"no such folder.*found beside it: list"):
        folder_of(tmp_path, "train", "pictures to train on")
