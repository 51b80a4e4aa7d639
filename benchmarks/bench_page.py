"""The page of the benchmarks: one file that loads nothing, in the style of the runs' reports."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from bench_plots import memory_plots, ratio_plot
from bench_rows import Row, range_of, shown
from gleam_common.artifacts import write_atomic
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

__all__ = ["write_page"]

TITLES = {
    "ceilings": "What the machine can do",
    "models": "Encoders alone",
    "epoch": "An epoch beside a plain loop",
    "loading": "Loading",
    "loss_memory": "Memory against the batch",
    "strategies": "Strategies",
    "rendering": "Rendering the embedded world",
    "mining": "Hard negatives",
    "evaluation": "Evaluation",
    "gallery_search": "Search",
}

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>GLEAM benchmarks</title><style>{{ css }}
.bench td, .bench th { text-align: left; } .bench .num { text-align: right; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 16px; margin: 14px 0; }
.plots figure { margin: 0; padding: 14px 16px; } .plots svg { width: 100%; height: auto; }
.share { --colour: var(--accent); min-width: 90px; }
</style></head><body><main>
<p class="kicker">GLEAM benchmarks</p>
<h1>What was reached of what {{ machine }} can do</h1>
<ul class="facts">{% for name, value in facts %}<li>{{ name }} <b>{{ value }}</b></li>{% endfor %}</ul>
{% for name, rows in groups %}
<h2>{{ titles.get(name, name) }}</h2>
<p class="note">benchmarks/{{ name }}.py{% if name in wall_s %}, {{ "%.0f"|format(wall_s[name]) }} s{% endif %}</p>
{% if plots.get(name) %}<div class="plots">
{% for title, svg in plots[name] %}<figure class="card"><h3>{{ title }}</h3>{{ svg }}</figure>{% endfor %}
</div>{% endif %}
<div class="card scroll"><table class="bench">
<thead><tr><th>what</th><th class="num">median</th><th>unit</th><th class="num">least - largest</th><th>share</th>
<th></th></tr></thead>
{% for row in rows %}<tr><th>{{ row.what }}</th>
<td class="num">{{ "–" if row.value is none else shown(row.value) }}</td><td>{{ row.unit }}</td>
<td class="num">{{ range_of(row) }}</td>
<td>{% if row.share is not none %}<div class="share">{{ "%.0f"|format(100 * row.share) }} %<div class="bar"
 style="--at: {{ "%.1f"|format([100 * row.share, 100]|min) }}%"><i></i></div></div>{% endif %}</td>
<td>{{ row.why or row.beside }}</td></tr>{% endfor %}
</table></div>
{% endfor %}
</main></body></html>
"""


def write_page(
    path: Path, rows: list[Row], results: Mapping[str, dict[str, Any] | None], wall_s: Mapping[str, float]
) -> Path:
    """Write the page of ``rows`` to ``path`` and return it. All text is escaped.

    Args:
        path: of the HTML file.
        rows: of all benchmarks, those of one behind each other.
        results: of each benchmark, None where there is none.
        wall_s: seconds that a benchmark took just now.
    """
    known = [one for one in results.values() if one is not None]
    hardware = known[0]["hardware"] if known else {}
    machine = ", ".join(hardware.get("gpus", [])) or f"{hardware.get('cores')} cores of {hardware.get('cpu')}"
    commits = sorted({str(one["commit"]) for one in known})
    facts = [("commit", ", ".join(commits)), ("date", max((str(one["date"]) for one in known), default="none"))]
    plots = {"epoch": ratio_plot(results.get("epoch")), "loss_memory": memory_plots(results.get("loss_memory"))}
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(PAGE).render(
        css=Markup(files("gleam_common.report").joinpath("page.css").read_text("utf-8")),
        machine=machine,
        facts=facts,
        groups=[(name, list(own)) for name, own in groupby(rows, key=lambda row: row.benchmark)],
        titles=TITLES,
        plots=plots,
        wall_s=wall_s,
        shown=shown,
        range_of=range_of,
    )
    with write_atomic(path) as file:
        file.write(page.encode())
    return path
