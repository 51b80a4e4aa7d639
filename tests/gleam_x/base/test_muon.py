"""Muon in float32 against PyTorch's in bfloat16, and against what it should do to singular values."""

from __future__ import annotations

import pytest
import torch
from gleam_x.base.muon import Muon, orthogonal
from torch import nn


@pytest.mark.parametrize("shape", [(3, 12, 12), (2, 8, 20), (2, 20, 8)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    matrices += torch.eye(*shape[1:])  # none nearly 0, which five steps would leave small
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    turned = torch.linalg.svdvals(orthogonal(matrices))
    assert float(turned[values > 0.1 * values.amax(dim=1, keepdim=True)].min()) > 0.6
    assert float(turned.max()) < 1.25
    inside = left.mT @ orthogonal(matrices) @ right.mT
    torch.testing.assert_close(inside, torch.diag_embed(torch.diagonal(inside, dim1=1, dim2=2)), atol=1e-4, rtol=0)


def test_steps_are_those_of_torch() -> None:
    generator = torch.Generator().manual_seed(2)
    first = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((6, 10), (6, 10), (12, 4))]
    second = [nn.Parameter(weight.detach().clone()) for weight in first]
    ours = Muon(first, lr=0.02, weight_decay=0.1)
    theirs = torch.optim.Muon(second, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    start = [weight.detach().clone() for weight in first]
    for _ in range(6):
        for mine, other in zip(first, second, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        ours.step()
        theirs.step()
    for mine, other, before in zip(first, second, start, strict=True):
        moved = (other - before).abs().mean()
        assert (mine - other).abs().mean() < 0.02 * moved  # bfloat16 keeps two digits and a half


def test_a_weight_without_gradient_stays() -> None:
    weight = nn.Parameter(torch.ones(3, 3))
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(weight, torch.ones(3, 3))
