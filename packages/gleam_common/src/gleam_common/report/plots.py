"""Curves of a training as inline SVG that follows the page's colours, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gleam_common.views import View

__all__ = ["Curve", "Plot", "curve_plots"]

# Matplotlib writes these; the page's style sheet says what they look like in light and in dark.
_INK, _FAINT, _GRID = "#010101", "#020202", "#030303"
_MAIN = "#040404"
_VIEWS = {view: f"#0505{index:02x}" for index, view in enumerate(View)}
_VARIABLES = {_INK: "ink", _FAINT: "faint", _GRID: "line", _MAIN: "accent"} | {
    colour: f"view-{view}" for view, colour in _VIEWS.items()
}


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One number over the steps of all phases, one phase after another."""

    name: str
    step: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure with its title; ``svg`` is markup of ours, ``legend`` pairs a view with its colour variable."""

    title: str
    svg: str
    legend: list[tuple[str, str]]


def curve_plots(rows: Iterable[Mapping[str, Any]]) -> list[Plot]:
    """Return the plots of loss, temperature and validation recall that ``rows`` have numbers for.

    Args:
        rows: ``{"phase", "step", "epoch", "name", "value"}`` as in metrics.jsonl; steps count from 0 in each phase.
            Names: ``train/loss``, ``train/temperature``, and ``val/...recall@1...`` (with a view's name for one view).
    """
    rows = [row for row in rows if np.isfinite(row["value"])]
    phases = _phase_starts(rows)
    curves = _curves(rows, phases)
    recalls = {name: curve for name, curve in curves.items() if name.startswith("val/") and "recall@1" in _parts(name)}
    plots = []
    for title, chosen, draw in (
        ("Loss", {n: c for n, c in curves.items() if n == "train/loss"}, _draw_loss),
        ("Recall@1 on the validation places", recalls, _draw_recall),
        ("Temperature", {n: c for n, c in curves.items() if n == "train/temperature"}, _draw_temperature),
    ):
        if chosen:
            plots.append(_plot(title, list(chosen.values()), phases, draw))
    return plots


def _parts(name: str) -> list[str]:
    return re.split(r"[/ _]|2(?=satellite)", name)


def _view_of(name: str) -> View | None:
    return next((view for view in View if view is not View.SATELLITE and str(view) in _parts(name)), None)


def _phase_starts(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return first and last step of each phase on an axis on which phases follow one another."""
    last: dict[str, float] = {}
    for row in rows:
        last[row["phase"]] = max(last.get(row["phase"], 0.0), float(row["step"]))
    starts, start = {}, 0.0
    for phase, steps in last.items():
        starts[phase] = (start, start + steps)
        start += steps + 1
    return starts


def _curves(rows: Sequence[Mapping[str, Any]], phases: Mapping[str, tuple[float, float]]) -> dict[str, Curve]:
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        points.setdefault(row["name"], []).append((phases[row["phase"]][0] + row["step"], row["value"]))
    curves = {}
    for name, pairs in points.items():
        step, value = np.array(sorted(pairs), dtype=np.float64).T
        curves[name] = Curve(name=name, step=step, value=value)
    return curves


def _plot(
    title: str,
    curves: Sequence[Curve],
    phases: Mapping[str, tuple[float, float]],
    draw: Callable[[Axes, Sequence[Curve], Mapping[str, tuple[float, float]]], list[tuple[str, str]]],
) -> Plot:
    style = {"svg.fonttype": "none", "svg.hashsalt": title, "font.size": 10, "axes.unicode_minus": False}
    with mpl.rc_context(style):
        figure = Figure(figsize=(4.1, 2.5), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        legend = draw(axes, curves, phases)
        _dress(axes, phases)
        return Plot(title=title, svg=_svg(figure), legend=legend)


def _draw_loss(axes: Axes, curves: Sequence[Curve], phases: Mapping[str, tuple[float, float]]) -> list[tuple[str, str]]:
    for start, stop in phases.values():
        inside = (curves[0].step >= start) & (curves[0].step <= stop)
        step, value = curves[0].step[inside], curves[0].value[inside]
        axes.plot(step, value, color=_MAIN, alpha=0.25, linewidth=0.8)
        axes.plot(step, _smooth(value), color=_MAIN, linewidth=1.8)
    axes.set_ylim(bottom=0)
    return []


def _draw_temperature(
    axes: Axes, curves: Sequence[Curve], phases: Mapping[str, tuple[float, float]]
) -> list[tuple[str, str]]:
    axes.plot(curves[0].step, curves[0].value, color=_MAIN, linewidth=1.8)
    axes.set_yscale("log") if curves[0].value.max() > 4 * curves[0].value.min() else axes.margins(y=0.2)
    return []


def _draw_recall(
    axes: Axes, curves: Sequence[Curve], phases: Mapping[str, tuple[float, float]]
) -> list[tuple[str, str]]:
    legend = []
    for curve in curves:
        view = _view_of(curve.name)
        colour = _INK if view is None else _VIEWS[view]
        axes.plot(curve.step, 100 * curve.value, color=colour, linewidth=1.8, marker="o", markersize=3)
        legend.append(("mean" if view is None else str(view), _VARIABLES[colour]))
    axes.set_ylim(0, 100)
    axes.yaxis.set_major_formatter("{x:.0f} %")
    return legend


def _smooth(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return an exponential mean over about a twentieth of the curve, without the bias of its start."""
    keep = 1 - 1 / max(1.0, len(value) / 20)
    mean, weight, smooth = 0.0, 0.0, np.empty_like(value)
    for index, current in enumerate(value):
        mean, weight = keep * mean + (1 - keep) * current, keep * weight + (1 - keep)
        smooth[index] = mean / weight
    return smooth


def _dress(axes: Axes, phases: Mapping[str, tuple[float, float]]) -> None:
    axes.patch.set_alpha(0)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.tick_params(colors=_FAINT, length=0)
    axes.set_xlabel("step", color=_FAINT, loc="right")
    whole = max(stop for _, stop in phases.values()) or 1.0
    for number, (phase, (start, stop)) in enumerate(phases.items()):
        if number:
            axes.axvline(start, color=_FAINT, linewidth=1, linestyle=(0, (2, 3)))
        if (stop - start) / whole > 0.15:  # there is no room for more
            at, above = (start + stop) / 2, axes.get_xaxis_transform()
            axes.text(at, 1.06, phase, transform=above, ha="center", va="bottom", color=_FAINT, parse_math=False)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    # The page decides the size and the font; the namespaces are those of HTML.
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg \1 role="img">', svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg).replace("xlink:href", "href")
