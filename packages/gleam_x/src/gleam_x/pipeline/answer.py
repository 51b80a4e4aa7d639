"""What the pipeline says of one photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gleam_x.benchmark.schema import Claim
from gleam_x.pipeline.found import Tile
from gleam_x.pipeline.judge import Verdict
from gleam_x.pipeline.regions import region_of

__all__ = ["STEPS", "Answer", "Candidate"]

STEPS = ("find", "verify", "explain")
"""Of the pipeline, in order; each has its time in an answer."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A tile that may show the photo's place.

    Attributes:
        tile: as it was found.
        rank_c: its place in GLEAM-C's order, from 1.
        verdict: of GLEAM-X alone.
        probability: that it is the right tile, of both models; None beyond those that are weighed against each other.
    """

    tile: Tile
    rank_c: int
    verdict: Verdict
    probability: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without the picture."""
        tile, score = self.tile, self.verdict.score
        place = {"lat": tile.lat, "lon": tile.lon}
        if tile.x_m is not None:
            place |= {"x_m": tile.x_m, "y_m": tile.y_m}
        return {
            "gallery_id": tile.gallery_id,
            **place,
            "width_m": tile.width_m,
            "heading_deg": tile.heading_deg,
            "rank_c": self.rank_c,
            "similarity": round(tile.similarity, 6),
            "probability": None if self.probability is None else round(self.probability, 4),
            "verdict_probability": round(self.verdict.probability, 4),
            "verdict_score": round(score.score, 4),
            "score_query_first": round(score.query_first, 4),
            "score_satellite_first": round(score.satellite_first, 4),
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer for one photo.

    Attributes:
        photo: its file.
        view: that it was taken for.
        view_reason: why.
        language: of the explanation, "en" or "zh".
        candidates: best first.
        probability: that the first one is right.
        is_fused: whether the probability is of both models, fitted on validation; else it is the verdict's alone.
        verdict: "yes" or "no": whether the probability reaches one half.
        abstained: why the answer should not be used; "" where it may.
        explanation: of the verdict on the first candidate; empty where the model was taught none, or none was asked.
        claims: that the explanation makes.
        times_s: seconds of each of :data:`STEPS`; of photos that went together, each one's share.
    """

    photo: Path
    view: str
    view_reason: str
    language: str
    candidates: tuple[Candidate, ...]
    probability: float
    is_fused: bool
    verdict: str
    abstained: str
    explanation: str
    claims: tuple[Claim, ...]
    times_s: Mapping[str, float]

    @property
    def best(self) -> Candidate:
        """The first candidate."""
        return self.candidates[0]

    def to_json(self) -> dict[str, Any]:
        """Return plain values: the answer, the first candidate's place, all candidates."""
        best = self.best.to_json()
        names = ("gallery_id", "lat", "lon", "x_m", "y_m")
        place: dict[str, Any] = {name: best[name] for name in names if name in best}
        return {
            "photo": str(self.photo),
            "view": self.view,
            "view_reason": self.view_reason,
            **place,
            "verdict": self.verdict,
            "probability": round(self.probability, 4),
            "probability_of": "GLEAM-C and GLEAM-X" if self.is_fused else "GLEAM-X alone",
            "abstained": self.abstained or None,
            "language": self.language,
            "explanation": self.explanation,
            "claims": [self._claim_json(claim) for claim in self.claims],
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "times_s": {name: round(seconds, 4) for name, seconds in self.times_s.items()},
        }

    def _claim_json(self, claim: Claim) -> dict[str, Any]:
        """Return a claim with the parts of both pictures that it points at: left, top, right, bottom, from 0 to 1."""
        boxes = {
            "query_box": region_of(claim.query_where, self.view),
            "satellite_box": region_of(claim.satellite_where, "satellite"),
        }
        return asdict(claim) | {
            name: None if box is None else [round(edge, 4) for edge in box] for name, box in boxes.items()
        }
