"""Plots of the benchmarks' page, as inline SVG in the page's colours, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["memory_plots", "ratio_plot"]

# Matplotlib writes these; the page's style sheet says what they look like.
VARIABLES = {"#010101": "ink", "#020202": "faint", "#030303": "line", "#040404": "accent", "#050505": "near"}
INK, FAINT, LINE, OURS, PLAIN = VARIABLES

Plots = list[tuple[str, Markup]]


def ratio_plot(result: Mapping[str, Any] | None) -> Plots:
    """Return bars of the seconds of an epoch, ours and plain, for each case."""
    if result is None:
        return []
    figure, axes = _figure("epoch", height=0.5 + 0.7 * len(result["cases"]))
    labels = []
    for number, (name, own) in enumerate(result["cases"].items()):
        for arm, colour, offset in (("plain", PLAIN, -0.2), ("ours", OURS, 0.2)):
            seconds = own[arm]["epoch_s"]["median"]
            axes.barh(number + offset, seconds, height=0.36, color=colour)
            axes.text(seconds, number + offset, f" {arm} {seconds:.1f} s", va="center", color=INK)
        labels.append(name.replace(", ", "\n"))
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(right=axes.get_xlim()[1] * 1.25)
    return [("Seconds of an epoch", _svg(figure))]


def memory_plots(result: Mapping[str, Any] | None) -> Plots:
    """Return the peak memory against the batch, at once and in pieces, of logits and of activations."""
    if result is None:
        return []
    plots = []
    for name in ("logits", "activations"):
        figure, axes = _figure(name)
        for way, colour in (("at once", PLAIN), ("in pieces", OURS)):
            batches = result[name][way]
            sizes, peaks = [int(one) for one in batches], [one["peak_mb"] for one in batches.values()]
            axes.plot(sizes, peaks, color=colour, marker="o", markersize=3)
            axes.text(sizes[-1], peaks[-1], f" {way}", color=colour, va="center")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xlim(right=sizes[-1] * 2)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("pairs of a batch", color=FAINT)
        plots.append((f"Peak memory of the {name}, MB", _svg(figure)))
    return plots


def _figure(salt: str, height: float = 2.5) -> tuple[Figure, Axes]:
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 9, "axes.unicode_minus": False})
    figure = Figure(figsize=(4.6, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.grid(axis="both", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(colors=FAINT, length=0)
    return figure, axes


def _svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    # The namespaces are those of HTML, and the page decides the size.
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg \1 role="img">', svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    return Markup(re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg).replace("xlink:href", "href"))
