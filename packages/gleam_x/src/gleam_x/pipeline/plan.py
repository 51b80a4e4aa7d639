"""How a pipeline ranks and when it is sure, per view: fitted on validation, kept as ``pipeline.json`` in the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gleam_common.artifacts import read_json, write_json
from gleam_common.errors import ArtifactError

from gleam_x.pipeline.fusing import ViewPlan

__all__ = ["PLAN_FILE", "Plan"]

PLAN_FILE = "pipeline.json"
_AGAIN = "run `gleam-x evaluate-pipeline` with these two models, or remove the file to do without it"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Of two models that belong together.

    Attributes:
        finder_sha256: of GLEAM-C's weights and configuration.
        judge_sha256: of GLEAM-X's base, adapters and calibration.
        views: the views that were fitted; of others GLEAM-C's order and the verdict's own probability are used.
    """

    finder_sha256: str
    judge_sha256: str
    views: Mapping[str, ViewPlan]

    def write(self, path: Path) -> None:
        """Write it as JSON, atomically."""
        views = {view: plan.to_json() for view, plan in self.views.items()}
        hashes = {"finder_sha256": self.finder_sha256, "judge_sha256": self.judge_sha256}
        write_json(path, {"schema": 1, **hashes, "views": views})

    @classmethod
    def read(cls, path: Path, finder_sha256: str, judge_sha256: str) -> Plan:
        """Read what :meth:`write` wrote.

        Raises:
            ArtifactError: not a plan, or that of another retriever or another judge.
        """
        data = read_json(path)
        try:
            views = {str(view): ViewPlan.from_json(plan) for view, plan in data["views"].items()}
            made_with = {"GLEAM-C": data["finder_sha256"], "GLEAM-X": data["judge_sha256"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"{path}: not a plan of a pipeline ({error})", fix=_AGAIN) from None
        for (name, made), given in zip(made_with.items(), (finder_sha256, judge_sha256), strict=True):
            if made != given:
                raise ArtifactError(f"{path} was made with another {name} model", value=str(made)[:12], fix=_AGAIN)
        return cls(finder_sha256=finder_sha256, judge_sha256=judge_sha256, views=views)

    @classmethod
    def of_run(cls, run: Path, finder_sha256: str, judge_sha256: str) -> Plan:
        """Return the plan in a run's folder; one without views where there is none.

        Raises:
            ArtifactError: see :meth:`read`.
        """
        path = run / PLAN_FILE
        if not path.is_file():
            return cls(finder_sha256=finder_sha256, judge_sha256=judge_sha256, views={})
        return cls.read(path, finder_sha256, judge_sha256)
