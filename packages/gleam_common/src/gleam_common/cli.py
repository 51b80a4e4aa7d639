"""``gleam-data``: make, import, check and describe data."""

from __future__ import annotations

import sys

from gleam_common.commands import Command, dispatch

ABOUT = "Worlds and catalogs of cross-view pictures: make one, look at it, check it, count it."

COMMANDS: dict[str, Command] = {
    "synth": ("gleam_common.data_commands:synth_command", "make a SynthCity world (or a contact sheet of one)"),
    "check": ("gleam_common.data_commands:check_command", "open every picture of a catalog and say what is wrong"),
    "stats": ("gleam_common.data_commands:stats_command", "count a catalog by view, split and area"),
}


def main() -> None:
    """Entry point of the console script."""
    sys.exit(dispatch("gleam-data", ABOUT, COMMANDS))
