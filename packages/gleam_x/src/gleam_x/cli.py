"""``gleam-x``: verify and explain; each command is imported when it runs."""

from __future__ import annotations

import sys

from gleam_common.commands import Command, dispatch

ABOUT = "GLEAM-X: says whether two pictures show the same place, and why."

COMMANDS: dict[str, Command] = {
    "annotate": ("gleam_x.teachers.command:annotate_command", "let teachers explain pairs of a catalog"),
    "base": ("gleam_x.base.command:base_command", "train the small model that stands in for one from the hub"),
    "benchmark": ("gleam_x.benchmark.command:benchmark_command", "make and verify the bilingual benchmark"),
    "review": ("gleam_x.review.command:review_command", "people look at the benchmark: serve, agreement, apply ..."),
    "train": ("gleam_x.train_command:train_command", "fine-tune a base model with LoRA or QLoRA on the benchmark"),
}


def main() -> None:
    """Entry point of the console script."""
    sys.exit(dispatch("gleam-x", ABOUT, COMMANDS))
