"""Reliability, risk over coverage and score histograms as inline SVG that takes the page's colours, light or dark.

Axes: N pairs, B bins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from gleam_common.metrics.verdict import calibration_bins, risk_coverage

from gleam_x.benchmark.schema import NEGATIVE_KINDS
from gleam_x.evaluation.predictions import Prediction

__all__ = ["reliability_svg", "risk_svg", "scores_svg"]

_WIDTH, _HEIGHT = 340.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 12.0, 10.0, 34.0
Floats = npt.NDArray[np.float64]


class _Axes:
    """A plot from ``x_range`` and ``y_range`` to pixels; collects marks."""

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self.x_range, self.y_range = x_range, y_range
        self.marks: list[str] = []

    def x(self, value: float) -> float:
        low, high = self.x_range
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 2)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return round(_HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 2)

    def line(self, xs: Sequence[float], ys: Sequence[float], style: str) -> None:
        points = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in zip(xs, ys, strict=True))
        self.marks.append(f'<polyline class="{style}" points="{points}"/>')

    def bar(self, left: float, right: float, height: float, style: str, note: str) -> None:
        x, y = self.x(left), self.y(height)
        size = f'width="{max(0.0, self.x(right) - x - 1):.2f}" height="{self.y(self.y_range[0]) - y:.2f}"'
        self.marks.append(f'<rect class="{style}" x="{x}" y="{y}" {size}><title>{note}</title></rect>')

    def dot(self, x: float, y: float, radius: float, note: str) -> None:
        place = f'cx="{self.x(x)}" cy="{self.y(y)}" r="{radius:.1f}"'
        self.marks.append(f'<circle class="dot" {place}><title>{note}</title></circle>')

    def ticks(self, xs: Sequence[float], ys: Sequence[float], percent_x: bool, percent_y: bool) -> None:
        """Draw grid and numbers under the marks that follow."""
        for value in ys:
            y = self.y(value)
            self.marks.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
            self.marks.append(f'<text class="tick end" x="{_LEFT - 6}" y="{y + 4}">{_number(value, percent_y)}</text>')
        for value in xs:
            at = f'x="{self.x(value)}" y="{_HEIGHT - _BOTTOM + 15}"'
            self.marks.append(f'<text class="tick mid" {at}>{_number(value, percent_x)}</text>')

    def svg(self, label: str, x_title: str) -> str:
        title = f'<text class="tick end" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 3}">{x_title}</text>'
        shown = "".join(self.marks) + title
        return f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{label}">{shown}</svg>'


def _number(value: float, as_percent: bool) -> str:
    return f"{100 * value:.0f} %" if as_percent else f"{value:g}"


def reliability_svg(rows: Sequence[Prediction]) -> str:
    """Return how often yes is right (y) at each probability of yes (x); a dot's area is its share of pairs."""
    bins = calibration_bins([row.probability for row in rows], [row.same_place for row in rows])
    axes = _Axes((0.0, 1.0), (0.0, 1.0))
    axes.ticks((0, 0.25, 0.5, 0.75, 1), (0, 0.25, 0.5, 0.75, 1), True, True)
    axes.line((0, 1), (0, 1), "even")
    axes.line(bins.confidence_B.tolist(), bins.frequency_B.tolist(), "curve-main")
    for p, frequency, share in zip(bins.confidence_B, bins.frequency_B, bins.share_B, strict=True):
        note = f"said {100 * p:.0f} %, right {100 * frequency:.0f} %, {100 * share:.0f} % of pairs"
        axes.dot(float(p), float(frequency), 3 + 9 * float(share) ** 0.5, note)
    return axes.svg("reliability of the probabilities", "probability of yes")


def risk_svg(rows: Sequence[Prediction]) -> str:
    """Return the share of wrong verdicts (y) when only the surest share (x) is answered."""
    sure_N = [abs(row.probability - 0.5) for row in rows]
    coverage_N, risk_N = risk_coverage(sure_N, [row.says_yes == row.same_place for row in rows])
    highest = max(0.1, float(np.ceil(10 * risk_N.max()) / 10))
    axes = _Axes((0.0, 1.0), (0.0, highest))
    axes.ticks((0, 0.25, 0.5, 0.75, 1), np.linspace(0, highest, 5).tolist(), True, True)
    axes.line((0, 1), (float(risk_N[-1]),) * 2, "even")
    kept = np.unique(np.linspace(0, len(risk_N) - 1, 240).astype(int))
    axes.line(coverage_N[kept].tolist(), risk_N[kept].tolist(), "curve-main")
    return axes.svg("wrong verdicts over coverage", "share of pairs answered")


def scores_svg(rows: Sequence[Prediction]) -> str:
    """Return histograms of the raw scores: same place up, each kind of negative as a line."""
    score_N = np.array([row.score for row in rows])
    reach = max(1.0, float(np.quantile(np.abs(score_N), 0.995)))
    edges_B = np.linspace(-reach, reach, min(28, max(10, len(rows) // 12)) + 1)
    kinds = np.array([row.negative_kind for row in rows])
    heights = {kind: _histogram(score_N[kinds == kind], edges_B) for kind in ("", *NEGATIVE_KINDS)}
    top = max(float(height.max()) for height in heights.values()) or 1.0
    axes = _Axes((-reach, reach), (0.0, top * 1.08))
    axes.ticks([round(value, 1) for value in (-reach, -reach / 2, 0, reach / 2, reach)], [0.0], False, True)
    for left, right, height in zip(edges_B[:-1], edges_B[1:], heights[""], strict=True):
        axes.bar(float(left), float(right), float(height), "bar-yes", f"{100 * height:.0f} % of the same places")
    middles = ((edges_B[1:] + edges_B[:-1]) / 2).tolist()
    for kind in NEGATIVE_KINDS:
        if (kinds == kind).any():
            axes.line(middles, heights[kind].tolist(), f"curve-{kind}")
    axes.line((0, 0), (0, top), "even")
    return axes.svg("scores of same and different places", "raw log odds of yes")


def _histogram(score_N: Floats, edges_B: Floats) -> Floats:
    """Return the share of scores in each bin; those beyond the ends count at the ends."""
    counts = np.histogram(np.clip(score_N, edges_B[0], edges_B[-1]), edges_B)[0]
    return np.asarray(counts / max(1, len(score_N)), dtype=np.float64)
