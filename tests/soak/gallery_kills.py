"""100 kills while a gallery is built: each is started again and must verify, byte for byte the undisturbed one.

Each kill is SIGKILL to the process, at a moment drawn from the length of an undisturbed build, so that start, cutting,
embedding, assembly and listing are all hit. ``OUT`` keeps one JSON file for each kill: a study that was stopped goes on.

    .venv/bin/python tests/soak/gallery_kills.py [--small] [--out runs/soak/gallery_kills]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from gleam_c.gallery import segment
from gleam_c.gallery.build import build_gallery
from gleam_c.gallery.folder import GalleryFolder
from gleam_c.gallery.sources.source import CutOptions
from gleam_common.artifacts import read_json, write_json
from gleam_common.errors import GleamError
from gleam_common.progress import progress

sys.path.insert(0, str(Path(__file__).parents[1]))
from tiny_gallery import write_map, write_model

KILLS, SMALL_KILLS = 100, 2
OPTIONS = CutOptions(widths_m=(100.0, 140.0), overlap=0.75)
MOST_KILLS_OF_ONE = 3
PART_TILES = 16  # many small parts, so that many are half done


def build(source: Path, model: Path, out: Path) -> None:
    """Build in this process; what it prints is not wanted."""
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    build_gallery(source, model, out, options=OPTIONS, views=["map", "uav"])


def started(source: Path, model: Path, out: Path) -> int:
    """Build in a child and return its process id; everything is imported already, so that it builds at once."""
    child = os.fork()
    if child == 0:
        try:
            build(source, model, out)
            os._exit(0)
        except BaseException:
            os._exit(1)
    return child


def build_killed(source: Path, model: Path, out: Path, after_s: float) -> bool:
    """Build in a child that is killed after a time; return whether it was killed before its end."""
    child = started(source, model, out)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"a build failed by itself ({out})")
    return os.WIFSIGNALED(status)


def finish(source: Path, model: Path, folder: Path) -> bool:
    """Build to the end in a child; return whether it ended well."""
    return os.waitstatus_to_exitcode(os.waitpid(started(source, model, folder), 0)[1]) == 0


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a gallery, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def one(
    number: int, source: Path, model: Path, folder: Path, whole_s: float, expected: dict[str, bytes]
) -> dict[str, object]:
    """Kill a build up to three times, let it finish, and say what came of it."""
    rng, kills = np.random.default_rng([5, number]), []
    for _ in range(int(rng.integers(1, MOST_KILLS_OF_ONE + 1))):
        after_s = float(rng.uniform(0, 1.1 * whole_s))
        was_killed = build_killed(source, model, folder, after_s)
        left = sum(1 for path in folder.rglob("*") if path.is_file())
        kills.append({"after_s": round(after_s, 4), "killed": was_killed, "files_left": left})
    finished = finish(source, model, folder)
    try:
        files = GalleryFolder.read(folder).verify()
        error = None
    except GleamError as problem:
        files, error = 0, str(problem)
    same = contents(folder) == expected
    return {"kills": kills, "finished": finished, "files": files, "error": error, "same_bytes": same}


def main() -> int:
    """Run what is missing of the study and print its result; 0 when every gallery verifies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="two kills")
    parser.add_argument("--out", type=Path, default=Path("runs/soak/gallery_kills"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # a child of fork has no other threads
    segment.PART_TILES = PART_TILES
    count = SMALL_KILLS if arguments.small or os.environ.get("SMALL") == "1" else KILLS
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        source, model = write_map(work / "city.tif"), write_model(work / "model")
        finish(source, model, work / "warm")
        before_s = time.perf_counter()
        finish(source, model, work / "whole")
        whole_s, expected = time.perf_counter() - before_s, contents(work / "whole")
        for number in progress(range(count), desc="kills", unit="gallery"):
            result = arguments.out / f"{number:03d}.json"
            if not result.exists():
                write_json(result, one(number, source, model, work / "killed", whole_s, expected))
                shutil.rmtree(work / "killed", ignore_errors=True)
    results = [read_json(arguments.out / f"{number:03d}.json") for number in range(count)]
    good = sum(bool(r["finished"] and r["same_bytes"] and r["error"] is None) for r in results)
    killed = sum(kill["killed"] for r in results for kill in r["kills"])
    print(json.dumps({"galleries": count, "that_verify": good, "kills": killed, "build_s": round(whole_s, 3)}))
    return 0 if good == count else 1


if __name__ == "__main__":
    sys.exit(main())
