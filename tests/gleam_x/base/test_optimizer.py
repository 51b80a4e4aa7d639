"""Two optimizers that act as one."""

from __future__ import annotations

import pytest
import torch
from gleam_x.base.optimizer import MuonAndAdamW, optimizer_and_schedule, warm_cosine
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens, self.inner, self.head = nn.Embedding(5, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.inner(self.embed_tokens(ids)))


def test_hidden_matrices_go_to_muon_and_everything_else_to_adamw() -> None:
    torch.manual_seed(0)
    net = Net()
    made = optimizer_and_schedule(net, 0.01, 1000, weight_decay=0.0)
    optimizer, before = made["optimizer"], {name: value.clone() for name, value in net.named_parameters()}
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 4]
    first = net(torch.tensor([1, 2])).pow(2).sum()
    first.backward()
    optimizer.step()
    after = dict(net.named_parameters())
    moved = {name: float((after[name] - before[name]).abs().max()) for name in before}
    assert moved["frozen.weight"] == 0
    assert moved["head.weight"] == pytest.approx(4e-3 * warm_cosine(0, 1000), rel=0.01)  # Adam's first step
    assert moved["inner.weight"] > 0
    optimizer.zero_grad()
    assert all(value.grad is None for value in net.parameters())
    assert net(torch.tensor([1, 2])).pow(2).sum() < first


def test_a_closure_is_called_once() -> None:
    net, calls = Net(), []

    def closure() -> torch.Tensor:
        calls.append(1)
        loss = net(torch.tensor([1])).sum()
        loss.backward()
        return loss

    assert MuonAndAdamW(list(net.inner.named_parameters("inner")), 0.01, 0.0).step(closure) is not None
    assert calls == [1]


def test_one_schedule_turns_both_rates() -> None:
    made = optimizer_and_schedule(Net(), 0.01, 1000, weight_decay=0.0)
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    for _ in range(500):
        optimizer.step()
        schedule.step()
    assert [group["lr"] for part in optimizer._parts for group in part.param_groups] == pytest.approx(
        [0.01 * 0.51, 0.004 * 0.51], rel=0.01
    )


def test_learning_rate_rises_then_falls() -> None:
    shares = [warm_cosine(step, 1000) for step in range(1001)]
    assert shares[0] == pytest.approx(0.02, abs=1e-3)
    assert max(shares) == pytest.approx(1.0, abs=0.03)
    assert shares[-1] < 0.02
