"""``gleam-x verify``, ``explain`` and ``merge``: a trained model on two pictures, and its adapter put into the base."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_json
from gleam_common.commands import run_function
from gleam_common.errors import ArtifactError, ConfigError, ModelError
from gleam_common.images import open_image

__all__ = ["explain_command", "merge_command", "verify_command"]


def verify(
    query: Path, tile: Path, model: Path, lang: str = "en", view: str = "uav", base: str = "", out: Path | None = None
) -> None:
    """Say whether a picture shows the place of a satellite tile, with a probability, asked in both orders.

    Args:
        query: the picture.
        tile: the satellite tile.
        model: folder of a finished `gleam-x train`, or of an adapter.
        lang: of the question, en or zh.
        view: of the picture: uav, map, panorama or ground.
        base: folder or hub id of the base; empty for the one that the run names.
        out: file for the answer as JSON.
    """
    trained, sample = _opened(query, tile, model, lang, view, base)
    answer = trained.answers([sample], explain=False, title="")[0]
    _report(_as_json(answer, lang, view), out)


def explain(
    query: Path, tile: Path, model: Path, lang: str = "en", view: str = "uav", base: str = "", out: Path | None = None
) -> None:
    """Say whether a picture shows the place of a satellite tile, and why, with the claims of the reason.

    Args:
        query: the picture.
        tile: the satellite tile.
        model: folder of a finished `gleam-x train`, or of an adapter.
        lang: of question and reason, en or zh.
        view: of the picture: uav, map, panorama or ground.
        base: folder or hub id of the base; empty for the one that the run names.
        out: file for the answer as JSON.
    """
    from gleam_x.claims_in_text import as_claims, read_statements

    trained, sample = _opened(query, tile, model, lang, view, base)
    answer = trained.answers([sample], title="")[0]
    if not answer.explanation.strip():
        raise ModelError(
            f"the model decided {answer.verdict!r} and gave an empty explanation", fix="train it longer, or on a base"
        )
    claims = as_claims(read_statements(answer.explanation, view, lang))
    reason = {"explanation": answer.explanation, "claims": [asdict(claim) for claim in claims]}
    _report(_as_json(answer, lang, view) | reason, out)


def merge(adapter: Path, out: Path, base: str = "", into_full_weights: bool = False) -> None:
    """Put an adapter into the weights of its base, check that the answers stay, and write the model.

    Args:
        adapter: folder of the adapter, or of a run that has one.
        out: new folder for the model, as `from_pretrained` reads it.
        base: folder or hub id of the base; empty for the one that the run names.
        into_full_weights: merge an adapter that was trained on four-bit weights into the base as it was before: that is
            not the model that was trained, so evaluate it again.
    """
    import torch

    from gleam_x.adapter_folder import load_adapter, merge_adapter
    from gleam_x.adapter_place import find_adapter
    from gleam_x.architecture import save_base
    from gleam_x.preparation import PREPARATION_FILE
    from gleam_x.quantise import check_combination
    from gleam_x.vlm import load_base

    place = find_adapter(adapter, base)
    if place.second is not None:
        raise ConfigError(f"{adapter} has two adapters", fix=f"give {place.first} or {place.second}")
    if not into_full_weights:
        check_combination(place.card.quantise, merges=True)
    if out.exists() and any(out.iterdir()):
        raise ArtifactError(f"{out} is not empty", fix="choose a new folder")
    loaded = load_base(place.base, None, torch.float32, place.card.budget, place.card.base.revision or None)
    merged = merge_adapter(load_adapter(loaded, place.first), place.card, _trial(loaded.processor))
    save_base(out, merged.model, loaded.processor)
    if (loaded.folder / PREPARATION_FILE).is_file():
        shutil.copy(loaded.folder / PREPARATION_FILE, out)
    print(f"merged into {out}; largest change of a logit: {merged.largest_change:.2e}")
    if merged.reevaluate:
        print("the adapter was trained on four-bit weights, so this is another model: evaluate it again")


def _trial(processor: Any) -> Any:
    """Return a batch of noise pictures with every language's question, to compare logits on."""
    import numpy as np

    from gleam_x.benchmark.schema import LANGUAGES
    from gleam_x.collate import Collator, Sample
    from gleam_x.prompts import Prompt

    noise_2HW3 = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    samples = [
        Sample(query=noise_2HW3[0], satellite=noise_2HW3[1], prompt=Prompt(view="uav", language=language))
        for language in LANGUAGES
    ]
    return Collator(processor, padding="left")(samples)


def _opened(query: Path, tile: Path, model: Path, lang: str, view: str, base: str) -> tuple[Any, Any]:
    """Return the trained model and the question; what can be refused without the model is refused before."""
    from gleam_x.collate import Sample
    from gleam_x.pixel_budget import check_shape
    from gleam_x.prompts import Prompt

    prompt = Prompt(view=view, language=lang)
    pictures = {path: open_image(path) for path in (query, tile)}
    for path, picture in pictures.items():
        check_shape(picture.height, picture.width, str(path))

    from gleam_x.pair_data import shrink
    from gleam_x.trained import open_trained

    trained = open_trained(model, base)
    seen = {
        path: shrink(picture, trained.base.processor.image_processor, str(path)) for path, picture in pictures.items()
    }
    return trained, Sample(query=seen[query], satellite=seen[tile], prompt=prompt, name=f"{query.name} and {tile.name}")


def _as_json(answer: Any, lang: str, view: str) -> dict[str, Any]:
    return {
        "verdict": answer.verdict,
        "probability": answer.probability,
        "score": answer.score.score,
        "score_query_first": answer.score.query_first,
        "score_satellite_first": answer.score.satellite_first,
        "leftover": answer.score.leftover,
        "language": lang,
        "view": view,
    }


def _report(found: dict[str, Any], out: Path | None) -> None:
    both = f"query first {found['score_query_first']:+.3f}, tile first {found['score_satellite_first']:+.3f}"
    print(f"{found['verdict']}: the same place with probability {found['probability']:.3f} (scores: {both})")
    if "explanation" in found:
        print(found["explanation"])
        for claim in found["claims"]:
            print("  " + " ".join(f"{key}={value}" for key, value in claim.items() if value not in ("", None)))
    if out is not None:
        write_json(out, found)


def _named(arguments: Sequence[str], program: str) -> list[str]:
    """Return the words with the two bare words at the beginning named: QUERY TILE."""
    words = list(arguments)
    bare = [word for word in words[:2] if not word.startswith("-")]
    if len(bare) == 1:
        raise ConfigError(
            "one picture where two are compared", value=bare[0], fix=f"`{program} QUERY.jpg TILE.jpg ...`"
        )
    return ["--query", bare[0], "--tile", bare[1], *words[2:]] if bare else words


def verify_command(arguments: Sequence[str]) -> None:
    """``gleam-x verify QUERY TILE --model DIR``."""
    run_function(verify, "gleam-x verify", _named(arguments, "gleam-x verify"))


def explain_command(arguments: Sequence[str]) -> None:
    """``gleam-x explain QUERY TILE --model DIR``."""
    run_function(explain, "gleam-x explain", _named(arguments, "gleam-x explain"))


def merge_command(arguments: Sequence[str]) -> None:
    """``gleam-x merge --adapter DIR --out DIR``."""
    run_function(merge, "gleam-x merge", arguments)
