"""Where the language model should look while it speaks of a thing, and while it sees the second of two pictures.

Finding the part of a picture that a word is about is what comparing and describing are made of, and what a small model
does not find out by itself from words alone in minutes: after 1600 steps it named things that are there at places drawn
by lot. So one head of attention is shown where to look, as in "Attention Correctness in Neural Image Captioning" (Liu
et al., AAAI 2017), and one finds in the first picture what the second shows; for a thing that is not there it looks
before the picture, where nothing is.

Axes: B samples, T tokens, R rows of attention that are taught, H hidden, D of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import linear
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb

from gleam_x.benchmark.mentions import Mention

__all__ = [
    "Gaze",
    "Heads",
    "Spot",
    "gaze_loss",
    "heard",
    "matched_gazes",
    "spot_of",
    "stacked",
    "taught_heads",
    "told_gazes",
]

Things = Mapping[int, npt.NDArray[np.bool_]]
"""Which tokens of a picture (in its own order) each thing covers, by item_id."""


@dataclass(frozen=True, kw_only=True)
class Gaze:
    """At token ``token`` of sample ``sample`` a head should look at any of ``at``, tokens of the same sample.

    ``middle``: how far down and across its picture their middle is, -1 to 1.
    """

    sample: int
    token: int
    at: npt.NDArray[np.int64]
    middle: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where a picture shows a thing: tokens of the sample, none where it is not known, and their middle."""

    at: npt.NDArray[np.int64]
    middle: tuple[float, float]


def spot_of(things: Things, item: int, grid: tuple[int, int], tokens: npt.NDArray[np.int64]) -> Spot:
    """Return where a thing is.

    Args:
        things: of the picture.
        item: which.
        grid: tokens of the picture down and across.
        tokens: of the sample that are the picture's, in its order.
    """
    own = np.flatnonzero(things[item]) if item in things else np.zeros(0, dtype=np.int64)
    if not len(own):
        return Spot(at=own, middle=(0.0, 0.0))
    down, across = ((np.stack(divmod(own, grid[1])) + 0.5).mean(axis=1) / grid * 2 - 1).tolist()
    return Spot(at=tokens[own], middle=(down, across))


def told_gazes(
    sample: int,
    mentions: Sequence[tuple[Mention, Spot]],
    offsets: Sequence[tuple[int, int]],
    first: int,
) -> Iterator[Gaze]:
    """Give for every token that a mention is made of, and for the one in front, the tokens that show the thing.

    Args:
        sample: number in its batch.
        mentions: with where their things are.
        offsets: characters of each token of the text.
        first: where the text begins in the sample.
    """
    for mention, spot in mentions:
        inside = [n for n, (start, stop) in enumerate(offsets) if start < mention.stop and stop > mention.start]
        if inside and len(spot.at):
            for number in range(inside[0] - 1, inside[-1] + 1):
                yield Gaze(sample=sample, token=first + number, at=spot.at, middle=spot.middle)


def matched_gazes(
    sample: int,
    things: tuple[Things, Things],
    tokens: Sequence[npt.NDArray[np.int64]],
    *,
    same_place: bool,
    nowhere: int,
) -> Iterator[Gaze]:
    """Give for every token of the second picture that shows some thing where the first shows it, or ``nowhere``.

    Tokens whose things the first picture of the same place does not show are left alone.

    Args:
        sample: number in its batch.
        things: of the first and of the second picture.
        tokens: of the sample that are each picture's.
        same_place: whether things of one item_id are one thing.
        nowhere: token to look at for what the first picture does not show.
    """
    first, second = things
    seen: dict[int, set[int]] = {}
    for item, covered in second.items():
        for token in np.flatnonzero(covered).tolist():
            seen.setdefault(token, set())
            if same_place and item in first:
                seen[token].update(np.flatnonzero(first[item]).tolist())
    for token, found in seen.items():
        if not same_place:
            yield Gaze(sample=sample, token=int(tokens[1][token]), at=np.array([nowhere]))
        elif found:
            yield Gaze(sample=sample, token=int(tokens[1][token]), at=tokens[0][sorted(found)])


def stacked(gazes: Sequence[Gaze], length: int) -> dict[str, Tensor]:
    """Return ``rows`` (R, 2), sample and token, ``at`` (R, T), where they should look, and ``middle`` (R, 2)."""
    rows = torch.tensor([(gaze.sample, gaze.token) for gaze in gazes]).view(-1, 2)
    at_RT = torch.zeros(len(gazes), length, dtype=torch.bool)
    for row, gaze in enumerate(gazes):
        at_RT[row, torch.from_numpy(gaze.at)] = True
    return {"rows": rows, "at": at_RT, "middle": torch.tensor([gaze.middle for gaze in gazes]).view(-1, 2)}


@dataclass(frozen=True, kw_only=True)
class Heads:
    """One head in each of some layers of the language model."""

    layers: tuple[int, ...]
    head: int


def taught_heads(text_config: Any) -> tuple[Heads, Heads]:
    """Return the heads that look at what is told, in the middle, and those that match pictures, one layer below."""
    middle, last = text_config.num_hidden_layers // 2, text_config.num_attention_heads - 1
    return Heads(layers=(middle - 1, middle), head=0), Heads(layers=tuple(range(max(0, middle - 2), middle)), head=last)


@contextmanager
def heard(model: Any, layers: Sequence[int]) -> Iterator[dict[int, tuple[Tensor, tuple[Tensor, Tensor]]]]:
    """Let a run of the model leave what goes into the attention of some layers: hidden states and rotations."""
    inputs: dict[int, tuple[Tensor, tuple[Tensor, Tensor]]] = {}

    def keep(layer: int) -> Callable[..., None]:
        def hook(_: Any, __: Any, given: dict[str, Any]) -> None:
            inputs[layer] = given["hidden_states"], given["position_embeddings"]

        return hook

    own = model.model.language_model.layers
    handles = [own[layer].self_attn.register_forward_pre_hook(keep(layer), with_kwargs=True) for layer in layers]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


def gaze_loss(
    model: Any, inputs: Mapping[int, tuple[Tensor, tuple[Tensor, Tensor]]], heads: Heads, gazes: Mapping[str, Tensor]
) -> Tensor:
    """Return how little the heads look where they should: -log of what falls there, mean over rows and layers."""
    if not len(gazes["rows"]):
        return torch.zeros(())
    return torch.stack([_of_layer(model, layer, inputs[layer], heads.head, gazes) for layer in heads.layers]).mean()


def _of_layer(
    model: Any, layer: int, given: tuple[Tensor, tuple[Tensor, Tensor]], head: int, gazes: Mapping[str, Tensor]
) -> Tensor:
    attention = model.model.language_model.layers[layer].self_attn
    hidden_BTH, (cos, sin) = given
    query, key = (
        _of_head(projection, hidden_BTH, number, attention.head_dim)
        for projection, number in ((attention.q_proj, head), (attention.k_proj, head // attention.num_key_value_groups))
    )
    query_BTD, key_BTD = (made[:, 0] for made in apply_rotary_pos_emb(query, key, cos, sin))
    sample_R, token_R = gazes["rows"].T
    scores_RT = torch.einsum("rd,rtd->rt", query_BTD[sample_R, token_R], key_BTD[sample_R]) * attention.scaling
    later_RT = torch.arange(key_BTD.shape[1]) > token_R[:, None]
    scores_RT = scores_RT.masked_fill(later_RT, -torch.inf)
    there_RT = scores_RT.masked_fill(~gazes["at"], -torch.inf)
    missed_R: Tensor = scores_RT.logsumexp(dim=1) - there_RT.logsumexp(dim=1)
    return missed_R.mean()


def _of_head(projection: Any, hidden_BTH: Tensor, head: int, size: int) -> Tensor:
    part = slice(head * size, (head + 1) * size)
    return linear(hidden_BTH, projection.weight[part], projection.bias[part]).unsqueeze(1)
