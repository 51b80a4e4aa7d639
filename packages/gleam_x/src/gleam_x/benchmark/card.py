"""The benchmark's README.md: what it is, how it was made, what it holds, and how far shortcuts get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_atomic

from gleam_x.benchmark.folder import SPLITS, data_file
from gleam_x.benchmark.schema import Record

__all__ = ["CARD_FILE", "card_text", "write_card"]

CARD_FILE = "README.md"

_TEXT = """---
language: [en, zh]
license: cc0-1.0
pretty_name: GLEAM-X SynthCity
task_categories: [visual-question-answering]
tags: [cross-view geo-localization, explanation, synthetic]
configs:
  - config_name: default
    data_files:
{files}
---
# Do these two pictures show the same place, and why?

{total} records of two pictures each: a query (UAV picture, street map, panorama or ground photo) and a satellite tile
of SynthCity, a procedural world. Each pair stands twice, in English and in Chinese, with the same claims.

| split | records | pairs | places | uav | map | panorama | ground | same place | random | near | confusable |
|---|---|---|---|---|---|---|---|---|---|---|---|
{rows}

## Columns

`query_image`, `satellite_image`: the pictures. `view`, `same_place`, `negative_kind` (random: elsewhere; near: 120 to
400 m away; confusable: what a model takes for the right tile), `language`, `verdict`, `explanation` (first picture,
second picture, comparison, conclusion), `claims` (what the explanation says, as data), `query_shows`,
`satellite_shows` (every thing of the vocabulary that a picture shows: what a claim is scored against), `provenance`,
and the ids `record_id`, `pair_id`, `query_id`, `gallery_id`, `place_id`.

## How it was made

Seed {seed}; confusable negatives from: {negatives_from}; wording {wording_version}; schema {schema_version}.
Splits are by place; the test split is a city of its own. Every place stands once with its own tile and once with a
wrong one, and is described by the same things both times; no tile is wrong more often than it is right. So neither one
picture alone nor the description of one picture tells the verdict. The descriptions of both together do, by design:
what is named twice is the same place. A model that is scored must see neither.

{shortcuts}
## Limits

The world is synthetic: buildings, streets and light are simpler than real ones. Explanations are made of templates with
many wordings. Names of streets and places occur on labelled maps, never in explanations. "The pond" does not mean that
there is no other. "There is no pond" means none that takes 0.3 % of the picture or more; a corner of one may be there.
Wrong pairs always differ in a kind of thing, so a model that recognises things well needs little geometry.

Licence: CC0-1.0, pictures and texts.
"""


def card_text(config: Mapping[str, Any], records: Mapping[str, list[Record]], shortcuts: str) -> str:
    """Return the card of a benchmark with these records; ``shortcuts`` is a Markdown table."""
    files = "\n".join(f"      - split: {split}\n        path: {data_file(split)}" for split in SPLITS)
    return _TEXT.format(
        files=files,
        total=sum(map(len, records.values())),
        rows="\n".join(_row(split, rows) for split, rows in records.items()),
        shortcuts=shortcuts,
        **{key: config[key] for key in ("seed", "negatives_from", "wording_version", "schema_version")},
    )


def _row(split: str, records: list[Record]) -> str:
    views = Counter(record.view for record in records)
    kinds = Counter(record.negative_kind for record in records)
    pairs, places = (len({getattr(record, name) for record in records}) for name in ("pair_id", "place_id"))
    numbers = [*(views[view] for view in ("uav", "map", "panorama", "ground")), kinds[""]]
    numbers += [kinds[kind] for kind in ("random", "near", "confusable")]
    return f"| {split} | {len(records)} | {pairs} | {places} | {' | '.join(map(str, numbers))} |"


def write_card(folder: Path, config: Mapping[str, Any], records: Mapping[str, list[Record]], shortcuts: str) -> None:
    """Write the card, atomically."""
    with write_atomic(folder / CARD_FILE) as file:
        file.write(card_text(config, records, shortcuts).encode())
