"""Locator: photos in, places out; a gallery, the model that made it, and that model's calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gleam_common.errors import ConfigError, ModelError
from gleam_common.views import View

from gleam_c.embed import PictureEncoder
from gleam_c.gallery.description import Description, model_sha256
from gleam_c.gallery.gallery import Gallery, Hits
from gleam_c.locate.answer import answer
from gleam_c.locate.calibration import CALIBRATION_JSON, Calibration
from gleam_c.locate.located import Located
from gleam_c.locate.photo_set import fused_embedding, fused_hits, one_view
from gleam_c.locate.photos import Photo, embed_photos, photo_paths
from gleam_c.locate.posterior import NEIGHBOURS
from gleam_c.locate.prior import facing_of_photo, near_photo
from gleam_c.model_folder import load_encoder
from gleam_c.search.area import Area
from gleam_c.search.facing import Facing

__all__ = ["Locator", "Question", "find_model"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """How photos are looked for.

    Attributes:
        view: of all photos; guessed for each when None.
        area: that is searched; everywhere when None.
        exif_radius_m: search only so far around the position in each photo's own tags; they are not used when None.
        exif_heading_deg: compare only with tiles turned to within so many degrees of the heading in each photo's own
            tags, where tiles are turned for its view; headings are not used when None.
        candidates: tiles in an answer.
        is_one_spot: all photos show one spot and get one answer.
        min_confidence: below which an answer is abstained from; has no effect without a calibration.
    """

    view: View | None = None
    area: Area | None = None
    exif_radius_m: float | None = None
    exif_heading_deg: float | None = None
    candidates: int = 5
    is_one_spot: bool = False
    min_confidence: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.candidates <= NEIGHBOURS:
            raise ConfigError("candidates in an answer", value=self.candidates, allowed=f"1 to {NEIGHBOURS}")
        if not 0 <= self.min_confidence <= 1:
            raise ConfigError("least confidence", value=self.min_confidence, allowed="0 to 1")
        if self.area is not None and self.exif_radius_m is not None:
            raise ConfigError("two priors", fix="give either --near or --exif-radius-m")


def find_model(description: Description) -> Path:
    """Return the folder of the model that made a gallery, where runs leave it: ``runs/<name>/model``.

    Raises:
        ModelError: it is not there, or another one is.
    """
    folder = Path("runs") / description.model["name"] / "model"
    if not (folder / "config.json").is_file() or model_sha256(folder) != description.model["sha256"]:
        raise ModelError(
            f"the model that made this gallery ({description.model['name']}) is not in {folder}",
            fix="give its folder with --model",
        )
    return folder


@dataclass(frozen=True, kw_only=True)
class Locator:
    """Where photos are looked for, and with what. ``calibration`` None: no confidence, no radius, no abstention."""

    gallery: Gallery
    encoder: PictureEncoder
    calibration: Calibration | None

    @classmethod
    def open(
        cls,
        gallery: Gallery,
        model: str | Path | None = None,
        calibration: str | Path | None = None,
        device: torch.device | str = "cpu",
    ) -> Locator:
        """Open a gallery's model and its calibration.

        Args:
            gallery: opened.
            model: the folder of the model that made it; looked for in ``runs`` when None (:func:`find_model`).
            calibration: file; when None, ``calibration.json`` beside the model's weights, if there is one.
            device: where photos are embedded.

        Raises:
            ModelError: not the gallery's model.
            ArtifactError: a broken calibration, or that of another model.
        """
        folder = find_model(gallery.description) if model is None else Path(model)
        gallery.folder.check_model(folder)
        beside = folder / CALIBRATION_JSON
        file = beside if calibration is None and beside.is_file() else calibration
        return cls(
            gallery=gallery,
            encoder=load_encoder(folder).to(device),
            calibration=None if file is None else Calibration.read(Path(file), gallery.description.model["sha256"]),
        )

    def locate(self, names: Sequence[str | Path], question: Question | None = None) -> list[Located]:
        """Return an answer for each photo in the order of ``names`` (a folder stands for its pictures), or one for all.

        Raises:
            DataError: not a picture; no tile in the area; no position in the tags where it was asked for.
            ConfigError: a view that the gallery was not built for.
        """
        question = question or Question()
        paths = photo_paths(names)
        if question.view is not None:
            self.gallery.matrices_for(question.view)
        photos = embed_photos(self.encoder, paths, question.view)
        self._check_views(photos)
        if question.is_one_spot:
            one_view(photos)
            return [self._answer(photos, self._hits_of_set(photos, question), question)]
        return [
            self._answer([photo], hits, question)
            for photo, hits in zip(photos, self._hits(photos, question), strict=True)
        ]

    def _check_views(self, photos: Sequence[Photo]) -> None:
        served = self.gallery.description.views
        for photo in photos:
            if str(photo.guess.view) not in served:
                raise ConfigError(
                    f"{photo.name} is taken for a {photo.guess.view} picture ({photo.guess.reason}), "
                    "and the gallery was not built for those",
                    allowed=list(served),
                    fix="say --view if it is another, or build a gallery with --views",
                )

    def _hits(self, photos: Sequence[Photo], question: Question) -> list[Hits]:
        """Return what is found for each photo; photos of one view and area are searched together."""
        groups: dict[tuple[View, Area | None, Facing | None], list[int]] = {}
        for number, photo in enumerate(photos):
            prior = (photo.guess.view, self._area([photo], question), self._facing(photo, question))
            groups.setdefault(prior, []).append(number)
        found: dict[int, Hits] = {}
        for (view, area, facing), numbers in groups.items():
            queries_QD = np.stack([photos[number].embedding for number in numbers])
            hits = self.gallery.search(queries_QD, NEIGHBOURS, view=view, area=area, facing=facing)
            found |= dict(zip(numbers, hits, strict=True))
        return [found[number] for number in range(len(photos))]

    def _hits_of_set(self, photos: Sequence[Photo], question: Question) -> Hits:
        view, area = photos[0].guess.view, self._area(photos, question)
        if len(self.gallery.matrices_for(view)) == 1:
            return self.gallery.search(fused_embedding(photos), NEIGHBOURS, view=view, area=area)[0]
        hits = [
            self.gallery.search(
                photo.embedding, NEIGHBOURS, view=view, area=area, facing=self._facing(photo, question)
            )[0]
            for photo in photos
        ]
        return fused_hits(hits)

    def _area(self, photos: Sequence[Photo], question: Question) -> Area | None:
        if question.exif_radius_m is None:
            return question.area
        names, facts = [photo.name for photo in photos], [photo.facts for photo in photos]
        return near_photo(names, facts, question.exif_radius_m)

    def _facing(self, photo: Photo, question: Question) -> Facing | None:
        is_turned = len(self.gallery.matrices_for(photo.guess.view)) > 1
        if question.exif_heading_deg is None or not is_turned:
            return None
        return facing_of_photo(photo.name, photo.facts, question.exif_heading_deg)

    def _answer(self, photos: Sequence[Photo], hits: Hits, question: Question) -> Located:
        fit = None if self.calibration is None else self.calibration.views.get(photos[0].guess.view)
        return answer(photos, hits, self.gallery, fit, question.candidates, question.min_confidence)
