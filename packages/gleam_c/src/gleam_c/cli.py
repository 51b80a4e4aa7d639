"""``gleam-c``: train, embed and evaluate the contrastive model."""

from __future__ import annotations

import sys

from gleam_common.commands import Command, dispatch

ABOUT = "GLEAM-C: one model that finds a photo, panorama, UAV picture or map among satellite tiles."

COMMANDS: dict[str, Command] = {
    "train": ("gleam_c.train_command:train_command", "both phases of a recipe, then evaluation and report"),
    "embed": ("gleam_c.evaluate_command:embed_command", "embeddings of a catalog's tiles or queries"),
    "gallery": ("gleam_c.gallery.commands:gallery_command", "tiles of your own map: build, add, info, verify"),
    "locate": ("gleam_c.locate.commands:locate_command", "where photos were taken: a table, a map, a track"),
    "calibrate": ("gleam_c.locate.commands:calibrate_command", "what makes confidence and metres of similarities"),
    "evaluate": ("gleam_c.evaluate_command:evaluate_command", "recall of a trained model on a catalog"),
    "export": ("gleam_c.export_command:export_command", "a model to give away: safetensors, card, ONNX"),
    "score": ("gleam_c.score_command:score_command", "embeddings that any model made, scored by the same protocols"),
}


def main() -> None:
    """Entry point of the console script."""
    sys.exit(dispatch("gleam-c", ABOUT, COMMANDS))


if __name__ == "__main__":
    main()
