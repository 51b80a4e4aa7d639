"""One self-contained page about a run: recall, maps, retrievals, curves. It loads nothing and asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.report.citymap import draw_city_map
from gleam_common.report.panels import Panel, view_panels
from gleam_common.report.plots import curve_plots
from gleam_common.report.results_table import METRICS, percent, view_rows

__all__ = ["TITLES", "write_report"]

TITLES = {
    "satellite": "Satellite picture",
    "uav": "UAV picture",
    "map": "Street map",
    "panorama": "Panorama",
    "ground": "Ground photo",
}
RADII = ("recall@25m", "recall@50m", "recall@100m")
HEADINGS = {"ap": "AP", "hit_rate": "hit rate"}


@dataclass(frozen=True, kw_only=True)
class ViewReport:
    """What the page says about one view; fractions in [0, 1], None where unknown."""

    view: str
    title: str
    queries: int
    recall: Mapping[str, float]
    chance: float
    colour: float | None
    phase1: float | None
    median_m: float | None
    counts: Mapping[str, int]
    panels: Mapping[str, list[Panel]]

    @property
    def example(self) -> Panel | None:
        """A picture that was found, if any."""
        return self.panels["right"][0] if self.panels["right"] else None


def write_report(
    folder: str | Path,
    results: Mapping[str, Any],
    predictions: pa.Table,
    catalog: Catalog,
    curves: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write ``folder/report.html`` and return its path. All text from outside is escaped.

    Args:
        folder: the run's; its name is the page's name.
        results: as in results.json. Shown where there: ``baseline`` (recall@1 of colours alone per view) and ``phase1``
            (the results after the first phase).
        predictions: from :func:`gleam_c.evaluate.predict`.
        catalog: the queries and tiles that the predictions speak of, with pictures.
        curves: rows of metrics.jsonl (:func:`gleam_common.report.plots.curve_plots`).

    Raises:
        DataError: a picture is missing or broken.
    """
    folder = Path(folder)
    source = files("gleam_common.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"pct": percent, "metres": _metres, "count": _count, "sentence": _sentence}
    template = environment.from_string(source.joinpath("page.html.j2").read_text("utf-8"))
    views = [_view_report(results, predictions, catalog, view) for view in results["views"]]
    city = draw_city_map(catalog, predictions, results["seed"])
    page = template.render(
        css=Markup(source.joinpath("page.css").read_text("utf-8")),
        name=folder.resolve().name,
        headline=_headline(results),
        r=results,
        facts=_facts(results),
        views=views,
        **_table(results),
        map=city,
        dot=9,
        scale=None if city is None else _scale(city.metres_per_px),
        plots=curve_plots(curves),
        made_by=_made_by(results),
    )
    path = folder / "report.html"
    with write_atomic(path) as file:
        file.write(page.encode())
    return path


def _view_report(results: Mapping[str, Any], predictions: pa.Table, catalog: Catalog, view: str) -> ViewReport:
    metrics = results["views"][view]
    first = results.get("phase1", {}).get("views", {}).get(view)
    found = round(metrics["recall@1"]["value"] * metrics["queries"])
    return ViewReport(
        view=view,
        title=TITLES[view],
        queries=metrics["queries"],
        recall=metrics["recall@1"],
        chance=metrics["chance"]["recall@1"],
        colour=results.get("baseline", {}).get(view),
        phase1=None if first is None else first["recall@1"]["value"],
        median_m=metrics["median_error_m"]["value"] if "median_error_m" in metrics else None,
        counts={"right": found, "wrong": metrics["queries"] - found},
        panels=view_panels(catalog, predictions, view, results["seed"]),
    )


def _headline(results: Mapping[str, Any]) -> str:
    found = sum(view["recall@1"]["value"] * view["queries"] for view in results["views"].values())
    share = percent(found / results["queries"])
    return f"For {share} % of the pictures, the right tile comes first among {_count(results['gallery_size'])}."


def _facts(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    hardware = results["hardware"]
    machine = ", ".join(hardware["gpus"]) or f"{hardware['cores']} cores of {hardware['cpu']}"
    facts = [
        ("protocol", results["protocol"]),
        ("pictures", _count(results["queries"])),
        ("tiles", _count(results["gallery_size"])),
        ("seed", str(results["seed"])),
        ("machine", machine),
    ]
    for label, key in (("trained in", "training_wall_s"), ("evaluated in", "wall_s")):
        if key in results:
            facts.append((label, _duration(results[key])))
    return [*facts, ("commit", results["commit"] or "unknown")]


def _table(results: Mapping[str, Any]) -> dict[str, Any]:
    rows = view_rows(results)
    names = [name for name in (*METRICS, *RADII) if any(name in metrics for _, metrics in rows)]
    table = []
    for label, metrics in rows:
        cells = [_cell(metrics[name], percent) if name in metrics else None for name in names]
        table.append((label, [*cells, _cell(metrics.get("median_error_m"), _metres)]))
    views = results["views"].values()
    known = [name for name in names if all(name in view["chance"] for view in views)]
    mean = {name: sum(view["chance"][name] for view in views) / len(views) for name in known}
    chance = [f"{100 * mean[name]:.2f}" if name in mean else "" for name in names]
    columns = [HEADINGS.get(name, name) for name in names]
    return {"columns": [*columns, "median error"], "table": table, "chance": [*chance, ""]}


def _cell(metric: Mapping[str, float] | None, show: Any) -> dict[str, str] | None:
    return None if metric is None else {key: show(metric[key]) for key in ("value", "low", "high")}


def _made_by(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    hardware = results["hardware"]
    memory = "unknown" if hardware["memory_gib"] is None else f"{hardware['memory_gib']} GiB"
    made_by = [
        ("commit", results["commit"] or "unknown"),
        ("processor", f"{hardware['cpu']}, {hardware['cores']} cores, {memory}"),
        ("GPUs", ", ".join(hardware["gpus"]) or "none"),
        ("system", hardware["system"]),
    ]
    return [*made_by, *results["versions"].items()]


def _scale(metres_per_px: float) -> dict[str, float]:
    """Return a round length of at most a quarter of the map."""
    longest = 275 * metres_per_px
    metres = max(step * 10**power for power in range(6) for step in (1, 2, 5) if step * 10**power <= max(longest, 1))
    return {"metres": metres, "px": metres / metres_per_px}


def _metres(value: float) -> str:
    return f"{value:.0f} m" if value < 1000 else f"{value / 1000:.1f} km"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
