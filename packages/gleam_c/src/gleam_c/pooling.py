"""From a feature map (B, C, H, W) to one vector a picture (B, D)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

__all__ = ["POOLINGS", "GemPooling", "GridPooling", "Projection", "create_pooling"]

POOLINGS = ("backbone", "gem", "grid")


class Projection(nn.Sequential):
    """Features that the backbone has pooled itself (B, C), projected where ``dim`` is not 0."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__(*([nn.Linear(channels, dim)] if dim else []))
        self.dim = dim or channels


class GemPooling(nn.Module):
    """Generalised mean with a learnable power (arXiv 1711.02512, equation 3), projected where ``dim`` is not 0."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor([3.0]))
        self.project = Projection(channels, dim)
        self.dim = self.project.dim

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """Return (B, D)."""
        powers_BC = F.adaptive_avg_pool2d(features_BCHW.clamp(min=1e-6).pow(self.power), 1).flatten(1)
        projected: Tensor = self.project(powers_BC.pow(1 / self.power))
        return projected


class GridPooling(nn.Module):
    """Means of ``grid`` x ``grid`` cells, kept apart and projected alike.

    Similarity is then a sum over cells that stand at the same spot, which one dense projection of all cells would have
    to learn for each spot by itself.

    Args:
        channels: of the feature map.
        grid: cells per side.
        dim: of the result, a multiple of grid²; 0 keeps the channels of each cell.
    """

    def __init__(self, channels: int, grid: int, dim: int) -> None:
        super().__init__()
        self.grid = grid
        self.norm = nn.GroupNorm(1, channels)
        per_cell = dim // grid**2 or channels
        self.project = nn.Conv2d(channels, per_cell, 1) if dim else nn.Identity()
        self.dim = per_cell * grid**2

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """Return (B, D), the numbers of a channel beside each other."""
        cells_BCGG = F.adaptive_avg_pool2d(self.norm(features_BCHW), self.grid)
        projected: Tensor = self.project(cells_BCGG)
        return projected.flatten(1)


def create_pooling(name: str, channels: int, *, grid: int, embedding_dim: int) -> Projection | GemPooling | GridPooling:
    """Return the pooling of a name in :data:`POOLINGS`; its ``dim`` is the size of the embedding."""
    if name == "grid":
        return GridPooling(channels, grid, embedding_dim)
    return (GemPooling if name == "gem" else Projection)(channels, embedding_dim)
