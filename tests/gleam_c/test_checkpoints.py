"""A checkpoint counts when its bytes fit its seal; a broken newest one leaves the one before in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from gleam_c.checkpoints import newest_sound, seal


def written(folder: Path, step: int, *, is_folder: bool = False) -> Path:
    """A checkpoint of some bytes, as one file or as DeepSpeed writes one, with its seal."""
    path = folder / f"step{step:08d}.ckpt"
    part = path / "checkpoint" / "rank_0.pt" if is_folder else path
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(bytes([step]) * 1000)
    seal(path, 1.5 * step)
    return part


@pytest.mark.parametrize("is_folder", [False, True])
def test_the_newest_sound_one_is_found(is_folder: bool, tmp_path: Path) -> None:
    assert newest_sound(tmp_path) is None
    for step in (9, 100):
        written(tmp_path, step, is_folder=is_folder)
    found = newest_sound(tmp_path)
    assert found is not None
    assert (found.path.name, found.spent_s) == ("step00000100.ckpt", 150.0)


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("damage", ["a byte", "cut off", "gone", "seal", "seal without a time"])
def test_a_broken_one_leaves_the_one_before_in_force(damage: str, is_folder: bool, tmp_path: Path) -> None:
    written(tmp_path, 9, is_folder=is_folder)
    part = written(tmp_path, 100, is_folder=is_folder)
    content = bytearray(part.read_bytes())
    if damage == "a byte":
        content[500] ^= 1
        part.write_bytes(content)
    elif damage == "cut off":
        part.write_bytes(content[:-1])
    elif damage == "gone":
        part.unlink()
    elif damage == "seal":
        (tmp_path / "step00000100.ckpt.seal.json").write_text("{")
    else:
        told = (tmp_path / "step00000100.ckpt.seal.json").read_text()
        (tmp_path / "step00000100.ckpt.seal.json").write_text(told.replace("150.0", '"soon"'))
    with pytest.warns(UserWarning, match=r"step00000100.*is broken; going on from the checkpoint before"):
        found = newest_sound(tmp_path)
    assert found is not None
    assert found.path.name == "step00000009.ckpt"


def test_one_without_a_seal_does_not_count(tmp_path: Path) -> None:
    written(tmp_path, 9)
    (tmp_path / "step00000100.ckpt").write_bytes(b"half")
    found = newest_sound(tmp_path)
    assert found is not None
    assert found.path.name == "step00000009.ckpt"
