"""``gleam-x locate``: its signature is the options, its docstring the help.

What takes time to import is imported where it is used, after what can be refused without it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from gleam_common.commands import run_function

if TYPE_CHECKING:
    from gleam_x.pipeline.answer import Answer

__all__ = ["locate", "locate_command"]


def locate(
    photos: list[str],
    gallery: Path,
    model: Path,
    lang: str = "en",
    view: str = "auto",
    near: str | None = None,
    radius_m: float | None = None,
    candidates: int = 5,
    min_probability: float = 0.5,
    explain: bool = True,
    matcher: Path | None = None,
    base: str = "",
    tiles: Path | None = None,
    out: Path | None = None,
) -> None:
    """Find where photos were taken, verify it, and say why, or leave the answer open.

    GLEAM-C finds candidates in a gallery; GLEAM-X looks at each beside the photo; both together rank them and say how
    probable the first one is; GLEAM-X explains it.

    Args:
        photos: files, or folders of them, before the options; one answer each, in this order.
        gallery: folder that `gleam-c gallery build` wrote.
        model: folder of a finished `gleam-x train`.
        lang: of the reason, en or zh.
        view: uav, map, panorama or ground, of all photos; auto guesses it for each.
        near: LAT,LON or LAT,LON,RADIUS_M: search only around there.
        radius_m: how far around --near, in metres; 1000 by default.
        candidates: tiles in each answer, all of them verified.
        min_probability: below which an answer is left open, 0 to 1.
        explain: also give the reason; `--explain false` takes a fraction of the time.
        matcher: folder of the model that the gallery was built with; by default runs/NAME/model.
        base: folder or hub id of the run's base; empty for the one that the run names.
        tiles: folder of the pictures or the catalog that the gallery was built from: GLEAM-X then looks at them in
            full, not at the gallery's thumbnails.
        out: file to write: .html, .json or .geojson; a table on the terminal without it.
    """
    from gleam_x.pipeline.write import check_place, check_suffix, write_answers

    if out is not None:
        check_suffix(out)
    from gleam_x.pipeline.locator import Locator, Question

    question = Question(
        language=lang,
        view=view,
        candidates=candidates,
        min_probability=min_probability,
        explain=explain,
        near=near,
        radius_m=radius_m,
    )
    from gleam_common.progress import progress

    from gleam_x.matcher import photo_files
    from gleam_x.pipeline.table import terminal_table

    paths = photo_files(photos)
    locator = Locator.open(gallery, model, matcher, base, tiles)
    answers: list[Answer] = []
    for answer in progress(locator.stream(paths, question), total=len(paths), desc="photos", unit="photo", delay=1):
        if out is not None and not answers:
            check_place(out, answer)
        answers.append(answer)
    if out is None:
        print(terminal_table(answers))
    else:
        write_answers(out, answers)
        print(f"answers: {out}")
    if not all(answer.is_fused for answer in answers):
        print(
            "note: probabilities are GLEAM-X's alone, in GLEAM-C's order; `gleam-x evaluate-pipeline` fits the fusion",
            file=sys.stderr,
        )


def locate_command(words: Sequence[str]) -> None:
    """Run ``gleam-x locate``: the words before the first option are photos."""
    photos = list(takewhile(lambda word: not word.startswith("-"), words))
    named = [json.dumps(photos, ensure_ascii=False)] if photos else []
    run_function(locate, "gleam-x locate", [*named, *_south(words[len(photos) :])], first="photos")


def _south(words: Sequence[str]) -> list[str]:
    """Join ``--near`` and its value: argparse takes -33,151,500 for an option."""
    at = words.index("--near") if "--near" in words[:-1] else len(words)
    return [*words[:at], *(["=".join(words[at : at + 2])] if at < len(words) else []), *words[at + 2 :]]
