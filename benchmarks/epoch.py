"""One epoch of training (load, change, step) on two CPU cores: ours beside a plain loop with the same model and data.

    python benchmarks/epoch.py            # minutes
    python benchmarks/epoch.py --small    # seconds: the same code

Both arms begin with the same weights, see the same batches in the same order, in float32, with as many loader processes
and threads, and take their epochs in turn; :mod:`plain_loop` says what plain means. The time of an epoch falls apart
into what loading takes alone and what the steps take alone, on batches that are already there.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from gleam_c.encoder import Encoder, create_encoder, preset
from gleam_c.loss import InfoNCE
from gleam_c.module import parameter_groups
from gleam_common.augment import AugmentConfig
from gleam_common.catalog import Catalog
from gleam_common.datamodule import DataConfig, PairDataModule
from gleam_common.progress import progress
from measuring import restart_with, spread, write_result
from plain_loop import PlainPairs
from torch import nn
from torch.utils.data import DataLoader
from worlds import enlarged, some_places, world

BATCH = 32
ALL_VIEWS = ("uav", "map", "panorama", "ground")
LIGHT = AugmentConfig(
    brightness=0.1, contrast=0.15, saturation=0.2, hue_deg=8, white_balance=0.05, grey=0.05, blur=0, dropout=0.1
)
"""The changes of ``configs/c/synthcity.yaml``."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is trained on what: ``places`` of the world, as it lies on disk or as large as VIGOR's files."""

    encoder: str
    views: tuple[str, ...] = ALL_VIEWS
    places: int = 160
    large: bool = False


CASES = {
    "SynthCity's files, encoder nano": Case(encoder="nano"),
    "VIGOR's file sizes, encoder nano": Case(encoder="nano", views=("panorama",), large=True),
}


class Arm:
    """A loader, a model and an optimizer that go through epochs; keeps the seconds and the losses."""

    def __init__(self, loader: DataLoader[Any], encoder: Encoder, *, fused: bool) -> None:
        self.loader, self.model = loader, nn.ModuleDict({"encoder": encoder, "loss": InfoNCE()}).train()
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, 0.05), lr=1e-3, fused=fused)
        self.asks_each_step = not fused
        self.epoch_s: list[float] = []
        self.load_s: list[float] = []
        self.step_s: list[float] = []
        self.losses: list[float] = []

    def epoch(self, number: int) -> None:
        """Train one epoch."""
        self._set_epoch(number)
        started = time.perf_counter()
        losses = self.steps(self.loader)
        self.epoch_s.append(time.perf_counter() - started)
        self.losses.append(statistics.fmean(losses))

    def steps(self, batches: Iterable[Any]) -> list[float]:
        """Train on some batches and return their losses."""
        losses = []
        for batch in batches:
            both = self.model["encoder"].pair(batch["query"], batch["gallery"])
            loss = self.model["loss"](*both, batch["gallery_row"], batch["related"])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            losses.append(loss.item() if self.asks_each_step else loss.detach())
        return [float(loss) for loss in losses]

    def parts(self, number: int, most: int = 8) -> None:
        """Load an epoch without a step, and make steps on batches that are there, with copies of no weight: last."""
        self._set_epoch(number)
        started = time.perf_counter()
        kept = [batch for index, batch in enumerate(self.loader) if index < most]
        self.load_s.append(time.perf_counter() - started)
        started = time.perf_counter()
        self.steps(kept)
        self.step_s.append((time.perf_counter() - started) / len(kept) * len(self.loader))

    def _set_epoch(self, number: int) -> None:
        self.loader.batch_sampler.set_epoch(number)  # type: ignore[union-attr]


def data_of(catalog: Catalog, folder: Path, encoder: Encoder, cache: Path, workers: int) -> PairDataModule:
    return PairDataModule(
        DataConfig(
            catalog=str(folder),
            root=str(catalog.root),
            batch_size=BATCH,
            workers=workers,
            sizes={str(view): size for view, size in encoder.sizes.items()},
            augment=LIGHT,
            mean=encoder.mean,
            std=encoder.std,
            cache=str(cache),
            heading_up=tuple(map(str, encoder.headings)),
            laid_out=tuple(encoder.config.laid_out),
        )
    )


def encoder_of(name: str) -> Encoder:
    torch.manual_seed(1)
    return create_encoder(preset(name))


def arms(case: Case, catalog: Catalog, scratch: Path, workers: int) -> tuple[dict[str, Arm], float]:
    """Return both arms, and the seconds that decoding once took."""
    folder = scratch / "catalog"
    catalog = some_places(catalog, folder, case.places, case.views)
    if case.large:
        folder = scratch / "large"
        catalog = enlarged(catalog, folder)
    encoder, plain_encoder = encoder_of(case.encoder), encoder_of(case.encoder)
    data = data_of(catalog, folder, encoder, scratch / "cache", workers)
    started = time.perf_counter()
    data.prepare_data()
    ingest_s = time.perf_counter() - started
    ours = Arm(data.train_dataloader(), encoder, fused=True)
    plain_encoder.memory_format = torch.contiguous_format
    pairs = PlainPairs(data.catalog, data.pairs, plain_encoder, LIGHT, seed=0)
    order = data.train_dataloader().order
    options: dict[str, Any] = {"persistent_workers": True, "worker_init_fn": one_thread} if workers else {}
    plain = Arm(DataLoader(pairs, batch_sampler=order, num_workers=workers, **options), plain_encoder, fused=False)
    return {"plain": plain, "ours": ours}, ingest_s


def one_thread(_worker: int) -> None:
    cv2.setNumThreads(0)  # as our own loader's processes do


def measured(case: Case, catalog: Catalog, repeats: int, workers: int) -> dict[str, Any]:
    """Return the seconds of both arms, their parts, losses and ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        both, ingest_s = arms(case, catalog, Path(scratch), workers)
        for number in progress(range(repeats + 1), desc=f"epochs of {case.encoder}", unit="epoch", leave=False):
            for arm in both.values():
                arm.epoch(number)
        for number in range(repeats + 1, repeats + 3):
            for arm in both.values():
                arm.parts(number)
    pairs = len(both["ours"].loader) * BATCH
    ratios = [slow / fast for slow, fast in zip(*(both[name].epoch_s[1:] for name in ("plain", "ours")), strict=True)]
    found: dict[str, Any] = {
        "case": vars(case),
        "pairs_per_epoch": pairs,
        "times_faster": spread(ratios),
        "decoding_once_s": ingest_s,
    }
    for name, arm in both.items():
        found[name] = {
            "epoch_s": spread(arm.epoch_s[1:]),
            "loading_alone_s": min(arm.load_s),
            "steps_alone_s": min(arm.step_s),
            "pairs_per_s": pairs / statistics.median(arm.epoch_s[1:]),
            "loss_of_each_epoch": arm.losses,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tiny world: does it run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch in the training process")
    parser.add_argument("--workers", type=int, default=2, help="loader processes of each arm")
    parser.add_argument("--repeats", type=int, default=3, help="epochs of each arm after a warm-up")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    options = parser.parse_args()
    # Threads that wait shall leave the core to the loader's processes, in both arms.
    restart_with(OMP_WAIT_POLICY="PASSIVE")
    torch.set_num_threads(options.threads)
    repeats = 1 if options.small else options.repeats
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        catalog = world(Path(scratch) / "world", small=options.small)
        for name in options.cases:
            case = CASES[name]
            if options.small:
                case = Case(encoder=case.encoder, views=case.views, places=40, large=case.large)
            found[name] = measured(case, catalog, repeats, options.workers)
            ours, plain = found[name]["ours"], found[name]["plain"]
            print(
                f"{name}: {found[name]['times_faster']['median']:.2f} times faster "
                f"({plain['epoch_s']['median']:.1f} s -> {ours['epoch_s']['median']:.1f} s an epoch), "
                f"loss {plain['loss_of_each_epoch'][-1]:.3f} and {ours['loss_of_each_epoch'][-1]:.3f}"
            )
    result = {"threads": options.threads, "workers": options.workers, "batch": BATCH, "cases": found}
    print(f"result: {write_result(options.out, 'epoch' + '-small' * options.small, result)}")


if __name__ == "__main__":
    main()
