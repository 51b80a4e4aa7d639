"""The function behind ``gleam-x annotate``: its signature is the options, its docstring the help."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gleam_common.commands import run_function
from gleam_common.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from gleam_x.benchmark.schema import Language
    from gleam_x.teachers.pairs import Pair
    from gleam_x.teachers.registry import Prices

__all__ = ["annotate", "annotate_command"]


def annotate(
    catalog: Path,
    out: Path,
    teacher: str,
    model: str = "",
    key_env: str = "",
    price_in: float | None = None,
    price_out: float | None = None,
    currency: str = "USD",
    second_teacher: str = "",
    second_model: str = "",
    second_key_env: str = "",
    second_price_in: float | None = None,
    second_price_out: float | None = None,
    root: Path | None = None,
    pairs: Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    language: str = "both",
    blind_share: float = 0.1,
    overlap_share: float | None = None,
    seed: int = 1,
    side_px: int = 768,
    max_cost: float | None = None,
    concurrency: int = 8,
    rpm: float = 60.0,
    tpm: float | None = None,
    attempts: int = 6,
    timeout_s: float = 180.0,
    dry_run: bool = False,
) -> None:
    """Let a teacher say why pairs of pictures show the same place or not: a vision-language model behind an API.

    The same command goes on after a kill, a spent budget or a failure; what was paid for is never asked again. Keys
    are read from the environment alone.

    Args:
        catalog: folder with gallery.parquet and queries.parquet.
        out: folder for cache.jsonl (every reply), records.jsonl, blind.jsonl, overlap.jsonl and report.json.
        teacher: gpt-4o, doubao, or the base URL of any OpenAI-compatible API.
        model: its id at the endpoint; needed with a URL, otherwise instead of the usual one.
        key_env: name of the variable with the key; needed with a URL, otherwise instead of the usual one.
        price_in: money per million input tokens, where the price of the model is not known or has changed.
        price_out: money per million output tokens.
        currency: of all prices given here.
        second_teacher: asked blind about the overlap sample, for the agreement of both.
        second_model: as model.
        second_key_env: as key_env.
        second_price_in: as price_in.
        second_price_out: as price_out.
        root: what picture paths are relative to; the catalog's folder if not given.
        pairs: JSONL with query_id, gallery_id, same_place and maybe negative_kind; without it each query gives a
            positive and a random negative.
        split: of the queries that pairs are drawn from.
        limit: pairs in all.
        language: en, zh or both; a question for each.
        blind_share: of the pairs that are also asked about without the label, 0 to 1.
        overlap_share: of the pairs that both teachers are asked about, 0 to 1; a tenth if not given.
        seed: of the drawn pairs and samples.
        side_px: longest side of pictures as they are sent.
        max_cost: money that each teacher may cost in this folder, all runs together, in the currency of its prices.
        concurrency: requests under way at once.
        rpm: requests a minute to each teacher.
        tpm: tokens a minute to each teacher.
        attempts: calls for a request before it is given up for this run.
        timeout_s: seconds for one call.
        dry_run: print what is to be asked and what it costs at most; send and write nothing.
    """
    from gleam_x.teachers.annotate import Plan, annotate_pairs, estimate
    from gleam_x.teachers.limits import Limits
    from gleam_x.teachers.registry import find_teacher

    if seed < 0:
        raise ConfigError("seed of the drawn pairs", value=seed, allowed="0 or more")
    first = find_teacher(teacher, model, key_env, _prices(price_in, price_out, currency))
    second_prices = _prices(second_price_in, second_price_out, currency)
    second = find_teacher(second_teacher, second_model, second_key_env, second_prices) if second_teacher else None
    if second is None and (second_model or second_key_env or second_prices or overlap_share is not None):
        raise ConfigError(
            "--overlap-share and the options --second-... need a second teacher", fix="add --second-teacher"
        )
    limits = Limits(
        concurrency=concurrency, rpm=rpm, tpm=tpm, attempts=attempts, timeout_s=timeout_s, max_cost=max_cost
    )
    plan = Plan(
        pairs=_pairs(catalog, root, pairs, split, limit, seed),
        teacher=first,
        second_teacher=second,
        languages=_languages(language),
        blind_share=blind_share,
        overlap_share=0.1 if overlap_share is None else overlap_share,
        seed=seed,
        side_px=side_px,
    )
    if dry_run:
        print(json.dumps(estimate(plan, out), indent=2, ensure_ascii=False))
        return
    report = annotate_pairs(plan, out, limits)
    _tell(report, out)


def annotate_command(arguments: Sequence[str]) -> None:
    """``gleam-x annotate --catalog C --teacher gpt-4o --out DIR ...``."""
    run_function(annotate, "gleam-x annotate", arguments)


def _prices(price_in: float | None, price_out: float | None, currency: str) -> Prices | None:
    from gleam_x.teachers.registry import Prices

    if price_in is None and price_out is None:
        return None
    if price_in is None or price_out is None:
        raise ConfigError("one of two prices is missing", fix="give both --price-in and --price-out")
    for price in (price_in, price_out):
        if not 0 <= price < float("inf"):
            raise ConfigError("a price per million tokens", value=price, allowed="0 or more")
    return Prices(currency=currency, input=price_in, cached_input=price_in, output=price_out, as_of="command line")


def _languages(language: str) -> tuple[Language, ...]:
    from gleam_x.benchmark.schema import LANGUAGES

    found = tuple(known for known in LANGUAGES if language in (known, "both"))
    if not found:
        raise ConfigError("unknown language", value=language, allowed=[*LANGUAGES, "both"])
    return found


def _pairs(
    folder: Path, root: Path | None, listed: Path | None, split: str | None, limit: int | None, seed: int
) -> tuple[Pair, ...]:
    from gleam_common.catalog import Catalog

    from gleam_x.teachers.pairs import draw_pairs, read_pairs

    if limit is not None and limit < 1:
        raise ConfigError("--limit", value=limit, allowed="1 or more")
    catalog = Catalog.read(folder, root)
    if listed is None:
        return tuple(draw_pairs(catalog if split is None else catalog.select(split), seed, limit))
    if split is not None:
        raise ConfigError("--split is for drawn pairs", value=split, fix="leave out --split or --pairs")
    return tuple(read_pairs(catalog, listed)[:limit])


def _tell(report: dict[str, Any], out: Path) -> None:
    """Print the report's main lines.

    Raises:
        ModelError: the teacher could not be asked; says why.
    """
    endings = ", ".join(f"{count} {name}" for name, count in sorted(report["outcomes"].items()))
    print(f"{report['questions']} questions: {endings or 'no answers'}; {report['not_answered_yet']} not answered yet")
    for name, bill in report["teachers"].items():
        cost = "unknown" if bill["cost"] is None else f"{bill['prices_per_million_tokens']['currency']} {bill['cost']}"
        blind = report["blind_against_truth"][name]
        print(f"{name}: cost {cost}; {blind['compared']} blind verdicts, agreement with the truth {blind['agreement']}")
    print(f"records and report: {out}")
    if report["failed"]:
        raise ModelError(
            f"stopped: {report['stopped']}", fix="mend it and run the same command again; what was paid for is kept"
        )
    if report["stopped"]:
        print(f"stopped: {report['stopped']}")
