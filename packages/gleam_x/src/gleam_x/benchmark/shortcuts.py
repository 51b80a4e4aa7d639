"""How far one gets without comparing: by the words said of the pictures, or by one picture alone. Chance is 0.5.

Axes: N records or pairs, F features.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError
from gleam_common.metrics.intervals import mean_samples, place_weights
from gleam_common.synthcity.baseline import colour_features
from scipy.optimize import minimize

from gleam_x.benchmark.folder import read_rows

__all__ = ["Shortcut", "check_shortcuts", "fit_logistic", "measure_shortcuts", "shortcuts_table"]

Floats = npt.NDArray[np.float64]
Row = Mapping[str, Any]
_BUCKETS = 1024
_L2 = 1.0
_HALF_WIDTH = 0.05
_MANY_RECORDS = 4000


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """Accuracy of a baseline on the test split, with its 99 % interval by place; ``name`` says what it saw."""

    name: str
    accuracy: float
    low: float
    high: float
    records: int

    def is_chance(self, is_large: bool) -> bool:
        """Whether it is no better than chance; of a large benchmark, also whether it is within 0.05 of it."""
        return self.low <= 0.5 <= self.high and (not is_large or abs(self.accuracy - 0.5) <= _HALF_WIDTH)


def measure_shortcuts(folder: str | Path) -> list[Shortcut]:
    """Train the baselines on the train split and score them on the test split.

    Text-only sees what is said of one picture (character n-grams and the length); single-image sees the colours and a
    thumbnail of one picture. What is said of both tells the verdict by design: one thing said twice is the same place.
    """
    train, test = ([*read_rows(folder, split)] for split in ("train", "test"))
    readers: dict[str, Callable[[Row], npt.NDArray[np.float32]]] = {
        "text of the query": lambda row: _words(_sentences(row)[0]),
        "text of the tile": lambda row: _words(_sentences(row)[1]),
        "query image": lambda row: _colours(row["query_image"]),
        "satellite image": lambda row: _colours(row["satellite_image"]),
    }
    return [_measure(name, read, train, test) for name, read in readers.items()]


def check_shortcuts(shortcuts: Sequence[Shortcut]) -> None:
    """Check that no baseline is better than chance.

    Raises:
        DataError: names the first one that is.
    """
    is_large = max(shortcut.records for shortcut in shortcuts) * 5 >= _MANY_RECORDS
    for shortcut in shortcuts:
        if not shortcut.is_chance(is_large):
            raise DataError(
                f"the benchmark has a shortcut: {shortcut.name} alone tells the verdict",
                value=round(shortcut.accuracy, 3),
                allowed="0.5 within its 99 % interval, and in 4,000 records or more within 0.05",
                fix="build it with another seed; if that fails too, the wording or the pairs give the verdict away",
            )


def shortcuts_table(shortcuts: Sequence[Shortcut]) -> str:
    """Return the measured accuracies as a Markdown table for the card."""
    rows = "\n".join(
        f"| {item.name} | {item.accuracy:.3f} | {item.low:.3f}-{item.high:.3f} | {item.records} |" for item in shortcuts
    )
    head = "| seen alone | accuracy on test | 99 % interval | records |\n|---|---|---|---|"
    return f"## Shortcuts\n\nLogistic regression without comparing the pictures (chance is 0.5):\n\n{head}\n{rows}\n"


def _measure(
    name: str, read: Callable[[Row], npt.NDArray[np.float32]], train: Sequence[Row], test: Sequence[Row]
) -> Shortcut:
    train_NF, test_NF = (np.stack([read(row) for row in rows]).astype(np.float64) for rows in (train, test))
    mean_F, std_F = train_NF.mean(axis=0), train_NF.std(axis=0) + 1e-6
    label_N = np.array([row["same_place"] for row in train])
    weights = fit_logistic((train_NF - mean_F) / std_F, label_N)
    score_N = ((test_NF - mean_F) / std_F) @ weights[:-1] + weights[-1]
    hit_N = np.where(score_N == 0, 0.5, (score_N > 0) == np.array([row["same_place"] for row in test]))
    _, place_N = np.unique([row["place_id"] for row in test], return_inverse=True)
    samples_R = mean_samples(hit_N, place_N, place_weights(int(place_N.max()) + 1, 0))
    low, high = np.nanpercentile(samples_R, [0.5, 99.5])
    return Shortcut(name=name, accuracy=float(hit_N.mean()), low=float(low), high=float(high), records=len(test))


def fit_logistic(features_NF: Floats, label_N: npt.NDArray[np.bool_], l2: float = _L2) -> Floats:
    """Return weights and, last, the bias of a logistic regression, float64 (F + 1,); ``l2`` is the weights' penalty."""
    sign_N = np.where(label_N, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin_N = sign_N * (features_NF @ weights[:-1] + weights[-1])
        pull_N = -sign_N / (1.0 + np.exp(np.clip(margin_N, -500, 500)))
        gradient = np.append(features_NF.T @ pull_N + l2 * weights[:-1], pull_N.sum())
        return float(np.logaddexp(0, -margin_N).sum() + l2 / 2 * weights[:-1] @ weights[:-1]), gradient

    start = np.zeros(features_NF.shape[1] + 1)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x)


def _sentences(row: Row) -> list[str]:
    """The sentences of an explanation: query, tile, comparison, conclusion."""
    return [part for part in re.split(r"(?<=[.。])\s*", row["explanation"]) if part]


def _words(text: str) -> npt.NDArray[np.float32]:
    """Logarithms of the counts of character 1- to 5-grams in buckets, and of the length."""
    counts = np.zeros(_BUCKETS + 1, dtype=np.float32)
    counts[-1] = len(text)
    for size in range(1, 6):
        for start in range(len(text) - size + 1):
            counts[_bucket(text[start : start + size])] += 1
    return np.log1p(counts)


@lru_cache(maxsize=1 << 20)
def _bucket(gram: str) -> int:
    return int.from_bytes(blake2b(gram.encode(), digest_size=4).digest()) % _BUCKETS


def _colours(picture: Mapping[str, bytes]) -> npt.NDArray[np.float32]:
    array = cv2.imdecode(np.frombuffer(picture["bytes"], np.uint8), cv2.IMREAD_COLOR)
    return colour_features(cv2.cvtColor(array, cv2.COLOR_BGR2RGB))
