"""What ``gallery.json`` says of a gallery: its model, its matrices, its segments; read and written as a whole.

The file holds a hash of itself, so that one changed byte is found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from gleam_common.artifacts import sha256_file, write_atomic
from gleam_common.errors import ArtifactError, ModelError

__all__ = [
    "AGAIN",
    "GALLERY_JSON",
    "SCHEMA",
    "Description",
    "Listed",
    "model_sha256",
    "read_description",
    "write_description",
]

GALLERY_JSON = "gallery.json"
SCHEMA = 2
"""Of the files: 1 had no rough copies."""
AGAIN = "build the gallery again, or restore it from a copy"


def model_sha256(model: str | Path) -> str:
    """Return a hash of a model folder's weights and configuration: what must be the same for queries and gallery.

    Raises:
        ModelError: a file is missing.
    """
    digest = sha256()
    for name in ("config.json", "model.safetensors"):
        path = Path(model) / name
        if not path.is_file():
            raise ModelError(f"no {name} in the model folder", value=str(model), fix="give the run's `model` folder")
        digest.update(sha256_file(path).encode())
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A segment as ``gallery.json`` lists it."""

    name: str
    tiles: int
    manifest_sha256: str


@dataclass(frozen=True, kw_only=True)
class Description:
    """What ``gallery.json`` says.

    Attributes:
        schema: of the folder, :data:`SCHEMA`.
        model: ``name`` (no path) and ``sha256`` (:func:`model_sha256`).
        dimension: of an embedding.
        dtype: of the matrices, float16.
        size: height and width in pixels that tiles were embedded at.
        mean: of RGB in [0, 1].
        std: of RGB in [0, 1].
        views: names of the matrices that serve queries of each view; the best one counts.
        matrices: ``window`` and ``up_deg`` (None: north-up) of each matrix.
        engine: what searches it: a URL of :data:`gleam_c.search.engine.ENGINES`; ``exact`` is this folder alone.
        manifest_sha256: of the gallery's own manifest.
        segments: in the order that they were added.
    """

    schema: int
    model: dict[str, str]
    dimension: int
    dtype: str
    size: list[int]
    mean: list[float]
    std: list[float]
    views: dict[str, list[str]]
    matrices: dict[str, dict[str, Any]]
    engine: str
    manifest_sha256: str
    segments: list[Listed]

    @property
    def tiles(self) -> int:
        """Tiles of all segments."""
        return sum(segment.tiles for segment in self.segments)

    @property
    def engine_name(self) -> str:
        """What this gallery is called among others in an engine."""
        return f"gleam-{self.manifest_sha256[:12]}"


def write_description(folder: Path, description: Description) -> None:
    """Write ``gallery.json`` with a hash of itself."""
    with write_atomic(folder / GALLERY_JSON) as file:
        file.write(_rendered(asdict(description)))


def _rendered(content: Mapping[str, Any]) -> bytes:
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return (json.dumps({**content, "sha256": digest}, indent=2) + "\n").encode()


def read_description(folder: Path) -> Description:
    """Read ``gallery.json``.

    Raises:
        ArtifactError: changed, broken, or of another version's format.
    """
    path = folder / GALLERY_JSON
    found = path.read_bytes()
    try:
        content = json.loads(found)
        content.pop("sha256")
        if _rendered(content) != found:
            raise ArtifactError(f"{path}: its bytes are not those recorded", fix=AGAIN)
        if content["schema"] != SCHEMA:
            raise ArtifactError(
                f"{path.parent} was written by another version of gleam-c",
                value=f"format {content['schema']}",
                allowed=f"format {SCHEMA}",
                fix="build it again with --overwrite",
            )
        return Description(**{**content, "segments": [Listed(**listed) for listed in content["segments"]]})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path}: not the list of a gallery ({error})", fix=AGAIN) from error
