"""docs/data_sets.md names every set, every protocol, every recipe of a set and the counts that are checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gleam_c.protocols import protocols
from gleam_common.recipes import find_recipe
from gleam_common.sources.registry import SOURCES, source_named

TEXT = (Path(__file__).parents[1] / "docs/data_sets.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| \[([^\]]+)\]\(#[^)]+\) \| `(\w+)` ", TEXT, re.MULTILINE))
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def test_every_set_has_a_row_and_a_section() -> None:
    assert sorted(ROWS.values()) == sorted(SOURCES)
    assert set(ROWS) == set(SECTIONS)


def test_every_protocol_is_named() -> None:
    heights = {f"sues200-{height}{end}" for height in (200, 250, 300) for end in ("", "-sample4geo")}
    for name in set(protocols()) - heights - {"sues200-150-sample4geo"}:
        assert f"`{name}`" in TEXT, name


def test_every_recipe_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:specialist|gleam_phase)\w+)`", TEXT))
    assert len(named) == 11
    for name in named:
        find_recipe(name, "gleam_c", "c")


@pytest.mark.parametrize(("title", "name"), ROWS.items())
def test_counts_that_are_checked_are_told(title: str, name: str) -> None:
    told = TEXT if name in ("geotext1652", "vigor") else SECTIONS[title]
    cities = {count.number for count in source_named(name).published if count.area and count.split}
    rare = {13_500, 342, 21_099} | cities  # parts of what is told
    for count in source_named(name).published:
        assert count.number in rare or f"{count.number:,}" in told, count
