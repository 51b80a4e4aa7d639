"""``gleam-x base``: train the small offline base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gleam_common.commands import run_function

__all__ = ["base", "base_command"]


def base(
    out: Path = Path("data/x-base"),
    world: Path = Path("data/x-world"),
    size: str = "small",
    seed: int = 1,
    tower_steps: int = 1200,
    language_steps: int = 1600,
    processes: int = 2,
    overwrite: bool = False,
) -> None:
    """Train a small Qwen2.5-VL with a tokenizer of its own on a SynthCity world, to be used where no hub is.

    First its vision tower learns what is under each of its tokens, and where they are; then the language model learns
    to compare two pictures of the train places, to say why, and to describe single ones. Finished, it is kept; a killed
    run goes on after the tower if that was done.

    Args:
        out: folder of the base, as `from_pretrained` reads it.
        world: a finished world, whose train places are learnt from; a world of the base's own is made there when there
            is nothing: other cities than the benchmark's, and twice as many places.
        size: nano (0.2 M parameters, for tests), small (2.5 M) or medium (7 M).
        seed: of weights and draws.
        tower_steps: batches of the tower on each process.
        language_steps: batches of the language model on each process.
        processes: on CPU cores.
        overwrite: empty OUT first if it holds a base trained otherwise.
    """
    from gleam_common.distributed import process_number
    from gleam_common.synthcity.build import build_world, is_world_missing

    from gleam_x.base.build import build_base
    from gleam_x.base.config import OWN_WORLD, BaseConfig

    config = BaseConfig(
        size=size, seed=seed, tower_steps=tower_steps, language_steps=language_steps, processes=processes
    )
    if process_number() == 0 and is_world_missing(world):
        build_world(OWN_WORLD, world)
    build_base(world, out, config, overwrite)
    if process_number() == 0:
        print(f"base: {out}")


def base_command(arguments: Sequence[str]) -> None:
    """Run :func:`base` with ``arguments``."""
    run_function(base, "gleam-x base", arguments)
