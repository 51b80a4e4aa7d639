"""One step of training: the loss of a window, who is awake, what is drawn, kept and logged."""

from __future__ import annotations

import math
from typing import Any

import lightning as L  # noqa: N812
import pytest
import torch
from gleam_common.errors import ModelError
from gleam_x.collate import Collator
from gleam_x.lora import LoraSpec, attach_lora, decoder_layers
from gleam_x.losses import count_spans, span_loss, supervised_logits, total_counts
from gleam_x.module import SftModule, learning_rate_factor
from gleam_x.recipe import Recipe
from gleam_x.step_loader import WINDOW
from tiny_vlm import sample, tiny_model, tiny_processor
from torch.utils.data import DataLoader

SPEC = LoraSpec(dropout=0.3)


def batches(count: int = 4) -> list[dict[str, torch.Tensor]]:
    """Micro-batches of one window, of unlike lengths."""
    collator = Collator(tiny_processor())
    made = [collator([sample(n, reason="Short." * (n + 1)), sample(n + 9, verdict="yes")]) for n in range(count)]
    total = total_counts(map(count_spans, made))
    return [batch | {WINDOW: torch.tensor([total.verdict, total.explanation])} for batch in made]


def adapted() -> Any:
    """A model whose adapters are not nothing, as they are before the first step: dropout shows."""
    torch.manual_seed(0)
    model = attach_lora(tiny_model(), SPEC)
    for name, value in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, std=0.1)
    return model


class Losses(L.Callback):
    def __init__(self) -> None:
        self.parts: list[float] = []
        self.logged: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.parts.append(float(outputs["loss"]))
        self.logged.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def fit(rows: list[dict[str, torch.Tensor]], accumulate: int = 1, **changes: Any) -> tuple[SftModule, Losses, Any]:
    recipe = Recipe(accumulate=accumulate, lr=1e-2, warmup=0.0, **changes)
    state = torch.get_rng_state()
    module = SftModule(adapted().eval(), recipe, total_steps=10)
    torch.set_rng_state(state)
    seen = Losses()
    trainer = L.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accumulate_grad_batches=accumulate, callbacks=[seen], log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(module, DataLoader(rows, batch_size=None))  # type: ignore[arg-type]
    return module, seen, trainer


def test_the_parts_of_a_window_add_up_to_its_loss_and_are_logged_when_it_ends() -> None:
    rows = batches(2)
    module, seen, _ = fit(rows, accumulate=2, verdict_weight=0.3)
    fresh = adapted()
    parts = []
    for place, row in enumerate(rows):
        torch.manual_seed(1 * 1_000_003 + place)
        counts = total_counts(map(count_spans, rows))
        parts.append(float(span_loss(*supervised_logits(fresh, row), counts, 0.3)))
    # Lightning gives the parts as it uses them: each already divided by their number.
    assert seen.parts == pytest.approx(parts, rel=1e-5)
    assert seen.logged[1]["train/loss"] == pytest.approx(sum(parts), rel=1e-5)
    assert "train/loss" not in seen.logged[0]
    assert {"train/verdict_loss", "train/verdict_right", "train/grad_norm", "train/lr"} <= set(seen.logged[1])
    assert module.global_step == 1


def test_the_model_is_woken_and_a_sleeping_layer_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    module, _, _ = fit(batches(1))
    assert all(layer.training for layer in decoder_layers(module.model))
    monkeypatch.setattr(SftModule, "on_train_start", lambda _self: None)
    with pytest.raises(ModelError, match="evaluation mode while training"):
        fit(batches(1))


def test_dropout_depends_on_seed_and_place_alone() -> None:
    rows = batches(3)
    losses = []
    for noise, seed in ((1, 1), (99, 1), (1, 2)):
        torch.manual_seed(noise)
        losses.append(fit(rows, seed=seed)[1].parts)
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    still = fit([rows[0]] * 2, accumulate=2)[1].parts  # no step between the two
    assert still[0] != still[1]


def test_a_checkpoint_holds_what_learns_and_loads_into_a_fresh_base(tmp_path: Any) -> None:
    module, _, trainer = fit(batches(2))
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    held = torch.load(tmp_path / "one.ckpt", weights_only=False)["state_dict"]
    learnt = {name for name, value in module.named_parameters() if value.requires_grad}
    assert set(held) == learnt
    other = SftModule(attach_lora(tiny_model(), SPEC), Recipe(), 10)
    other.load_state_dict(held, strict=other.strict_loading)
    assert all(torch.equal(other.state_dict()[name], held[name]) for name in learnt)


def test_only_adapters_learn() -> None:
    module, _, _ = fit(batches(2))
    before = dict(adapted().named_parameters())
    moved = [name for name, value in module.model.named_parameters() if not torch.equal(value, before[name])]
    assert moved
    assert all("lora_" in name for name in moved)


def test_the_rate_rises_and_falls_to_a_hundredth() -> None:
    rates = [learning_rate_factor(step, 100, 0.1) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert rates[100] == pytest.approx(0.01)
