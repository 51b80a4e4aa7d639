"""Each option of speed does what it says, and leaves the numbers as they were."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from gleam_c.encoder import Encoder, create_encoder, preset
from gleam_c.loss import InfoNCE
from gleam_c.module import ContrastiveModule
from gleam_c.recipe import OptimizerConfig
from gleam_c.speed import tune_encoder, tune_hardware
from gleam_c.trainer_config import TrainerConfig
from gleam_common import plain_loader
from gleam_common.errors import ConfigError
from torch.autograd.graph import saved_tensors_hooks

PAIRS = 6


def encoder(**options: object) -> Encoder:
    torch.manual_seed(3)
    torch.set_num_threads(1)
    return tune_encoder(create_encoder(preset("pico")), TrainerConfig(strategy="single", accelerator="cpu", **options))


def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    query, gallery = (torch.randn(PAIRS, 3, 64, 64, generator=generator) for _ in range(2))
    related = torch.full((PAIRS, 1), -1)
    return {"query": query, "gallery": gallery, "gallery_row": torch.arange(PAIRS), "related": related}


def step(tuned: Encoder, precision: torch.dtype | None = None) -> tuple[float, dict[str, torch.Tensor], int]:
    """Return the loss, the gradients, and the bytes that the forward pass keeps for the backward pass."""
    kept: Counter[int] = Counter()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    loss, data = InfoNCE(), batch()
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        with torch.autocast("cpu", precision, enabled=precision is not None):
            both = tuned.pair(data["query"], data["gallery"])
        value = loss(*both, data["gallery_row"], data["related"])
    value.backward()
    return value.item(), {name: p.grad for name, p in tuned.named_parameters()}, sum(kept.values())


def assert_equal(found: tuple, expected: tuple, tolerance: float) -> None:
    assert found[0] == pytest.approx(expected[0], rel=tolerance)
    assert found[1].keys() == expected[1].keys()
    for name, gradient in expected[1].items():
        limit = tolerance * max(float(gradient.abs().max()), 1e-3)
        assert torch.allclose(found[1][name], gradient, rtol=0, atol=limit), name


@pytest.fixture(scope="module")
def plain() -> tuple:
    return step(encoder())


def test_activations_made_anew_take_less_memory_and_change_nothing(plain: tuple) -> None:
    found = step(encoder(checkpoint_activations=True))
    assert found[2] < 0.7 * plain[2]
    assert_equal(found, plain, 1e-5)


def test_memory_by_colours_reaches_the_backbone_and_changes_nothing(plain: tuple) -> None:
    seen = []
    tuned = encoder(channels_last=False)
    tuned.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].is_contiguous()))
    assert_equal(step(tuned), plain, 1e-4)
    assert seen == [True, True]
    tuned = encoder()
    tuned.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].is_contiguous()))
    step(tuned)
    assert seen[2:] == [False, False]


def test_a_compiled_backbone_keeps_its_names_and_its_numbers(plain: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = []

    def counted(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        programs.append([tuple(one.shape) for one in inputs if one.ndim == 4 and one.shape[1] == 3])
        return graph.forward

    real = torch.nn.Module.compile
    # The tracing is PyTorch's, the code is not made: that takes minutes on a busy machine and is measured in `models`.
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **kw: real(self, backend=counted, **kw))
    tuned = encoder(compile=True)
    assert list(tuned.state_dict()) == list(encoder().state_dict())
    assert_equal(step(tuned), plain, 1e-5)
    assert len(programs) == 1  # queries and tiles are of one size
    torch.manual_seed(0)
    tuned.eval()(torch.randn(2, 3, 64, 128))
    assert (2, 3, 64, 128) in programs[-1]


def test_half_precision_is_near(plain: tuple) -> None:
    found = step(encoder(), torch.bfloat16)
    assert found[2] < plain[2]
    assert found[0] == pytest.approx(plain[0], rel=0.05)


@pytest.mark.parametrize("fused", [True, False])
def test_a_fused_optimizer_makes_the_same_steps(fused: bool) -> None:
    tuned, data = encoder(), batch()
    expected = encoder()
    for one, is_fused in ((tuned, fused), (expected, False)):
        module = ContrastiveModule(one, InfoNCE(), OptimizerConfig(), 10, fused_optimizer=is_fused)
        optimizer = module.configure_optimizers()["optimizer"]
        assert all(bool(group["fused"]) is is_fused for group in optimizer.param_groups)
        for _ in range(2):
            optimizer.zero_grad()
            module.loss(*one.pair(data["query"], data["gallery"]), data["gallery_row"], data["related"]).backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
    for name, weight in expected.state_dict().items():
        assert torch.allclose(tuned.state_dict()[name], weight, rtol=0, atol=2e-4), name


def test_lightning_may_clip_what_a_fused_optimizer_steps_on(tmp_path) -> None:
    import lightning as L  # noqa: N812

    module = ContrastiveModule(encoder(), InfoNCE(), OptimizerConfig(), 10, fused_optimizer=True)
    loader = torch.utils.data.DataLoader([{**batch(), "view": "uav"}], batch_size=None)
    trainer = L.Trainer(
        accelerator="cpu", max_steps=1, precision="bf16-mixed", gradient_clip_val=1.0, default_root_dir=tmp_path,
        logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, loader)
    assert trainer.global_step == 1


def test_what_cannot_be_forgotten_is_said() -> None:
    tuned = create_encoder(preset("pico"))
    tuned.backbone = torch.nn.Conv2d(3, 8, 1)
    with pytest.raises(ConfigError, match=r"cannot make its activations anew: 'test_convnext'; leave it out"):
        tune_encoder(tuned, TrainerConfig(accelerator="cpu", checkpoint_activations=True))


def test_defaults_ask_for_a_gpu_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gleam_c.trainer_config._gpus", lambda: 1)
    assert TrainerConfig(strategy="ddp").has_fused_optimizer
    assert not TrainerConfig(strategy="deepspeed").has_fused_optimizer
    assert not TrainerConfig(strategy="ddp", accelerator="cpu").has_fused_optimizer
    assert TrainerConfig(strategy="ddp", accelerator="cpu", fused_optimizer=True).has_fused_optimizer
    try:
        tune_hardware(TrainerConfig(strategy="ddp"))
        assert torch.backends.cudnn.benchmark
    finally:
        tune_hardware(TrainerConfig(strategy="ddp", accelerator="cpu"))
    assert not torch.backends.cudnn.benchmark


def test_batches_wait_in_pinned_memory_where_a_gpu_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not plain_loader.PlainLoader([1, 2]).pin_memory
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert plain_loader.PlainLoader([1, 2]).pin_memory
    assert plain_loader.PlainLoader([1, 2], workers=2).prefetch_factor == 4
