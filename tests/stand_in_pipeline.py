"""A retriever and a judge for tests of the pipeline that answer from tables, and photos for them."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from gleam_x.pipeline.found import Found, Search, Tile
from gleam_x.pipeline.judge import Pair, Verdict
from gleam_x.verdict import VerdictScore
from PIL import Image

__all__ = ["StandInFinder", "StandInJudge", "jpeg_bytes", "write_photos"]

REASON = "The drone photo shows a church with a red roof on the left. The tile shows it in the north."


def jpeg_bytes(shade: int, side: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), shade, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def write_photos(folder: Path, count: int) -> list[Path]:
    """Photos p0.png, p1.png ... whose shade is their number."""
    paths = [folder / f"p{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((40, 60, 3), number, np.uint8)).save(path)
    return paths


class StandInFinder:
    """Finds ``tiles`` tiles of falling similarity for every photo; their shade is 100 + their rank."""

    sha256, name = "c" * 64, "stand-in"

    def __init__(self, view: str = "uav") -> None:
        self.view, self.asked, self.delays_s = view, [], {}
        self.running = self.most_running = 0
        self._lock = threading.Lock()

    def find(self, photos: Sequence[Path], search: Search) -> list[Found]:
        with self._lock:
            self.asked.append((len(photos), search.tiles))
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        time.sleep(self.delays_s.get(photos[0].name, 0.0))
        with self._lock:
            self.running -= 1
        return [self._found(photo, search.tiles) for photo in photos]

    def _found(self, photo: Path, tiles: int) -> Found:
        made = [
            Tile(
                gallery_id=f"{photo.stem}/t{rank}", similarity=0.9 - 0.1 * rank, lat=50.0 + rank, lon=8.0, width_m=120.0,
                corners=((51.0, 7.0), (51.0, 9.0), (49.0, 9.0), (49.0, 7.0)), picture=jpeg_bytes(100 + rank),
            )
            for rank in range(tiles)
        ]  # fmt: skip
        return Found(photo=photo, view=self.view, view_reason="as given", tiles=tuple(made))


class StandInJudge:
    """Says of tile number r that it is the place with probability ``chances[r]`` (the last one for all others)."""

    sha256, explains = "a" * 64, True

    def __init__(self, chances: Sequence[float] = (0.6, 0.2), reason: str = REASON) -> None:
        self.chances, self.reason = list(chances), reason
        self.told: list[tuple[str, str, str]] = []

    def see(self, picture: Image.Image, where: str) -> np.ndarray:
        return np.asarray(picture.convert("RGB"), np.uint8)

    def verdicts(self, pairs: Sequence[Pair], language: str) -> list[Verdict]:
        ranks = [round(float(pair.tile.mean())) - 100 for pair in pairs]
        chosen = [self.chances[min(rank, len(self.chances) - 1)] for rank in ranks]
        score = VerdictScore(query_first=1.0, satellite_first=0.0, leftover=0.0)
        return [Verdict(score=score, probability=chance) for chance in chosen]

    def explanations(self, pairs: Sequence[Pair], says: Sequence[str], language: str) -> list[str]:
        self.told += [(pair.name, said, language) for pair, said in zip(pairs, says, strict=True)]
        return [self.reason] * len(pairs)
