"""Loading: decoders beside each other, and pairs a second from files as they come, packed, and decoded once.

    python benchmarks/loading.py            # a minute
    python benchmarks/loading.py --small    # seconds: the same code

Files are as large as VIGOR's (:mod:`worlds`); packing is ``gleam-data pack --side 111``, for an encoder that sees 96.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from gleam_c.encoder import create_encoder, preset
from gleam_common.catalog import Catalog
from gleam_common.datamodule import DataConfig, PairDataModule
from gleam_common.images import decode_array
from gleam_common.pack import PACK_FORMATS, PackConfig, pack_catalog
from gleam_common.progress import progress
from measuring import interleaved_s, spread, write_result
from PIL import Image
from worlds import enlarged, some_places, world

BATCH = 16
SIDE = 111


def decoders(catalog: Catalog, count: int, repeats: int) -> dict[str, Any]:
    """Return pictures a second of each decoder on panoramas of 2048 x 1024, and whether the pixels are Pillow's."""
    contents = [catalog.picture_path("queries", row).read_bytes() for row in range(count)]
    ways: dict[str, Callable[[bytes], Any]] = {
        "ours": lambda content: decode_array(content, "bench"),
        "Pillow": lambda content: np.array(Image.open(io.BytesIO(content)).convert("RGB")),
        "OpenCV": lambda content: cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB),
        "OpenCV at half": lambda content: cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_REDUCED_COLOR_2),
    }
    seconds, answers = interleaved_s(
        {name: lambda way=way: [way(content) for content in contents] for name, way in ways.items()}, repeats
    )
    expected = answers["Pillow"]
    return {
        name: {
            "pictures_per_s": spread([count / one for one in own]),
            "equals_pillow": all(np.array_equal(a, b) for a, b in zip(answers[name], expected, strict=True)),
        }
        for name, own in seconds.items()
    }


def pairs_per_s(catalog: Path, root: Path, cache: Path | None, workers: int, repeats: int) -> dict[str, float]:
    """Return how many training pairs the loader gives a second when nothing else is done."""
    encoder = create_encoder(preset("nano"))
    config = DataConfig(
        catalog=str(catalog),
        root=str(root),
        batch_size=BATCH,
        workers=workers,
        sizes={str(view): size for view, size in encoder.sizes.items()},
        cache=None if cache is None else str(cache),
        laid_out=tuple(encoder.config.laid_out),
    )
    loader = PairDataModule(config).train_dataloader()
    rates = []
    for number in range(repeats + 1):
        loader.order.set_epoch(number)
        started = time.perf_counter()
        for _ in loader:
            pass
        if number:
            rates.append(len(loader) * BATCH / (time.perf_counter() - started))
    return spread(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tiny world: does it run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    parser.add_argument("--workers", type=int, default=2, help="loader processes")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    repeats = 1 if options.small else options.repeats
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        own = world(folder / "world", small=options.small)
        some = some_places(own, folder / "some", 20 if options.small else 96, ("panorama",))
        large = enlarged(some, folder / "large")
        found: dict[str, Any] = {"decoders": decoders(large, 4 if options.small else 24, repeats)}
        places = {"as they come": (large.root, None), "decoded once": (large.root, folder / "cache")}
        sizes = {"as they come": sum(path.stat().st_size for path in large.root.rglob("*.*"))}
        for name in PACK_FORMATS:
            report = pack_catalog(large, folder / name, PackConfig(side=SIDE, format=name))
            places[f"packed as {name}"] = (folder / name, None)
            sizes[f"packed as {name}"] = report.bytes_after
        found["pairs_per_s"] = {
            name: pairs_per_s(at, at, cache, options.workers, repeats)
            for name, (at, cache) in progress(places.items(), desc="loading", unit="way")
        }
        found["bytes"] = sizes
    for name, rate in found["pairs_per_s"].items():
        print(f"{name}: {rate['median']:.0f} pairs/s")
    result = {"workers": options.workers, "pixels": "tiles 640 x 640 PNG, panoramas 2048 x 1024 JPEG", **found}
    print(f"result: {write_result(options.out, 'loading' + '-small' * options.small, result)}")


if __name__ == "__main__":
    main()
