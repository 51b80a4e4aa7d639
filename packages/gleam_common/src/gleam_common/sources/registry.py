"""The public sets by name. A set's module is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from gleam_common.errors import ConfigError
from gleam_common.sources.source import Source

__all__ = ["SOURCES", "source_named"]

SOURCES: dict[str, str] = {
    "cvact": "gleam_common.sources.cvact",
    "cvusa": "gleam_common.sources.cvusa",
    "denseuav": "gleam_common.sources.denseuav",
    "folder": "gleam_common.sources.folder",
    "geotext1652": "gleam_common.sources.geotext1652",
    "gta_uav": "gleam_common.sources.gta_uav",
    "map": "gleam_common.sources.map_pairs",
    "setvl480k": "gleam_common.sources.setvl480k",
    "sues200": "gleam_common.sources.sues200",
    "university1652": "gleam_common.sources.university1652",
    "vigor": "gleam_common.sources.vigor",
}
"""Name of a set: the module that holds its ``SOURCE``."""


def source_named(name: str) -> Source:
    """Return a set.

    Raises:
        ConfigError: unknown name; lists the known ones.
    """
    if name not in SOURCES:
        raise ConfigError("unknown set", value=name, allowed=list(SOURCES))
    source: Source = import_module(SOURCES[name]).SOURCE
    return source
