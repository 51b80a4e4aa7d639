"""``gleam-x``: verify and explain; each command is imported when it runs."""

from __future__ import annotations

import sys

from gleam_common.commands import Command, dispatch

ABOUT = "GLEAM-X: says whether two pictures show the same place, and why."

COMMANDS: dict[str, Command] = {
    "annotate": ("gleam_x.teachers.command:annotate_command", "let teachers explain pairs of a catalog"),
    "base": ("gleam_x.base.command:base_command", "train the small model that stands in for one from the hub"),
    "benchmark": ("gleam_x.benchmark.command:benchmark_command", "make and verify the bilingual benchmark"),
    "compare": (
        "gleam_x.evaluation.compare_command:compare_command",
        "two evaluated runs, number by number",
    ),
    "demo": ("gleam_x.demo.command:demo_command", "a page: drop a photo, see where it was taken and why"),
    "evaluate": ("gleam_x.evaluate_command:evaluate_command", "a trained model on the benchmark, with intervals"),
    "evaluate-pipeline": (
        "gleam_x.evaluate_pipeline_command:evaluate_pipeline_command",
        "both models together on a held-out city; fits the fusion that locate uses",
    ),
    "judge": (
        "gleam_x.evaluation.judge_command:judge_command",
        "let a model behind an API judge whose reasons are better",
    ),
    "locate": ("gleam_x.pipeline.command:locate_command", "where photos were taken, verified and explained"),
    "review": ("gleam_x.review.command:review_command", "people look at the benchmark: serve, agreement, apply ..."),
    "train": ("gleam_x.train_command:train_command", "fine-tune a base model with LoRA or QLoRA on the benchmark"),
    "verify": ("gleam_x.verify_command:verify_command", "do two pictures show the same place?"),
    "explain": ("gleam_x.verify_command:explain_command", "do two pictures show the same place, and why?"),
    "merge": ("gleam_x.verify_command:merge_command", "put an adapter into the weights of its base"),
}


def main() -> None:
    """Entry point of the console script."""
    sys.exit(dispatch("gleam-x", ABOUT, COMMANDS))
