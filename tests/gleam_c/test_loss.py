"""InfoNCE against its definition, and equality of many processes with one, loss and gradient, in float64."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from gleam_c.loss import InfoNCE, false_negatives, info_nce_rows
from gloo_processes import run_in_processes
from torch import Tensor, nn

PAIRS, DIM, FEATURES = 8, 6, 5


def reference_loss(query: Tensor, tile: Tensor, scale: float, smoothing: float, excluded: Tensor) -> float:
    """The loss from its definition: a Python loop over rows and columns, no tensors' broadcasting."""

    def one_way(rows: Tensor, columns: Tensor, skip: Tensor) -> float:
        total = 0.0
        for i in range(len(rows)):
            logits = {
                j: scale * float(rows[i] @ columns[j]) for j in range(len(columns)) if j == i or not bool(skip[i, j])
            }
            log_sum = math.log(sum(math.exp(v) for v in logits.values()))
            log_p = {j: v - log_sum for j, v in logits.items()}
            total -= (1 - smoothing) * log_p[i] + smoothing * sum(log_p.values()) / len(log_p)
        return total / len(rows)

    return (one_way(query, tile, excluded) + one_way(tile, query, excluded.T)) / 2


def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    related = torch.full((PAIRS, 2), -1)
    related[:, 0] = torch.arange(PAIRS)
    related[0, 1] = 5  # overlapping tile in another rank's half
    related[6, 1] = 1
    return {
        "query": torch.randn(PAIRS, FEATURES, generator=generator, dtype=torch.float64),
        "tile": torch.randn(PAIRS, FEATURES, generator=generator, dtype=torch.float64),
        "row": torch.arange(PAIRS),
        "related": related,
    }


def model() -> tuple[nn.Linear, InfoNCE]:
    torch.manual_seed(5)
    return nn.Linear(FEATURES, DIM, dtype=torch.float64), InfoNCE(temperature=0.2, label_smoothing=0.1).double()


def loss_and_gradients(data: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    encoder, loss = model()
    query = nn.functional.normalize(encoder(data["query"]), dim=-1)
    tile = nn.functional.normalize(encoder(data["tile"]), dim=-1)
    value = loss(query, tile, data["row"], data["related"])
    value.backward()
    return value.detach(), [p.grad for p in [*encoder.parameters(), loss.log_scale] if p.grad is not None]


def part_of_the_batch(rank: int, world: int, folder: Path) -> None:
    part = {name: value.chunk(world)[rank] for name, value in batch().items()}
    value, gradients = loss_and_gradients(part)
    for tensor in [value, *gradients]:
        dist.all_reduce(tensor)
        tensor /= world
    if rank == 0:
        torch.save([value, *gradients], folder / "out.pt")


@pytest.mark.parametrize("world", [2, 4])
def test_processes_equal_one_process(world: int, tmp_path: Path) -> None:
    run_in_processes(part_of_the_batch, world, tmp_path)
    value, gradients = loss_and_gradients(batch())
    many = torch.load(tmp_path / "out.pt")
    for mine, theirs in zip([value, *gradients], many, strict=True):
        torch.testing.assert_close(theirs, mine, rtol=0, atol=1e-10)


def test_equals_the_definition() -> None:
    data = batch()
    encoder, loss = model()
    query = nn.functional.normalize(encoder(data["query"]), dim=-1).detach()
    tile = nn.functional.normalize(encoder(data["tile"]), dim=-1).detach()
    excluded = torch.zeros(PAIRS, PAIRS, dtype=torch.bool)
    excluded[0, 5] = excluded[6, 1] = True
    scale = float(loss.scale)
    expected = reference_loss(query, tile, scale, 0.1, excluded)
    assert float(loss(query, tile, data["row"], data["related"])) == pytest.approx(expected, abs=1e-12)
    assert expected != pytest.approx(reference_loss(query, tile, scale, 0.1, torch.zeros_like(excluded)), abs=1e-6)


def test_a_masked_tile_gets_no_gradient_from_the_query_it_also_shows() -> None:
    logits = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    info_nce_rows(logits, torch.tensor([0]), torch.tensor([[True, True, False]]), 0.1).backward()
    assert logits.grad is not None
    assert logits.grad[0, 1] == 0
    assert logits.grad[0, 0] < 0 < logits.grad[0, 2]


def test_the_same_tile_twice_is_no_negative() -> None:
    mask = false_negatives(torch.tensor([[7, -1], [9, 3]]), torch.tensor([7, 9]), torch.tensor([7, 9, 3, 7, -1 + 1]))
    assert mask.tolist() == [[True, False, False, True, False], [False, True, True, False, False]]


def test_smoothing_zero_is_plain_cross_entropy() -> None:
    logits = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 5, 2, 2])
    torch.testing.assert_close(info_nce_rows(logits, target, None, 0.0), nn.functional.cross_entropy(logits, target))
    torch.testing.assert_close(
        info_nce_rows(logits, target, None, 0.1), nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
    )


def test_the_scale_is_clamped_at_100() -> None:
    loss = InfoNCE(temperature=1e-4)
    assert float(loss.scale) == pytest.approx(100.0)
