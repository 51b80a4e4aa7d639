"""Public sets, tiny and in their exact layout on disk; what shows one place shares its colours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from layouts.cvact import write_cvact
from layouts.cvusa import write_cvusa
from layouts.denseuav import write_denseuav
from layouts.folder import write_folder
from layouts.geotext1652 import write_geotext1652
from layouts.gta_uav import write_gta_uav
from layouts.map_pairs import write_map_pairs
from layouts.setvl480k import write_setvl480k
from layouts.sues200 import write_sues200
from layouts.university1652 import write_university1652
from layouts.vigor import write_vigor

__all__ = ["WRITERS"]

WRITERS: dict[str, Callable[[Path], Path]] = {
    "cvact": write_cvact,
    "cvusa": write_cvusa,
    "denseuav": write_denseuav,
    "folder": write_folder,
    "geotext1652": write_geotext1652,
    "gta_uav": write_gta_uav,
    "map": write_map_pairs,
    "setvl480k": write_setvl480k,
    "sues200": write_sues200,
    "university1652": write_university1652,
    "vigor": write_vigor,
}
"""Name of a set: what writes it into a folder."""
