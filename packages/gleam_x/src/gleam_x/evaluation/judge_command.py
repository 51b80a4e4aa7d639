"""``gleam-x judge``: which of two systems explains better, asked of a model behind an API."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gleam_common.commands import run_function
from gleam_common.errors import ConfigError, DataError, ModelError

if TYPE_CHECKING:
    from gleam_x.teachers.registry import Teacher

__all__ = ["judge", "judge_command"]

_REFERENCE = "reference"


def judge(
    first: Path,
    second: str,
    out: Path,
    judge: str,
    judge_model: str = "",
    judge_key_env: str = "",
    second_judge: str = "",
    second_judge_model: str = "",
    second_judge_key_env: str = "",
    taught_by: Sequence[str] = (),
    people: Path | None = None,
    benchmark: Path = Path("data/benchmark"),
    split: str = "test",
    count: int = 100,
    seed: int = 0,
    concurrency: int = 8,
    rpm: float = 60.0,
    attempts: int = 6,
    side_px: int = 768,
) -> None:
    """Let models judge whose explanations are better: `gleam-x judge RUN OTHER --out D --judge gpt-4o`.

    Each duel is asked in both orders of the texts; where the orders disagree it is a tie. Answers are kept in
    OUT/cache.jsonl, so that nothing is paid twice; OUT/judged.json has win rates with 95 % intervals by place.

    Args:
        first: a run with predictions.parquet, from `gleam-x evaluate`.
        second: another, or `reference` for the benchmark's own texts.
        out: folder for answers and result.
        judge: gpt-4o, doubao, or the base URL of any OpenAI-compatible API.
        judge_model: its id at the endpoint; needed with a URL.
        judge_key_env: name of the variable with the key; needed with a URL.
        second_judge: another judge; how far both agree is measured.
        second_judge_model: as judge_model.
        second_judge_key_env: as judge_key_env.
        taught_by: ids of models that wrote texts of either, or taught who did; they cannot be the only judges.
        people: JSON of what people chose, {record_id: "a", "b" or "tie"}, a being the first: judges are measured on it.
        benchmark: that both were evaluated on.
        split: of it.
        count: duels, drawn by the seed; 1 or more.
        seed: of draw and bootstrap; 0 or more.
        concurrency: requests under way at once.
        rpm: requests a minute to each judge.
        attempts: calls for a request before it is given up.
        side_px: longest side of pictures as they are sent.
    """
    from gleam_common.artifacts import write_json

    from gleam_x.evaluation.duels import draw_duels
    from gleam_x.evaluation.judge import hold_duels
    from gleam_x.evaluation.judge_scores import summarise_rulings
    from gleam_x.evaluation.predictions import PREDICTIONS_FILE, read_predictions
    from gleam_x.teachers.limits import Limits
    from gleam_x.teachers.registry import find_teacher, read_key

    for name, value, least in (("--count", count, 1), ("--seed", seed, 0)):
        if value < least:
            raise ConfigError(name, value=value, allowed=f"{least} or more")
    judges = [find_teacher(judge, judge_model, judge_key_env)]
    if second_judge:
        judges.append(find_teacher(second_judge, second_judge_model, second_judge_key_env))
    keys = {one.name: read_key(one) for one in judges}
    chosen = _choices(people)
    rows = read_predictions(first / PREDICTIONS_FILE)
    others = rows if second == _REFERENCE else read_predictions(Path(second) / PREDICTIONS_FILE)
    texts = {row.record_id: row.reference if second == _REFERENCE else row.text for row in others}
    limits = Limits(concurrency=concurrency, rpm=rpm, attempts=attempts)
    with tempfile.TemporaryDirectory() as pictures:
        duels = draw_duels(rows, texts, benchmark, split, Path(pictures), count, seed)
        out.mkdir(parents=True, exist_ok=True)
        rulings, stopped = hold_duels(duels, judges, keys, out / "cache.jsonl", limits, taught_by, side_px)
    if stopped and all(ruling.winner is None for ruling in rulings):
        raise ModelError(f"no judge could be asked: {stopped}", fix="mend it and run the same command again")
    found = summarise_rulings(rulings, chosen, seed) | {"a": first.name, "b": Path(second).name}
    write_json(out / "judged.json", found)
    print(_told(found, judges))
    if stopped:
        print(f"stopped early: {stopped}; the same command goes on")


def _choices(path: Path | None) -> dict[str, str]:
    """Return what people chose.

    Raises:
        DataError: no such file, or it holds something else.
    """
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no choices of people ({error})", allowed='{"record_id": "a"}') from None
    if not isinstance(found, dict) or not all(choice in ("a", "b", "tie") for choice in found.values()):
        raise DataError(f"{path}: no choices of people", allowed='{"record_id": "a", "b" or "tie"}')
    return found


def _told(found: dict[str, Any], judges: Sequence[Teacher]) -> str:
    lines = [f"a is {found['a']}, b is {found['b']}"]
    for one in judges:
        own = found["judges"][one.name]
        line = f"{one.name}: {own['duels']} duels, {own['without_answer']} without an answer"
        if "win_rate_a" in own:
            rate, agree = own["win_rate_a"], own["orders_agree"]
            line += f"; a wins {rate['value']:.3f} [{rate['low']:.3f} - {rate['high']:.3f}]"
            line += f"; both orders agree in {agree['value']:.3f}"
        if "with_people" in own:
            line += f"; as people in {own['with_people']['raw_agreement']['value']:.3f}"
        lines.append(line)
    return "\n".join(lines)


def judge_command(arguments: Sequence[str]) -> None:
    """Run :func:`judge` with ``arguments``."""
    run_function(judge, "gleam-x judge", arguments, first=("first", "second"))
