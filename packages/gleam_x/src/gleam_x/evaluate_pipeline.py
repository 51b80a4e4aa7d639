"""Both models together on a world's held-out places: candidates, verdicts, fusion, abstention, cost.

A stage: killed, it goes on where it was. Whether and how to re-rank is decided on the split "val" alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gleam_common.artifacts import open_stage, read_json, sha256_file, write_json
from gleam_common.catalog import GALLERY_FILE, QUERIES_FILE, Catalog
from gleam_common.errors import ConfigError
from gleam_common.progress import progress

from gleam_x.evaluate_pipeline_report import write_pipeline_report
from gleam_x.evaluate_pipeline_results import results_of
from gleam_x.evaluate_pipeline_rows import Row, fit_plan, read_rows, write_rows
from gleam_x.evaluate_pipeline_world import area_of
from gleam_x.matcher import TileFinder, model_digest
from gleam_x.pipeline.answer import Answer
from gleam_x.pipeline.judge import TrainedJudge
from gleam_x.pipeline.locator import Locator, Question
from gleam_x.pipeline.plan import PLAN_FILE, Plan
from gleam_x.pipeline.write import write_answers

__all__ = ["KIND", "Settings", "evaluate_pipeline"]

KIND = "pipeline-evaluation"
SPLITS = ("val", "test")
_RESULTS, _REPORT, _EXAMPLES, _ANSWERS = "results.json", "report.html", "examples.html", "answers.json"
_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is measured.

    Attributes:
        queries: places of each split whose photos are located, every view of them; 0 for all.
        val_tiles: tiles that the photos of validation places are looked for among; 0 for all of their cities. Those of
            test places are looked for among all.
        top_k: candidates that are verified.
        timed: photos that go through the whole pipeline as a user's would, with reasons, to time it.
        language: of questions and reasons.
        seed: of the choice of places and of the bootstrap.
    """

    queries: int = 225
    val_tiles: int = 250
    top_k: int = 5
    timed: int = 16
    language: str = "en"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            ConfigError: a number out of range, or an unknown language.
        """
        least_of = {"queries": 0, "val_tiles": 0, "timed": 1, "seed": 0}
        for name, least in least_of.items():
            if (value := getattr(self, name)) < least:
                raise ConfigError(f"{name} of the evaluation", value=value, allowed=f"{least} or more")
        if self.top_k < 2:
            raise ConfigError("candidates to verify", value=self.top_k, allowed="2 or more: one has no order")
        Question(language=self.language, candidates=self.top_k)


def evaluate_pipeline(
    run: Path, matcher: Path, catalog: Path, out: Path, settings: Settings, overwrite: bool = False
) -> dict[str, Any]:
    """Measure a pipeline; write results.json, report.html, examples.html there and ``pipeline.json`` into the run.

    Args:
        run: of ``gleam-x train``.
        matcher: a GLEAM-C model's folder.
        catalog: a world with the splits val and test.
        out: new, or begun by the same call.
        settings: what is measured.
        overwrite: replace an evaluation that was made otherwise.

    Raises:
        ModelError: a model is missing.
        DataError: the catalog lacks a split.
        ArtifactError: ``out`` holds something else.
    """
    world, judge = Catalog.read(catalog), TrainedJudge.open(run)
    config = {
        "finder_sha256": model_digest(matcher),
        "judge_sha256": judge.sha256,
        "catalog_sha256": [sha256_file(catalog / name) for name in (GALLERY_FILE, QUERIES_FILE)],
        **asdict(settings),
    }
    stage = open_stage(out, KIND, config, overwrite)
    if not stage.is_complete:
        evaluation = _Evaluation(world, judge, matcher, out, settings)
        plan = evaluation.plan()
        plan.write(out / PLAN_FILE)
        results = evaluation.measure(plan)
        write_json(out / _RESULTS, results)
        write_pipeline_report(out / _REPORT, results)
        stage.finish([PLAN_FILE, _RESULTS, _REPORT, _EXAMPLES, _ANSWERS])
    Plan.read(out / PLAN_FILE, config["finder_sha256"], judge.sha256).write(run / PLAN_FILE)
    found: dict[str, Any] = read_json(out / _RESULTS)
    return found


class _Evaluation:
    """One evaluation in its folder; scores that are there already are not computed again."""

    def __init__(self, world: Catalog, judge: TrainedJudge, matcher: Path, out: Path, settings: Settings) -> None:
        self._judge, self._matcher, self._out, self._settings = judge, matcher, out, settings
        tiles = {"val": settings.val_tiles, "test": 0}
        self._areas = {split: area_of(world, split, settings.queries, tiles[split], settings.seed) for split in SPLITS}
        self._finders: dict[str, TileFinder] = {}

    def plan(self) -> Plan:
        """Return what the validation places decide."""
        return fit_plan(self.rows("val"), model_digest(self._matcher), self._judge.sha256)

    def measure(self, plan: Plan) -> dict[str, Any]:
        """Return the numbers of the test places."""
        rows = self.rows("test")
        answers = self._as_a_user(plan)
        for name in (_ANSWERS, _EXAMPLES):
            write_answers(self._out / name, list(answers.values()))
        sizes = {split: len(area.catalog.gallery) for split, area in self._areas.items()}
        results = results_of(rows, self.rows("val"), plan, answers, self._settings.seed)
        about = {"gallery_size": sizes["test"], "val_gallery_size": sizes["val"], "settings": asdict(self._settings)}
        return results | about

    def rows(self, split: str) -> list[Row]:
        """Return what both models say of the photos of a split, from the disk where it is there."""
        found: list[Row] = []
        for view in self._areas[split].views:
            path = self._out / "scores" / f"{split}-{view}.parquet"
            if not path.is_file():
                write_rows(path, self._score(split, view))
            found += read_rows(path)
        return found

    def _score(self, split: str, view: str) -> list[Row]:
        photos, settings = self._areas[split].photos(view), self._settings
        question = Question(
            language=settings.language, view=view, candidates=settings.top_k, explain=False, batch=_BATCH
        )
        locator = Locator(self._finder(split), self._judge)
        rows: list[Row] = []
        with progress(total=len(photos), desc=f"{split} {view}", unit="photo") as bar:
            for start in range(0, len(photos), _BATCH):
                part = photos[start : start + _BATCH]
                checked = locator.check([photo.path for photo in part], question)
                rows += [Row.of(photo, one) for photo, one in zip(part, checked, strict=True)]
                bar.update(len(part))
        return rows

    def _finder(self, split: str) -> TileFinder:
        if split not in self._finders:
            folder, tiles = self._areas[split].build(self._out / "galleries", self._matcher)
            self._finders[split] = TileFinder(folder, self._matcher, tiles=tiles)
        return self._finders[split]

    def _as_a_user(self, plan: Plan) -> dict[str, Answer]:
        """Return the answers to some photos of every view by query_id, one after the other, with reasons."""
        settings, answers = self._settings, {}
        area = self._areas["test"]
        locator = Locator(self._finder("test"), self._judge, plan)
        each = max(1, settings.timed // len(area.views))
        for view in area.views:
            question = Question(language=settings.language, view=view, candidates=settings.top_k, batch=1)
            photos = area.photos(view)[:each]
            found = locator.stream([photo.path for photo in photos], question)
            for photo, answer in zip(photos, progress(found, total=len(photos), desc=f"timed {view}"), strict=True):
                answers[photo.query_id] = answer
        return answers
