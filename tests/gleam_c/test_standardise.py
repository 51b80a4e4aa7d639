"""Standardised embeddings: by the definition, by running statistics afterwards, and the same in two processes as in one."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
from gleam_c.standardise import Standardise
from gloo_processes import run_in_processes
from torch import Tensor

DIM, ROWS = 3, 8


def rows() -> Tensor:
    return 5 + 2 * torch.randn(ROWS, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def output_and_gradient(part: Tensor) -> tuple[Tensor, Tensor, Standardise]:
    module = Standardise(DIM, momentum=0.5).double()
    part = part.clone().requires_grad_()
    out = module(part)
    (out**3).sum().backward()
    assert part.grad is not None
    return out.detach(), part.grad, module


def half_of_the_rows(rank: int, world: int, folder: Path) -> None:
    out, gradient, module = output_and_gradient(rows().chunk(world)[rank])
    both = [torch.empty(2, *out.shape, dtype=out.dtype) for _ in range(world)]
    dist.all_gather(both, torch.stack([out, gradient]))
    if rank == 0:
        torch.save([torch.cat(list(both), dim=1), module.mean, module.variance], folder / "out.pt")


def test_each_dimension_has_mean_0_and_variance_1_while_training() -> None:
    out, _, _ = output_and_gradient(rows())
    torch.testing.assert_close(out.mean(0), torch.zeros(DIM, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(out.var(0, correction=0), torch.ones(DIM, dtype=torch.float64), atol=1e-4, rtol=0)


def test_afterwards_a_row_does_not_depend_on_its_company() -> None:
    _, _, module = output_and_gradient(rows())
    module.eval()
    torch.testing.assert_close(module(rows())[:1], module(rows()[:1]))
    expected = (rows() - module.mean) / (module.variance + 1e-5).sqrt()
    torch.testing.assert_close(module(rows()), expected)
    torch.testing.assert_close(module.mean, 0.5 * rows().mean(0))


def test_two_processes_equal_one(tmp_path: Path) -> None:
    run_in_processes(half_of_the_rows, 2, tmp_path)
    out, gradient, module = output_and_gradient(rows())
    (many_out, many_gradient), mean, variance = torch.load(tmp_path / "out.pt")
    for one, many in ((out, many_out), (gradient, many_gradient), (module.mean, mean), (module.variance, variance)):
        torch.testing.assert_close(many, one, rtol=0, atol=1e-10)
