"""What hard negatives are drawn from: a table of neighbours, and how it is used.

Axes: N pairs, K neighbours, R related places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from gleam_common.errors import ConfigError

__all__ = ["Neighbours"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """What hard negatives are drawn from.

    Args:
        chained: neighbours drawn for a seed.
        table: (N, K) for each pair, pairs of other places of its view, hardest first, -1 at the end; None while there
            is none: batches are random.
        related: (N, R) places that a pair's place shares ground with, filled with -1; never drawn together.
    """

    chained: int
    table: Ints | None = None
    related: Ints | None = None

    @cached_property
    def packed(self) -> torch.Tensor | None:
        """The table as a checkpoint holds it: int32, always the same tensor, so that it is written once."""
        return None if self.table is None else torch.from_numpy(self.table.astype(np.int32))

    def with_table(self, table: Ints | torch.Tensor | None, pairs: int) -> Neighbours:
        """Return these with another table of ``pairs`` pairs, maybe a ``packed`` one.

        Raises:
            ConfigError: a table of other pairs.
        """
        table = table.numpy().astype(np.int64) if isinstance(table, torch.Tensor) else table
        if table is not None and (len(table) != pairs or not (table.min() >= -1 and table.max() < pairs)):
            shown = (len(table), int(table.min()), int(table.max()))
            raise ConfigError("a table of neighbours", value=shown, allowed=f"{pairs} rows of -1 to {pairs - 1}")
        return replace(self, table=table)

    def among(self, pairs: Ints) -> Neighbours:
        """Return those of some pairs among themselves, by their number in ``pairs``."""
        if self.table is None or len(pairs) == len(self.table):
            return self
        number = np.full(len(self.table) + 1, -1, dtype=np.int64)  # the last one is for -1
        number[pairs] = np.arange(len(pairs))
        related = None if self.related is None else self.related[pairs]
        return replace(self, table=number[self.table[pairs]], related=related)
