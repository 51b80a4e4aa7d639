"""One self-contained page about GLEAM-X: headline, groups, trust, failures, baselines and probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_atomic
from gleam_common.metrics.explanation import METRICS
from gleam_common.report.page import TITLES
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.evaluation.drawings import reliability_svg, risk_svg, scores_svg
from gleam_x.evaluation.failures import Pictures, make_gallery
from gleam_x.evaluation.predictions import Prediction

__all__ = ["write_report"]

_COLUMNS = {
    "auroc": "AUROC",
    "accuracy": "accuracy",
    "yes_rate": "yes",
    "ece": "ECE",
    "claim_precision": "claims right",
    "claim_precision_strict": "exact",
    "claim_recall": "claims found",
    "hallucination_rate": "invented",
    "contradiction_rate": "contradicts",
    "order_flip_rate": "order flips",
}
_PROBE_COLUMNS = {
    "shift_positives": "shift, same place",
    "shift_negatives": "shift, other place",
    "yes_to_no": "yes to no",
    "no_to_yes": "no to yes",
    "auroc": "AUROC",
    "claims_changed": "claims changed",
}
_LANGUAGES = {"en": "English", "zh": "Chinese"}
_SCORES = {"chrf": "chrF", "bleu": "BLEU", "rouge_1": "ROUGE-1", "rouge_l": "ROUGE-L"}


@dataclass(frozen=True, kw_only=True)
class _Card:
    title: str
    metric: Mapping[str, float | None]
    about: str
    chance: float | None = None


def write_report(
    folder: str | Path, results: Mapping[str, Any], rows: Sequence[Prediction], pictures: Pictures, most: int = 6
) -> Path:
    """Write ``folder/report.html`` and return its path. All text from outside is escaped.

    Args:
        folder: the run's; its name is the page's name.
        results: of :func:`gleam_x.evaluation.results.evaluate_predictions`.
        rows: that the results were made from.
        pictures: gives the query and the tile of a row; asked only for the failures that are shown.
        most: failures of each kind.
    """
    folder = Path(folder)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": _number, "share": _share}
    template = environment.from_string(_source("report.html.j2"))
    text = results["text"]
    page = template.render(
        css=Markup(files("gleam_common.report").joinpath("page.css").read_text("utf-8") + _source("report.css")),
        name=folder.resolve().name,
        headline=_headline(results),
        facts=_facts(results),
        cards=_cards(results),
        columns=_COLUMNS,
        groups=_groups(results),
        reliability=Markup(reliability_svg(rows)),
        risk=Markup(risk_svg(rows)),
        scores=Markup(scores_svg(rows)),
        galleries=make_gallery(rows, pictures, most, results["seed"]),
        titles=TITLES,
        baselines=[(name.replace("_", " "), numbers) for name, numbers in results["baselines"].items()],
        probes=[(name.replace("_", " "), numbers) for name, numbers in results["probes"].items()],
        probe_columns=_PROBE_COLUMNS,
        texts=[
            (f"{_SCORES[name]}, {_LANGUAGES[language]}", text[language][name])
            for language in LANGUAGES
            if language in text
            for name in METRICS
        ],
        not_run={name: note for name, note in text.items() if isinstance(note, str)},
        r=results,
        made_by=_made_by(results),
    )
    path = folder / "report.html"
    with write_atomic(path) as file:
        file.write(page.encode())
    return path


def _source(name: str) -> str:
    return files("gleam_x.evaluation").joinpath(name).read_text("utf-8")


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", "−")


def _share(value: float) -> str:
    """Return percent for a bar, kept from 0 to 100."""
    return f"{100 * min(1.0, max(0.0, value)):.2f}"


def _headline(results: Mapping[str, Any]) -> str:
    verdicts = f"The verdict is right on {100 * results['accuracy']['value']:.0f}\u00a0% of {results['pairs']:,} pairs"
    if results["claim_precision"]["value"] is None:
        return f"{verdicts}; no reasons were generated."
    return f"{verdicts}; {100 * results['claim_precision']['value']:.0f}\u00a0% of what its reasons claim is there."


def _facts(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = {"recipe": "recipe", "split": "split"}
    facts = [(label, str(results[key])) for key, label in names.items() if key in results]
    counts = [(label, f"{results[label]:,}") for label in ("records", "pairs", "places")]
    return [*facts, *counts, ("seed", str(results["seed"])), ("commit", results["commit"] or "unknown")]


def _cards(results: Mapping[str, Any]) -> list[_Card]:
    frequent = results["baselines"].get("most_frequent_claims", {}).get("claim_precision", {}).get("value")
    of_frequent = "" if frequent is None else "; ┊ most frequent claims"
    cards = [
        _Card(title="AUROC", metric=results["auroc"], about="same places above others; ┊ guessing", chance=0.5),
        _Card(title="Accuracy", metric=results["accuracy"], about="of calibrated verdicts"),
        _Card(
            title="Claims right",
            metric=results["claim_precision"],
            about=f"kind, colour and place, as the picture shows{of_frequent}",
            chance=frequent,
        ),
        _Card(
            title="Invented", metric=results["hallucination_rate"], about="claimed things that neither picture shows"
        ),
        _Card(title="Contradicts", metric=results["contradiction_rate"], about="texts against the own verdict"),
    ]
    if results["auroc_fused"]["value"] is not None:
        alone = results["auroc_c"]["value"]
        fused = _Card(
            title="With GLEAM-C", metric=results["auroc_fused"], about="AUROC, fused; ┊ GLEAM-C alone", chance=alone
        )
        cards.insert(1, fused)
    return cards


def _groups(results: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    return [
        ("", [("all", results)]),
        ("view of the query", [(TITLES[view], numbers) for view, numbers in results["by_view"].items()]),
        ("language", [(_LANGUAGES[name], numbers) for name, numbers in results["by_language"].items()]),
        ("negatives", list(results["by_negative_kind"].items())),
    ]


def _made_by(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    hardware = results["hardware"]
    made_by = [
        ("commit", results["commit"] or "unknown"),
        ("processor", f"{hardware['cpu']}, {hardware['cores']} cores"),
        ("GPUs", ", ".join(hardware["gpus"]) or "none"),
        ("system", hardware["system"]),
        ("evaluated in", f"{results['wall_s']:.0f} s"),
    ]
    return [*made_by, *results["versions"].items()]
