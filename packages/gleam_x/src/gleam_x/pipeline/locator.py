"""Locator: photos in, answers out: find, verify, rank, decide, explain."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gleam_common.errors import ConfigError
from gleam_common.images import decode_array, open_image
from PIL import Image

from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.claims_in_text import as_claims, read_statements
from gleam_x.pipeline.answer import Answer, Candidate
from gleam_x.pipeline.found import Finder, Found, Search
from gleam_x.pipeline.fusing import ViewPlan
from gleam_x.pipeline.judge import Judge, Pair, TrainedJudge, Verdict
from gleam_x.pipeline.plan import Plan

__all__ = ["Checked", "Locator", "Question"]

_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Question:
    """How photos are located and answered.

    Attributes:
        language: of the reason, "en" or "zh".
        view: of all photos; "auto" guesses it for each.
        candidates: tiles in an answer; all of them are verified.
        min_probability: below which an answer is left open, 0 to 1.
        explain: whether to give reasons, where the model can.
        near: LAT,LON or LAT,LON,RADIUS_M to search around; everywhere when None.
        radius_m: around ``near``.
        batch: photos that go through the models together.
    """

    language: str = "en"
    view: str = "auto"
    candidates: int = 5
    min_probability: float = 0.5
    explain: bool = True
    near: str | None = None
    radius_m: float | None = None
    batch: int = _BATCH

    def __post_init__(self) -> None:
        """Refuse what cannot be asked.

        Raises:
            ConfigError: unknown language or view, a number out of range.
        """
        if self.language not in LANGUAGES:
            raise ConfigError("language of the answer", value=self.language, allowed=LANGUAGES)
        if not 0 <= self.min_probability <= 1:
            raise ConfigError("least probability", value=self.min_probability, allowed="0 to 1")
        if self.batch < 1:
            raise ConfigError("photos in a batch", value=self.batch, allowed="1 or more")
        self.search(self.candidates)

    def search(self, tiles: int) -> Search:
        """Return how so many tiles are looked for."""
        return Search(tiles=tiles, view=self.view, near=self.near, radius_m=self.radius_m)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What both models say of a photo and its candidates, in GLEAM-C's order, before anything is decided.

    Attributes:
        found: the tiles.
        verdicts: of each tile.
        pairs: the photo with each tile, as the judge sees them.
        times_s: seconds of finding and verifying.
    """

    found: Found
    verdicts: tuple[Verdict, ...]
    pairs: tuple[Pair, ...]
    times_s: Mapping[str, float]

    @property
    def similarity(self) -> list[float]:
        """GLEAM-C's, of each tile."""
        return [tile.similarity for tile in self.found.tiles]

    @property
    def log_odds(self) -> list[float]:
        """GLEAM-X's, of each tile."""
        return [verdict.log_odds for verdict in self.verdicts]


class Locator:
    """Finds, verifies and explains.

    Args:
        finder: GLEAM-C with a gallery.
        judge: GLEAM-X.
        plan: how the two are fused; None for one without views: GLEAM-C's order and the verdict's own probability.

    Raises:
        ConfigError: the plan is of other models.
    """

    def __init__(self, finder: Finder, judge: Judge, plan: Plan | None = None) -> None:
        self.finder, self.judge = finder, judge
        self.plan = plan or Plan(finder_sha256=finder.sha256, judge_sha256=judge.sha256, views={})
        if (self.plan.finder_sha256, self.plan.judge_sha256) != (finder.sha256, judge.sha256):
            raise ConfigError("a plan of other models", fix="fit it with these: `gleam-x evaluate-pipeline`")

    @classmethod
    def open(
        cls,
        gallery: Path | str,
        model: Path | str,
        matcher: Path | str | None = None,
        base: str = "",
        tiles: Path | str | None = None,
    ) -> Locator:
        """Open a gallery, the model that made it, a run of ``gleam-x train``, and the plan in that run.

        Args:
            gallery: folder that ``gleam-c gallery build`` wrote.
            model: folder of the run.
            matcher: the gallery's model; looked for in ``runs`` when None.
            base: folder or hub id of the run's base; empty for the one that the run names.
            tiles: folder of the pictures that the gallery was built from; see :class:`gleam_x.matcher.TileFinder`.

        Raises:
            ModelError: a model is missing, or did not make the gallery.
            ArtifactError: a broken gallery, or a plan that was made with another model.
        """
        from gleam_x.matcher import TileFinder

        finder = TileFinder(gallery, matcher, tiles=tiles)
        judge = TrainedJudge.open(Path(model), base)
        return cls(finder, judge, Plan.of_run(Path(model), finder.sha256, judge.sha256))

    def locate(self, photos: Sequence[Path | str], question: Question | None = None) -> list[Answer]:
        """Return the answer for each photo, in order.

        Raises:
            GleamError: see :meth:`stream`.
        """
        return list(self.stream(photos, question))

    def stream(self, photos: Sequence[Path | str], question: Question | None = None) -> Iterator[Answer]:
        """Yield the answer for each photo, in order, as soon as its batch is done.

        Raises:
            GleamError: a photo that is no picture, a view that the gallery does not serve, an area without a tile.
        """
        asked = question or Question()
        for start in range(0, len(photos), asked.batch):
            part = [Path(photo) for photo in photos[start : start + asked.batch]]
            yield from self._answers(self.check(part, asked), asked)

    def check(self, photos: Sequence[Path], question: Question) -> list[Checked]:
        """Return what both models say of photos and their candidates, all together.

        Raises:
            GleamError: see :meth:`stream`.
        """
        began = time.perf_counter()
        deepest = max((plan.top_k for plan in self.plan.views.values()), default=1)
        found = self.finder.find(photos, question.search(max(question.candidates, deepest)))
        times = {"find": (time.perf_counter() - began) / len(photos)}
        began = time.perf_counter()
        pairs = [self._pairs(one) for one in found]
        verdicts = iter(self.judge.verdicts([pair for own in pairs for pair in own], question.language))
        judged = [tuple(next(verdicts) for _ in own) for own in pairs]
        times["verify"] = (time.perf_counter() - began) / len(photos)
        return [
            Checked(found=one, verdicts=said, pairs=own, times_s=times)
            for one, said, own in zip(found, judged, pairs, strict=True)
        ]

    def _pairs(self, found: Found) -> tuple[Pair, ...]:
        """Return a photo with each of its tiles."""
        photo = self.judge.see(open_image(found.photo), str(found.photo))
        pairs = []
        for tile in found.tiles:
            where = f"tile {tile.gallery_id}"
            full = (
                Image.fromarray(decode_array(tile.picture, where)) if tile.source is None else open_image(tile.source)
            )
            seen = self.judge.see(full, where)
            pairs.append(Pair(name=f"{found.photo.name} and {where}", view=found.view, photo=photo, tile=seen))
        return tuple(pairs)

    def _answers(self, checked: Sequence[Checked], question: Question) -> list[Answer]:
        """Decide for each photo, and explain what was decided."""
        orders = [self._ranked(one) for one in checked]
        decided = [self._decided(one, order) for one, order in zip(checked, orders, strict=True)]
        says = ["yes" if probability >= 0.5 else "no" for probability, _ in decided]
        began = time.perf_counter()
        reasons = [""] * len(checked)
        if question.explain and self.judge.explains:
            best = [one.pairs[order[0]] for one, order in zip(checked, orders, strict=True)]
            reasons = self.judge.explanations(best, says, question.language)
        spent = (time.perf_counter() - began) / len(checked)
        return [
            _answer(one, order, chance, says[number], reasons[number], question, spent)
            for number, (one, order, chance) in enumerate(zip(checked, orders, decided, strict=True))
        ]

    def _plan(self, one: Checked) -> ViewPlan | None:
        return self.plan.views.get(one.found.view)

    def _ranked(self, one: Checked) -> list[int]:
        plan = self._plan(one)
        return list(range(len(one.verdicts))) if plan is None else plan.order(one.similarity, one.log_odds).tolist()

    def _decided(self, one: Checked, order: Sequence[int]) -> tuple[float, list[float] | None]:
        """Return the probability of the first candidate, and of all that were weighed; None without a plan."""
        plan = self._plan(one)
        if plan is None:
            return one.verdicts[order[0]].probability, None
        shares = plan.probability(one.similarity, one.log_odds).tolist()
        return shares[order[0]], shares


def _answer(
    one: Checked,
    order: Sequence[int],
    chance: tuple[float, list[float] | None],
    says: str,
    reason: str,
    question: Question,
    explaining_s: float,
) -> Answer:
    probability, shares = chance
    known = shares or []
    candidates = tuple(
        Candidate(
            tile=one.found.tiles[number],
            rank_c=number + 1,
            verdict=one.verdicts[number],
            probability=known[number] if number < len(known) else None,
        )
        for number in order[: question.candidates]
    )
    claims = as_claims(read_statements(reason, one.found.view, question.language)) if reason else ()
    is_open = probability < question.min_probability
    why = f"no candidate is sure enough: probability {probability:.2f} is below {question.min_probability:g}"
    return Answer(
        photo=one.found.photo,
        view=one.found.view,
        view_reason=one.found.view_reason,
        language=question.language,
        candidates=candidates,
        probability=probability,
        is_fused=shares is not None,
        verdict=says,
        abstained=why if is_open else "",
        explanation=reason,
        claims=tuple(claims),
        times_s={**one.times_s, "explain": explaining_s},
    )
