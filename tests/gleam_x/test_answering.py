"""Scores and explanations of many pairs: whatever the batch, in order, and about the same verdict."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import gleam_x.trained as trained_module
import pytest
import torch
from gleam_common.errors import ConfigError, DataError, ModelError
from gleam_x.answering import Drawn, explain_all, explanation_of, scores_of, told
from gleam_x.calibration import Calibration
from gleam_x.collate import Collator, Sample
from gleam_x.lora import LoraSpec
from gleam_x.pixel_budget import PixelBudget
from gleam_x.recipe import Recipe, TrainerConfig
from gleam_x.trained import Trained, open_trained
from gleam_x.training import train
from gleam_x.verdict import score_pairs
from tiny_benchmark import write_benchmark
from tiny_vlm import picture, sample, tiny_model, tiny_processor


def asked(count: int, task: str = "verdict_first") -> list[Sample]:
    """Questions of unlike lengths, in both languages."""
    return [
        replace(sample(n, "en" if n % 3 else "zh", task, verdict=None), satellite=picture(n, 56, 56 + 28 * (n % 2)))
        for n in range(count)
    ]


def lively() -> Any:
    """A random model that says something else to every pair."""
    model = tiny_model()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1 and "embed" not in name:
                value.mul_(10.0)
    return model


def test_scores_come_in_order_whatever_the_batch() -> None:
    model, samples = lively(), asked(7)
    wanted = [score.score for score in score_pairs(model, Collator(tiny_processor(), padding="left"), samples, 1)]
    for size in (2, 16):
        found = [score.score for score in scores_of(model, tiny_processor(), samples, size, title="")]
        assert found == pytest.approx(wanted, abs=2e-4)
    assert len({round(score, 3) for score in wanted}) == 7


def test_explanations_are_the_same_whatever_the_batch() -> None:
    model, samples = lively(), asked(7)
    collator = Collator(tiny_processor(), padding="left")
    alone = [explain_all(model, collator, [one], 12, 1, title="")[0] for one in samples]
    for size in (3, 16):
        assert explain_all(model, collator, samples, 12, size, title="") == alone
    assert len(set(alone)) > 4
    with pytest.raises(ConfigError, match="pads on the right"):
        explain_all(model, Collator(tiny_processor()), samples)


def test_drawn_explanations_are_the_same_whatever_the_batch_and_differ_by_draw() -> None:
    model, samples = lively(), asked(5)
    collator = Collator(tiny_processor(), padding="left")
    drawn = [explain_all(model, collator, samples, 12, 16, title="", draw=draw) for draw in (0, 1, 2)]
    assert [explain_all(model, collator, [one], 12, 1, title="", draw=1)[0] for one in samples] == drawn[1]
    assert drawn[0] != drawn[1] != drawn[2]


def test_words_are_drawn_as_often_as_the_model_means_them() -> None:
    logits_BV = torch.tensor([[0.0, 0.7, -0.7]])
    drawn = [int(Drawn(draw)(torch.empty(1, 0), logits_BV).argmax()) for draw in range(4000)]
    wanted = (logits_BV[0] / 0.7).softmax(0)
    assert (torch.bincount(torch.tensor(drawn)) / 4000).tolist() == pytest.approx(wanted.tolist(), abs=0.03)


def test_generation_ends_at_the_end_of_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    model, samples = lively(), asked(2)
    collator = Collator(tiny_processor(), padding="left")
    free = explain_all(model, collator, samples[:1], 8, title="")[0]
    tokens = tiny_processor().tokenizer.encode(free, add_special_tokens=False)
    assert len(tokens) > 3
    monkeypatch.setattr(collator, "end_id", tokens[-1])  # the text repeats itself
    short = explain_all(model, collator, samples[:1], 8, title="")[0]
    assert free.startswith(short)
    assert len(short) < len(free)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("verdict", ["yes", "no"])
def test_behind_a_verdict_the_model_goes_on_as_it_learnt(language: str, verdict: str) -> None:
    """What was begun and what is learnt behind it are the very tokens of the whole target."""
    learnt = sample(0, language, verdict=verdict)
    begun = told(learnt, verdict)
    collator = Collator(tiny_processor())
    whole = collator([learnt])["input_ids"][0].tolist()
    start = collator([begun])["input_ids"][0].tolist()
    assert begun.target is None
    assert whole[: len(start)] == start
    assert (
        explanation_of(begun, learnt.target.text.removeprefix(begun.begun))
        == learnt.target.text[len(begun.begun) + 1 :].strip()
    )  # type: ignore[union-attr]


def test_a_task_is_told_its_verdict_or_refuses() -> None:
    explained = told(asked(1, "explain")[0], "no")
    assert (explained.prompt.told_verdict, explained.begun) == ("no", "")
    with pytest.raises(ConfigError, match="no explanation behind a verdict"):
        told(asked(1, "verify")[0], "no")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """Two steps of three recipes."""
    folder = tmp_path_factory.mktemp("runs")
    write_benchmark(folder / "b")
    for name in ("verdict_first", "label_only", "two_adapters"):
        settings = Recipe(
            base="nano", benchmark=str(folder / "b"), recipe=name, max_steps=2, lr=5e-2, warmup=0.0, panel=0,
            lora=LoraSpec(dropout=0.0), budget=PixelBudget(min_pixels=784, max_pixels=7056),
            trainer=TrainerConfig(strategy="single", accelerator="cpu", threads=1),
        )  # fmt: skip
        train(settings, folder / name)
    return {path.name: open_trained(path) for path in folder.iterdir() if path.name != "b"}


@pytest.mark.parametrize(("bias", "verdict", "word"), [(-50.0, "yes", {"Yes", "是"}), (50.0, "no", {"No", "不是"})])
def test_the_explanation_is_of_the_verdict_that_the_calibrated_score_decides(
    bias: float, verdict: str, word: set[str], runs: dict[str, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Sample] = []

    def spy(model: Any, collator: Any, samples: list[Sample], *rest: Any, **more: Any) -> list[str]:
        seen.extend(samples)
        return [". A reason." for _ in samples]

    monkeypatch.setattr(trained_module, "explain_all", spy)
    calibration = Calibration(pooled=(1.0, bias), groups={})
    for name in ("verdict_first", "two_adapters"):
        seen.clear()
        answers = replace(runs[name], calibration=calibration).answers(asked(3), title="")
        assert {answer.verdict for answer in answers} == {verdict}
        assert [answer.name for answer in answers] == ["s0", "s1", "s2"]
        told_words = {one.begun for one in seen} | {one.prompt.told_verdict for one in seen}
        assert told_words == (word | {""} if name == "verdict_first" else {verdict, ""})
    assert answers[0].explanation == ". A reason."


def test_threads_take_turns_in_the_model(runs: dict[str, Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = [0], [0]

    def counted(model: Any, collator: Any, samples: list[Sample], *_: Any, **__: Any) -> list[Any]:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        inside[0] -= 1
        return [f". {len(samples)}"] * len(samples)

    monkeypatch.setattr(trained_module, "explain_all", counted)
    with ThreadPoolExecutor(4) as pool:
        asks = [pool.submit(runs["two_adapters"].explanations, asked(2), ["yes", "no"], title="") for _ in range(4)]
        assert all(len(ask.result()) == 2 for ask in asks)
    assert most == [1]


def test_each_of_two_adapters_does_its_own(runs: dict[str, Trained]) -> None:
    both = runs["two_adapters"]
    first = both.scores(asked(3), title="")
    both.answers(asked(3), max_new_tokens=4, title="")
    assert both.model.active_adapters == ["explain"]
    explains = scores_of(both.model, both.collator, asked(3, "verify"), title="")
    assert [score.score for score in both.scores(asked(3), title="")] == [score.score for score in first]
    assert both.model.active_adapters == ["default"]
    assert max(abs(a.score - b.score) for a, b in zip(first, explains, strict=True)) > 1e-3


def test_a_calibration_is_of_the_view_and_language(runs: dict[str, Trained]) -> None:
    groups = {"uav/zh": (1.0, -80.0), "uav/en": (1.0, 80.0)}
    answers = replace(runs["label_only"], calibration=Calibration(pooled=(1.0, 0.0), groups=groups)).answers(
        asked(3), explain=False, title=""
    )
    assert [answer.verdict for answer in answers] == ["yes", "no", "no"]
    with pytest.raises(ModelError, match="labels only"):
        runs["label_only"].answers(asked(1), title="")


def test_a_picture_that_cannot_be_seen_is_named(runs: dict[str, Trained]) -> None:
    endless = replace(asked(1)[0], query=picture(0, 2, 600))
    with pytest.raises(DataError, match=r"picture 0 of sample s0 is too long and narrow"):
        runs["verdict_first"].scores([endless], title="")


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no trained model"):
        open_trained(tmp_path)
