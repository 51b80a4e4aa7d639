"""Failures worth looking at, by kind, with their pictures: for the report's gallery."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from gleam_common.report.pictures import jpeg_uri
from PIL import Image

from gleam_x.claims_in_text import Said
from gleam_x.evaluation.claim_scores import count_claims, is_right
from gleam_x.evaluation.predictions import Prediction

__all__ = ["KINDS_OF_FAILURE", "Chip", "Failure", "Gallery", "find_failures", "make_gallery"]

KINDS_OF_FAILURE = {
    "false_yes": "False yes",
    "false_no": "False no",
    "wrong_claim": "Wrong claim",
    "contradiction": "Contradiction",
}
_SIDE_PX = 300

Pictures = Callable[[Prediction], tuple[Image.Image, Image.Image]]


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One claim of a text in few words. ``verdict``: right, near (beside its place) or wrong."""

    words: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A record that went wrong; pictures are data URIs."""

    row: Prediction
    query_uri: str
    tile_uri: str
    chips: list[Chip]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Failures of one kind: how many there are, and some of them."""

    title: str
    count: int
    shown: list[Failure]


def find_failures(rows: Sequence[Prediction]) -> dict[str, list[Prediction]]:
    """Return the rows of each kind of failure, the worst first; a row may stand in several.

    False verdicts come in the order of their certainty, wrong claims in that of invented, then wrong claims.
    """
    found: dict[str, list[Prediction]] = {kind: [] for kind in KINDS_OF_FAILURE}
    worst: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.says_yes != row.same_place:
            found["false_yes" if row.says_yes else "false_no"].append(row)
        counts = count_claims(row.statements, row)
        if counts.right < counts.said:
            found["wrong_claim"].append(row)
            worst[row.record_id] = (-counts.invented, counts.right - counts.said)
        if row.statements.contradicts(row.says_yes):
            found["contradiction"].append(row)
    found["false_yes"].sort(key=lambda row: -row.probability)
    found["false_no"].sort(key=lambda row: row.probability)
    found["wrong_claim"].sort(key=lambda row: worst[row.record_id])
    found["contradiction"].sort(key=lambda row: -abs(row.probability - 0.5))
    return found


def make_gallery(rows: Sequence[Prediction], pictures: Pictures, most: int = 6, seed: int = 0) -> Mapping[str, Gallery]:
    """Return up to ``most`` failures of each kind: one half the worst, the other drawn from the rest."""
    random = np.random.default_rng([seed, 0xFA1])
    galleries = {}
    for kind, failed in find_failures(rows).items():
        first = failed[: (most + 1) // 2]
        rest = failed[len(first) :]
        drawn = sorted(random.permutation(len(rest))[: most - len(first)].tolist())
        shown = [_failure(row, pictures) for row in [*first, *(rest[index] for index in drawn)]]
        galleries[kind] = Gallery(title=KINDS_OF_FAILURE[kind], count=len(failed), shown=shown)
    return galleries


def _failure(row: Prediction, pictures: Pictures) -> Failure:
    query_uri, tile_uri = (_uri(picture) for picture in pictures(row))
    chips = [Chip(words=_words(said), verdict=_verdict(said, row)) for said in row.statements.said]
    return Failure(row=row, query_uri=query_uri, tile_uri=tile_uri, chips=chips)


def _uri(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((2 * _SIDE_PX, _SIDE_PX))
    return jpeg_uri(small)


def _verdict(said: Said, row: Prediction) -> str:
    shows = row.shows(said.picture)
    if is_right(said, shows, strict=True):
        return "right"
    return "near" if is_right(said, shows) else "wrong"


def _words(said: Said) -> str:
    thing = " ".join(filter(None, (said.colour, said.what.replace("_", " "))))
    picture = "query" if said.picture == "query" else "tile"
    return f"{picture}: {thing}{', ' + said.where if said.where else ''}" if said.is_there else f"{picture}: no {thing}"
