"""Files that are whole or absent, and folders that know what made them.

A stage opens its folder with :func:`open_stage`, writes files with :func:`write_atomic`, and ends with
:meth:`Stage.finish`. The manifest says which configuration made the folder; another configuration is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

from gleam_common.errors import ArtifactError

__all__ = [
    "MANIFEST_NAME",
    "FileRecord",
    "Manifest",
    "Stage",
    "config_hash",
    "is_new",
    "open_stage",
    "read_json",
    "read_manifest",
    "sha256_file",
    "write_atomic",
    "write_json",
]

MANIFEST_NAME = "manifest.json"
_PARTIAL = ".*.partial"


@contextmanager
def write_atomic(path: str | Path) -> Iterator[BinaryIO]:
    """Open ``path`` for binary writing so that a reader sees the old file or the whole new one, whatever happens.

    The bytes go to a hidden neighbour, which replaces ``path`` when the block ends without an exception; otherwise it
    is removed and ``path`` stays as it was. Missing parent folders are made.

    Raises:
        ArtifactError: ``path`` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder, a file is to be written", fix="add a file's name")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut (POSIX only: other systems cannot open a folder)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | Path, data: object) -> None:
    """Write ``data`` as indented UTF-8 JSON, atomically, keys in the order given.

    Raises:
        ArtifactError: ``data`` holds NaN, infinity or something that JSON has no form for.
    """
    try:
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{path}: not writable as JSON ({error})") from error
    with write_atomic(path) as file:
        file.write(text.encode() + b"\n")


def read_json(path: str | Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        ArtifactError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file", fix="run the stage that writes it") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArtifactError(f"{path}: not JSON ({error})", fix="remove it and run its stage again") from error


def config_hash(config: Mapping[str, Any]) -> str:
    """Return a SHA-256 of a configuration that does not depend on the order of its keys."""
    return hashlib.sha256(json.dumps(_plain(config), sort_keys=True).encode()).hexdigest()


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` as JSON would give it back (tuples become lists, paths and enums become text)."""
    try:
        plain = json.loads(json.dumps(dict(config), default=str, allow_nan=False))
    except ValueError as error:
        raise ArtifactError(f"the configuration has no JSON form ({error})") from error
    return dict(plain)


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file of an artifact: SHA-256 in hexadecimal, size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a folder is and what made it.

    ``files`` maps paths relative to the folder; it is empty, and ``complete`` false, until the stage has ended.
    """

    kind: str
    version: str
    config: dict[str, Any]
    config_hash: str
    complete: bool = False
    files: dict[str, FileRecord] = field(default_factory=dict)


def read_manifest(folder: str | Path) -> Manifest:
    """Return the manifest of ``folder``.

    Raises:
        ArtifactError: there is none, or it does not have a manifest's shape.
    """
    path = Path(folder) / MANIFEST_NAME
    data = read_json(path)
    try:
        files = {name: FileRecord(**record) for name, record in data.pop("files").items()}
        return Manifest(**data, files=files)
    except (TypeError, AttributeError, KeyError) as error:
        raise ArtifactError(
            f"{path}: not a manifest ({error})", fix="remove the folder and run its stage again"
        ) from None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """An opened artifact folder. ``is_complete``: an earlier run with the same configuration finished it."""

    folder: Path
    manifest: Manifest

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to do."""
        return self.manifest.complete

    def finish(self, files: Iterable[str | Path]) -> Manifest:
        """Record ``files`` (relative to the folder) with their hashes and mark the artifact complete.

        What processes left that were killed while they wrote is removed.
        """
        for left in self.folder.rglob(_PARTIAL):
            left.unlink()
        records = {}
        for name in sorted(Path(file).as_posix() for file in files):
            path = self.folder / name
            records[name] = FileRecord(sha256=sha256_file(path), bytes=path.stat().st_size)
        manifest = Manifest(**{**vars(self.manifest), "complete": True, "files": records})
        write_json(self.folder / MANIFEST_NAME, asdict(manifest))
        return manifest

    def verify(self) -> None:
        """Compare every recorded file with its hash.

        Raises:
            ArtifactError: for the first file that is missing or has other bytes.
        """
        for name, record in self.manifest.files.items():
            path = self.folder / name
            if not path.is_file():
                raise ArtifactError(
                    f"{path}: missing, though the manifest lists it", fix="build it again with --overwrite"
                )
            if path.stat().st_size != record.bytes or sha256_file(path) != record.sha256:
                raise ArtifactError(f"{path}: its bytes are not those recorded", fix="build it again with --overwrite")


def open_stage(folder: str | Path, kind: str, config: Mapping[str, Any], overwrite: bool = False) -> Stage:
    """Open ``folder`` for the artifact ``kind`` made from ``config``: new, half done, or complete.

    A new or empty folder gets a manifest at once, so that a killed run can be told from a stranger's folder. With
    ``overwrite`` a folder that this kind of stage made from another configuration is emptied first.

    Raises:
        ArtifactError: the folder holds something else, or was made from another configuration (names the keys).
    """
    folder, plain = Path(folder), _plain(config)
    fresh = Manifest(kind=kind, version=_own_version(), config=plain, config_hash=config_hash(plain))
    if (folder / MANIFEST_NAME).exists():
        old = read_manifest(folder)
        if old.kind != kind:
            raise ArtifactError(
                f"{folder} holds another kind of artifact", value=old.kind, allowed=kind, fix="choose another folder"
            )
        if old.config_hash == fresh.config_hash:
            return Stage(folder=folder, manifest=old)
        if not overwrite:
            raise _other_config(folder, old.config, plain)
        shutil.rmtree(folder)
    elif not is_new(folder):
        raise ArtifactError(f"{folder} is not empty and has no {MANIFEST_NAME}", fix="choose a new or empty folder")
    write_json(folder / MANIFEST_NAME, asdict(fresh))
    return Stage(folder=folder, manifest=fresh)


def is_new(folder: str | Path) -> bool:
    """Return whether nothing is there: no folder, an empty one, or one whose stage was killed at its first file."""
    folder = Path(folder)
    if not folder.is_dir():
        return not folder.exists()
    return all(path.match(f".{MANIFEST_NAME}{_PARTIAL[1:]}") for path in folder.iterdir())


def _other_config(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> ArtifactError:
    differing = sorted(key for key in {*old, *new} if old.get(key) != new.get(key) or (key in old) != (key in new))
    changes = ", ".join(f"{key} ({old.get(key, 'unset')!r} there, {new.get(key, 'unset')!r} now)" for key in differing)
    return ArtifactError(
        f"{folder} was made from another configuration: {changes}", fix="choose another folder, or pass --overwrite"
    )


def _own_version() -> str:
    try:
        return version("gleam-common")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"
