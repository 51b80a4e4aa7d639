"""``gleam-data``: make, import, check and describe data."""

from __future__ import annotations

import sys

from gleam_common.commands import Command, dispatch

ABOUT = "Worlds and catalogs of cross-view pictures: make one, look at it, check it, count it."

COMMANDS: dict[str, Command] = {
    "synth": ("gleam_common.data_commands:synth_command", "make a SynthCity world (or a contact sheet of one)"),
    "import": ("gleam_common.source_commands:import_command", "a public set on disk -> a catalog"),
    "join": ("gleam_common.source_commands:join_command", "catalogs of several sets -> one, to train on all of them"),
    "pack": ("gleam_common.data_commands:pack_command", "a catalog with pictures decoded and resized once"),
    "check": ("gleam_common.data_commands:check_command", "say what is wrong with a catalog, or with a set on disk"),
    "stats": ("gleam_common.data_commands:stats_command", "count a catalog: views, splits, places, missing files"),
}


def main() -> None:
    """Entry point of the console script."""
    sys.exit(dispatch("gleam-data", ABOUT, COMMANDS))
