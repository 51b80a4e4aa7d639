"""A trained model opened from its run: it gives verdicts, probabilities and explanations that belong together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from gleam_common.artifacts import read_json, write_json
from gleam_common.errors import DataError, ModelError

from gleam_x.adapter_folder import AdapterCard, load_adapter, read_card
from gleam_x.adapter_place import find_adapter
from gleam_x.agreeing import agreeing_reasons
from gleam_x.answering import explain_all, explanation_of, scores_of, told
from gleam_x.calibration import Calibration, fit_calibration, group_name
from gleam_x.collate import Collator, Sample
from gleam_x.open_base import open_base
from gleam_x.pair_data import read_split
from gleam_x.verdict import VerdictScore
from gleam_x.vlm import Base

__all__ = ["Answer", "Trained", "calibrate", "open_trained"]

UNCALIBRATED = Calibration(pooled=(1.0, 0.0), groups={})
_PEFT_NAME = {"verify": "default", "explain": "explain"}
_VERIFY_TASK = {"task_prefix": "verify", "two_adapters": "verify"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model says about one pair.

    Attributes:
        name: of the sample.
        score: in both orders of the pictures.
        probability: that they show the same place, calibrated where the run has a calibration.
        verdict: "yes" or "no": whether the probability reaches one half.
        explanation: of that verdict; empty when none was asked for.
    """

    name: str
    score: VerdictScore
    probability: float
    verdict: str
    explanation: str


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A base with its adapter, or with two, of which one verifies and one explains.

    Attributes:
        base: that the adapters belong to.
        model: peft's wrapping, in evaluation mode.
        card: of the adapter that verifies.
        recipe: of the training.
        calibration: of the scores.
        collator: padding on the left.
        turn: held while the model is used: between two words it keeps positions and the adapter in itself, so that two
            threads would write each other's.
    """

    base: Base
    model: Any
    card: AdapterCard
    recipe: str
    calibration: Calibration
    collator: Collator
    turn: threading.RLock = field(default_factory=threading.RLock, compare=False, repr=False)

    @property
    def explains(self) -> bool:
        """Whether the recipe taught it to explain."""
        return self.recipe != "label_only"

    def scores(self, samples: Sequence[Sample], batch_size: int = 0, title: str = "verdicts") -> list[VerdictScore]:
        """Return the verdict scores of pairs, whatever task their samples have, in order."""
        return [answer.score for answer in self.answers(samples, explain=False, batch_size=batch_size, title=title)]

    def answers(
        self,
        samples: Sequence[Sample],
        explain: bool = True,
        batch_size: int = 0,
        max_new_tokens: int = 256,
        title: str = "verdicts",
    ) -> list[Answer]:
        """Return verdict, probability and explanation of pairs, in order.

        Args:
            samples: pairs; view, language and order of their prompts are kept, the task is the recipe's.
            explain: whether to generate explanations (explain_first does so in any case: its verdict stands behind).
            batch_size: pairs at once while scoring; 0 for what suits the model's size.
            max_new_tokens: longest explanation.
            title: of the bar; empty for none.

        Raises:
            ModelError: explanations are asked of a model that was taught none.
        """
        if explain and not self.explains:
            raise ModelError(
                "a model trained for labels only gives no explanation", fix="train `--recipe verdict_first`"
            )
        if self.recipe == "explain_first":
            with self.turn:
                return self._explained_first(samples, batch_size, max_new_tokens, title)
        asked = [_asking(sample, _VERIFY_TASK.get(self.recipe, self.recipe)) for sample in samples]
        with self.turn:
            self._use("verify")
            answers = self._judged(asked, scores_of(self.model, self.collator, asked, batch_size, title))
        if not explain:
            return answers
        reasons = self.explanations(samples, [answer.verdict for answer in answers], max_new_tokens, title)
        return [replace(answer, explanation=reason) for answer, reason in zip(answers, reasons, strict=True)]

    def explanations(
        self, samples: Sequence[Sample], verdicts: Sequence[str], max_new_tokens: int = 256, title: str = "verdicts"
    ) -> list[str]:
        """Return the explanations of verdicts that somebody decided, in order; one that argues against its verdict is
        drawn again (:mod:`gleam_x.agreeing`).

        A model that explains first is not told them: it writes what it sees and comes to its own.

        Args:
            samples: see :meth:`answers`.
            verdicts: "yes" or "no" of each.
            max_new_tokens: longest explanation.
            title: empty for no bar.

        Raises:
            ModelError: the model was taught no explanations.
        """
        if not self.explains:
            raise ModelError(
                "a model trained for labels only gives no explanation", fix="train `--recipe verdict_first`"
            )

        def drawn(asked: Sequence[Sample], draw: int) -> list[str]:
            bar = title and ("explanations" if not draw else f"drawn again ({draw})")
            texts = explain_all(self.model, self.collator, asked, max_new_tokens, title=bar, draw=draw)
            return [explanation_of(sample, text) for sample, text in zip(asked, texts, strict=True)]

        if self.recipe == "explain_first":
            with self.turn:
                return drawn([_asking(sample, "explain_first") for sample in samples], 0)
        task = "verdict_first" if self.recipe == "verdict_first" else "explain"
        begun = [told(_asking(sample, task), verdict) for sample, verdict in zip(samples, verdicts, strict=True)]
        with self.turn:
            self._use("explain")
            return agreeing_reasons(begun, verdicts, drawn)

    def _explained_first(
        self, samples: Sequence[Sample], batch_size: int, max_new_tokens: int, title: str
    ) -> list[Answer]:
        asked = [_asking(sample, "explain_first") for sample in samples]
        reasons = self.explanations(samples, [""] * len(samples), max_new_tokens, title)
        begun = [replace(sample, begun=f"{reason}\n") for sample, reason in zip(asked, reasons, strict=True)]
        answers = self._judged(begun, scores_of(self.model, self.collator, begun, batch_size, title))
        return [replace(answer, explanation=reason) for answer, reason in zip(answers, reasons, strict=True)]

    def _judged(self, samples: Sequence[Sample], scores: Sequence[VerdictScore]) -> list[Answer]:
        groups = [group_name(sample.prompt.view, sample.prompt.language) for sample in samples]
        known = [group if group in self.calibration.groups else "" for group in groups]
        chances = self.calibration.probability([score.score for score in scores], known).tolist()
        return [
            Answer(name=sample.name, score=score, probability=p, verdict="yes" if p >= 0.5 else "no", explanation="")
            for sample, score, p in zip(samples, scores, chances, strict=True)
        ]

    def _use(self, adapter: str) -> None:
        """Switch to one of two adapters; nothing where there is one."""
        if self.recipe == "two_adapters":
            self.model.set_adapter(_PEFT_NAME[adapter], inference_mode=True)


def _asking(sample: Sample, task: str) -> Sample:
    return replace(sample, prompt=replace(sample.prompt, task=task, told_verdict=""), target=None, begun="")


def open_trained(folder: Path | str, base: str = "", dtype: torch.dtype | None = None) -> Trained:
    """Open a run of ``gleam-x train``, or an adapter by itself, on a GPU when there is one.

    Args:
        folder: of the run, or of the adapter.
        base: folder or hub id; empty for the one that the run or the adapter's card names.
        dtype: of the base's weights; None for bfloat16 on a GPU and float32 on a CPU.

    Raises:
        ModelError: no trained model, or the base or the adapter does not fit.
    """
    place = find_adapter(folder, base)
    card = place.card
    recipe = str(card.recipe.get("recipe", "verdict_first"))
    if recipe == "two_adapters" and place.second is None:
        raise ModelError(f"{folder} is one of two adapters", fix="give the folder of their run")
    loaded = open_base(place.base, card.quantise, dtype, card.budget, card.base.revision)
    model = load_adapter(loaded, place.first)
    if place.second is not None:
        _add_adapter(model, place.second, card)
    stored = place.run / "calibration.json"
    return Trained(
        base=loaded,
        model=model.to("cuda" if torch.cuda.is_available() else "cpu").eval(),
        card=card,
        recipe=recipe,
        calibration=Calibration.from_json(read_json(stored)) if stored.is_file() else UNCALIBRATED,
        collator=Collator(loaded.processor, padding="left", budget=card.budget),
    )


def _add_adapter(model: Any, folder: Path, first: AdapterCard) -> None:
    """Load a second adapter beside the first; both must have been trained alike."""
    card = read_card(folder)
    if (card.base, card.prompt_version, card.budget, card.lora) != (
        first.base, first.prompt_version, first.budget, first.lora,
    ):  # fmt: skip
        raise ModelError(f"the adapters of {folder.parent} do not belong together", fix="train them again")
    try:
        found = model.load_adapter(str(folder), adapter_name=_PEFT_NAME["explain"], is_trainable=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder} cannot be loaded: {error}", fix="train it again") from error
    absent = [key for key in (*found.missing_keys, *found.unexpected_keys) if f".{_PEFT_NAME['explain']}." in key]
    if absent:
        raise ModelError(f"{folder}: not the weights that the adapter needs", value=absent[:2], fix="train it again")


def calibrate(run: Path, benchmark: str) -> Calibration:
    """Fit the calibration of a run on the validation split of ``benchmark``, write ``calibration.json`` and return it.

    Where the split is too small for a fit (one verdict only), scores stay as they are.
    """
    trained = open_trained(run)
    split = read_split(benchmark, "validation", trained.base.processor.image_processor)
    scores = trained.scores(split.samples("verify"), title="calibration")
    groups = [group_name(record.view, record.language) for record in split.records]
    try:
        truth = [record.same_place for record in split.records]
        fitted = fit_calibration([score.score for score in scores], truth, groups)
    except DataError as error:
        print(f"not calibrated: {error}")
        fitted = UNCALIBRATED
    write_json(run / "calibration.json", fitted.to_json())
    return fitted
