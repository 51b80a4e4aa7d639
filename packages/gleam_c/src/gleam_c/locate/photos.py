"""Photos as queries: which files are meant, what their tags say, which view they are, their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.errors import ConfigError, DataError
from gleam_common.images import check_picture, load_array
from gleam_common.layout import lay_out
from gleam_common.photo_facts import PhotoFacts, read_facts
from gleam_common.progress import progress
from gleam_common.transforms import normalise, resize_picture
from gleam_common.views import QUERY_VIEWS, View, parse_view

from gleam_c.embed import PictureEncoder, embed_batch
from gleam_c.locate.view_guess import Guess, guess_view

__all__ = ["Photo", "embed_photos", "photo_paths", "view_given"]

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Photo:
    """One photo: its name as it was given, what its tags say, its view, and its embedding (D,) of length 1."""

    name: str
    facts: PhotoFacts
    guess: Guess
    embedding: npt.NDArray[np.float32]


def photo_paths(names: Sequence[str | Path]) -> list[Path]:
    """Return the photos that are meant, a folder standing for its pictures by name; their headers are checked.

    Raises:
        DataError: no such file; not a picture, or one of too many pixels; a folder without a picture.
    """
    paths: list[Path] = []
    for name in map(Path, names):
        if name.is_dir():
            found = sorted(path for path in name.iterdir() if path.suffix.lower() in _SUFFIXES)
            if not found:
                raise DataError("a folder without a picture", value=str(name), allowed=_SUFFIXES)
            paths += found
        else:
            paths.append(name)
    if not paths:
        raise ConfigError("no photo to locate", fix="give files or folders: gleam-c locate PHOTO ... --gallery G")
    for path in paths:
        check_picture(path)
    return paths


def view_given(view: str) -> View | None:
    """Return the view called ``view``, None for ``auto``.

    Raises:
        ConfigError: something else, or satellite.
    """
    known = [str(one) for one in QUERY_VIEWS]
    if view != "auto" and view not in known:
        raise ConfigError("view of the photos", value=view, allowed=["auto", *known])
    return None if view == "auto" else parse_view(view)


def embed_photos(encoder: PictureEncoder, paths: Sequence[Path], view: View | None = None) -> list[Photo]:
    """Return the photos with their embeddings, in order.

    Args:
        encoder: in evaluation mode, where it shall run.
        paths: from :func:`photo_paths`.
        view: of all of them; guessed for each when None.

    Raises:
        DataError: a picture is broken.
        ModelError: the encoder gives NaN.
    """
    photos: list[Photo] = []
    with progress(desc="photos", unit="photo", total=len(paths), delay=1, leave=False) as bar:
        for start in range(0, len(paths), _BATCH):
            own = paths[start : start + _BATCH]
            part = [_read(encoder, path, view) for path in own]
            names = [str(path) for path in own]
            embeddings = _embedded(encoder, [picture for _, _, picture in part], names)
            for name, (facts, guess, _), embedding in zip(names, part, embeddings, strict=True):
                photos.append(Photo(name=name, facts=facts, guess=guess, embedding=embedding))
            bar.update(len(own))
    return photos


def _read(encoder: PictureEncoder, path: Path, view: View | None) -> tuple[PhotoFacts, Guess, npt.NDArray[np.uint8]]:
    """Return what a photo's tags say, its view, and its picture as the encoder wants to see it."""
    facts, picture = read_facts(path), load_array(path)
    guess = guess_view(picture, facts) if view is None else Guess(view=view, reason="as given")
    size = encoder.sizes[guess.view]
    is_laid_out = guess.view in encoder.laid_out
    shown = lay_out(picture, guess.view, size) if is_laid_out else resize_picture(picture, size)
    return facts, guess, shown


def _embedded(
    encoder: PictureEncoder, pictures: Sequence[npt.NDArray[np.uint8]], names: Sequence[str]
) -> list[npt.NDArray[np.float32]]:
    """Return an embedding for each picture; pictures of one size go through the encoder together."""
    rows_of: dict[tuple[int, ...], list[int]] = {}
    for row, picture in enumerate(pictures):
        rows_of.setdefault(picture.shape, []).append(row)
    found: dict[int, npt.NDArray[np.float32]] = {}
    for rows in rows_of.values():
        tensor = normalise(np.stack([pictures[row] for row in rows]), encoder.mean, encoder.std)
        batch = {"pictures": tensor, "ids": [names[row] for row in rows], "rows": torch.tensor(rows)}
        with torch.inference_mode():
            found |= dict(zip(rows, embed_batch(encoder, batch), strict=True))  # type: ignore[arg-type]
    return [found[row] for row in range(len(pictures))]
