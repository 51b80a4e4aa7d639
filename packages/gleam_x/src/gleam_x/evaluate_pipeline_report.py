"""One self-contained page about the pipeline: recall of each way to rank, risk over coverage, cost by step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_atomic
from gleam_common.report.page import TITLES
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gleam_x.pipeline.fusing import EVIDENCE

__all__ = ["risk_coverage_svg", "write_pipeline_report"]

_WIDTH, _HEIGHT = 560.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, 22.0, 12.0, 40.0


def write_pipeline_report(path: Path, results: Mapping[str, Any]) -> None:
    """Write the page. All text from outside is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": _number, "signed": _signed}
    css = [
        _source("gleam_common.report", "page.css"),
        _source("gleam_x.evaluation", "report.css"),
        _source("gleam_x", "evaluate_pipeline_report.css"),
    ]
    page = environment.from_string(_source("gleam_x", "evaluate_pipeline_report.html.j2")).render(
        css=Markup("".join(css)),
        r=results,
        titles=TITLES,
        evidence=EVIDENCE,
        headline=_headline(results),
        groups=[*results["views"].items(), ("mean", results["mean"])],
        risk=Markup(risk_coverage_svg(results["risk_coverage"], results["c_alone"]["risk_coverage"])),
        total_ms=sum(results["costs"]["one_by_one_ms"].values()),
    )
    with write_atomic(path) as file:
        file.write(page.encode())


def _source(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")


def _headline(results: Mapping[str, Any]) -> str:
    first, sure = results["accuracy"]["value"], results["accuracy_at_coverage_0.8"]["value"]
    return (
        f"The first answer is right for {100 * first:.0f}\u00a0% of the photos, and for {100 * sure:.0f}\u00a0% when "
        "the least sure fifth is left open."
    )


def _number(value: float) -> str:
    return f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−").replace("+0.000", "0.000")


def risk_coverage_svg(both: Sequence[Sequence[float]], alone: Sequence[Sequence[float]]) -> str:
    """Return the share of wrong answers (y) when only the surest share (x) is answered: both models, GLEAM-C alone.

    Args:
        both: (coverage, risk) of the pipeline.
        alone: of GLEAM-C's order and similarity.
    """
    highest = math.ceil(max(0.1, *(risk for _, risk in (*both, *alone))) * 20) / 20
    marks = []
    for step in range(5):
        share = step / 4
        x, y = _x(share), _y(share * highest, highest)
        marks.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text class="tick end" x="{_LEFT - 6}" y="{y + 4}">{100 * share * highest:g} %</text>')
        marks.append(f'<text class="tick mid" x="{x}" y="{_HEIGHT - _BOTTOM + 16}">{100 * share:.0f} %</text>')
    for curve, style in ((alone, "curve-alone"), (both, "curve-main")):
        points = " ".join(f"{_x(coverage)},{_y(risk, highest)}" for coverage, risk in curve)
        marks.append(f'<polyline class="{style}" points="{points}"/>')
    marks.append(f'<text class="tick end" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 5}">share of photos answered</text>')
    label = "wrong answers over coverage"
    return f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{label}">{"".join(marks)}</svg>'


def _x(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 2)


def _y(risk: float, highest: float) -> float:
    return round(_HEIGHT - _BOTTOM - risk / highest * (_HEIGHT - _TOP - _BOTTOM), 2)
