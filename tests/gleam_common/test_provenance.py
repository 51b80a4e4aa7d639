"""What made a result: commit, versions and machine, and nothing that tells whose machine it was."""

from __future__ import annotations

import json
import subprocess

from gleam_common.provenance import commit, hardware, versions


def test_the_commit_says_when_files_differ(tmp_path):
    assert commit(tmp_path) is None

    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run(["git", *identity, "-C", str(tmp_path), *words], check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    git("tag", "v1")
    clean = commit(tmp_path)
    assert clean is not None
    assert len(clean) == 12
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == f"{clean}-dirty"


def test_machine_and_versions_are_plain_json():
    found = hardware()
    assert set(json.loads(json.dumps(found))) == {"cpu", "cores", "memory_gib", "gpus", "system"}
    assert found["cores"] >= 1
    assert {"python", "torch", "gleam-common"} <= set(versions())
