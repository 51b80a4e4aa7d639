"""InfoNCE against its definition, and equality of many processes with one, loss and gradient, in float64."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from gleam_c.loss import InfoNCE, RowLoss, create_loss, false_negatives, info_nce_rows
from gleam_c.recipe import LossConfig
from gloo_processes import run_in_processes
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

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


def model(kind: str, at_once: int) -> tuple[nn.Module, RowLoss]:
    torch.manual_seed(5)
    loss = create_loss(LossConfig(kind=kind, temperature=0.2, label_smoothing=0.1, bias=-1.0, rows_at_once=at_once))
    return nn.Linear(FEATURES, DIM, dtype=torch.float64), loss.double()


def embed(encoder: nn.Module, features: Tensor, at_once: int) -> Tensor:
    pieces = features.split(at_once) if at_once else (features,)
    return nn.functional.normalize(torch.cat([checkpoint(encoder, p, use_reentrant=False) for p in pieces]), dim=-1)


def loss_and_gradients(data: dict[str, Tensor], kind: str, at_once: int) -> tuple[Tensor, list[Tensor]]:
    encoder, loss = model(kind, at_once)
    query, tile = embed(encoder, data["query"], at_once), embed(encoder, data["tile"], at_once)
    value = loss(query, tile, data["row"], data["related"])
    value.backward()
    return value.detach(), [p.grad for p in [*encoder.parameters(), *loss.parameters()] if p.grad is not None]


KINDS = [(kind, at_once) for kind in ("infonce", "sigmoid") for at_once in (0, 1, 3)]


def parts_of_the_batch(rank: int, world: int, folder: Path) -> None:
    """Every loss, whole and in pieces, with as many pairs on all ranks and with one more on the last."""
    found = {}
    for is_uneven in (False, True):
        cuts = [PAIRS // world - is_uneven] * (world - 1)
        sizes = [*cuts, PAIRS - sum(cuts)]
        for kind, at_once in KINDS:
            part = {name: value.split(sizes)[rank] for name, value in batch().items()}
            value, gradients = loss_and_gradients(part, kind, at_once)
            for tensor in [value, *gradients]:
                dist.all_reduce(tensor)
                tensor /= world
            found[is_uneven, kind, at_once] = [value, *gradients]
    if rank == 0:
        torch.save(found, folder / "out.pt")


@pytest.mark.parametrize("world", [2, 4])
def test_processes_equal_one_process(world: int, tmp_path: Path) -> None:
    run_in_processes(parts_of_the_batch, world, tmp_path)
    many = torch.load(tmp_path / "out.pt")
    assert len(many) == 2 * len(KINDS)
    for (_, kind, _), theirs in many.items():
        value, gradients = loss_and_gradients(batch(), kind, 0)
        for mine, other in zip([value, *gradients], theirs, strict=True):
            torch.testing.assert_close(other, mine, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("kind", "at_once"), KINDS)
def test_pieces_change_neither_loss_nor_gradient(kind: str, at_once: int) -> None:
    whole, gradients = loss_and_gradients(batch(), kind, 0)
    value, found = loss_and_gradients(batch(), kind, at_once)
    for mine, other in zip([whole, *gradients], [value, *found], strict=True):
        torch.testing.assert_close(other, mine, rtol=0, atol=1e-12)


def test_the_sigmoid_loss_is_its_definition() -> None:
    data = batch()
    encoder, loss = model("sigmoid", 0)
    query, tile = (embed(encoder, data[name], 0).detach() for name in ("query", "tile"))
    total = 0.0
    for i in range(PAIRS):
        for j in range(PAIRS):
            if i == j or j not in data["related"][i].tolist():
                logit = loss.scale.item() * float(query[i] @ tile[j]) - 1.0
                total += math.log1p(math.exp(-logit if i == j else logit))
    found = float(loss(query, tile, data["row"], data["related"]))
    assert found == pytest.approx(total / PAIRS, abs=1e-12)


def test_equals_the_definition() -> None:
    data = batch()
    encoder, loss = model("infonce", 0)
    query, tile = (embed(encoder, data[name], 0).detach() for name in ("query", "tile"))
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
    torch.testing.assert_close(
        info_nce_rows(logits, target, None, 0.0) / 4, nn.functional.cross_entropy(logits, target)
    )
    torch.testing.assert_close(
        info_nce_rows(logits, target, None, 0.1) / 4, nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
    )


def test_the_scale_is_clamped_at_100() -> None:
    loss = InfoNCE(temperature=1e-4)
    assert float(loss.scale) == pytest.approx(100.0)
