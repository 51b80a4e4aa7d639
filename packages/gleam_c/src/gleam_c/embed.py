"""Pictures -> embeddings, and the table that keeps them: ids, a memory-mapped matrix, and what made it."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from gleam_common.artifacts import open_stage, read_json, read_manifest, write_atomic, write_json
from gleam_common.catalog import Catalog, Which
from gleam_common.errors import ArtifactError, DataError, ModelError
from gleam_common.picture_loader import PictureBatch, picture_loader
from gleam_common.progress import progress
from gleam_common.views import View
from gleam_common.window import WHOLE, Window
from torch import Tensor, nn
from torch.utils.data import DataLoader

__all__ = ["EmbeddingTable", "PictureEncoder", "device_of", "embed_batch", "embed_catalog", "embed_pictures"]

KIND, IDS, MATRIX, META = "embeddings", "ids.parquet", "embeddings.npy", "meta.json"

Matrix = npt.NDArray[np.float32] | npt.NDArray[np.float16]


class PictureEncoder(Protocol):
    """What embedding needs of an encoder; :class:`gleam_c.encoder.Encoder` is one."""

    @property
    def sizes(self) -> Mapping[View, tuple[int, int]]:
        """Height and width in pixels per view."""

    @property
    def headings(self) -> Mapping[View, int]:
        """How many headings tiles are turned to for queries of a view; others see tiles north-up."""

    @property
    def laid_out(self) -> Collection[View]:
        """Views whose pictures are laid out like tiles."""

    @property
    def mean(self) -> Sequence[float]:
        """Mean of RGB in [0, 1]."""

    @property
    def std(self) -> Sequence[float]:
        """Standard deviation of RGB in [0, 1]."""

    def __call__(self, image_BCHW: Tensor, /) -> Tensor:
        """Return embeddings (B, D)."""


def embed_pictures(
    encoder: PictureEncoder,
    loader: DataLoader[PictureBatch],
    device: torch.device | str | None = None,
    title: str = "embedding",
) -> npt.NDArray[np.float32]:
    """Return the embeddings of all pictures of ``loader`` in its order, float32 (N, D), of length 1.

    The encoder runs in evaluation mode without gradients, on ``device`` or where it is; its mode is restored.

    Raises:
        ModelError: an embedding is NaN, infinite or zero (names the picture).
        DataError: the loader has no picture.
    """
    was_training = False
    if isinstance(encoder, nn.Module):
        was_training = encoder.training
        encoder.eval()
        if device is not None:
            encoder.to(device)
    parts: list[npt.NDArray[np.float32]] = []
    try:
        with (
            torch.inference_mode(),
            progress(desc=title, unit="picture", total=_count(loader), delay=1, leave=False) as bar,
        ):
            for batch in loader:
                parts.append(embed_batch(encoder, batch))
                bar.update(len(batch["ids"]))
    finally:
        if isinstance(encoder, nn.Module):
            encoder.train(was_training)
    if not parts:
        raise DataError("there is no picture to embed", fix="check the split and the views that were chosen")
    return np.concatenate(parts)


def device_of(encoder: PictureEncoder) -> torch.device:
    """Return where the encoder's weights are; the CPU when it has none."""
    return _first_weight(encoder).device


def _first_weight(encoder: PictureEncoder) -> Tensor:
    weights = encoder.parameters() if isinstance(encoder, nn.Module) else iter(())
    return next(weights, torch.empty(0))


def _count(loader: Iterable[PictureBatch]) -> int | None:
    dataset = getattr(loader, "dataset", None)
    return None if dataset is None else len(dataset)


def embed_batch(encoder: PictureEncoder, batch: PictureBatch) -> npt.NDArray[np.float32]:
    """Return the embeddings (B, D), of length 1, of one batch; the caller has put the encoder into evaluation mode.

    Raises:
        ModelError: an embedding is NaN, infinite or zero (names the picture).
    """
    pictures_BCHW = batch["pictures"].to(_first_weight(encoder), non_blocking=True)  # its device and its precision
    embedding_BD = encoder(pictures_BCHW).float()
    norm_B = embedding_BD.norm(dim=1)
    bad = (~(norm_B.isfinite() & (norm_B > 0))).nonzero()
    if len(bad):
        raise ModelError(
            "the encoder gives NaN, infinity or zero for the picture",
            value=batch["ids"][int(bad[0])],
            fix="its training diverged, or the precision overflows: look at the loss, or evaluate in 32-true",
        )
    return np.asarray((embedding_BD / norm_B[:, None]).cpu().numpy())


def embed_catalog(
    encoder: PictureEncoder,
    catalog: Catalog,
    which: Which,
    view: View = View.SATELLITE,
    *,
    device: torch.device | str | None = None,
    batch_size: int = 64,
    workers: int = 0,
    cache: Path | None = None,
    up_deg: float | None = None,
    window: Window = WHOLE,
) -> EmbeddingTable:
    """Return the embeddings of the gallery's tiles or of the queries of one view, in the catalog's order.

    ``up_deg`` is the heading in degrees that tiles are turned to before they are embedded, ``window`` the part of them
    that is.

    Raises:
        DataError: a picture is missing or broken, or there is none of this view.
        ModelError: as :func:`embed_pictures`.
    """
    size = encoder.sizes[view]
    loader = picture_loader(
        catalog,
        which,
        size=size,
        view=view,
        batch_size=batch_size,
        workers=workers,
        mean=encoder.mean,
        std=encoder.std,
        cache=cache,
        up_deg=up_deg,
        window=window,
        laid_out=view if view in encoder.laid_out else None,
    )
    matrix = embed_pictures(encoder, loader, device, f"embedding {'tiles' if which == 'gallery' else view}")
    ids = catalog.gallery_ids if which == "gallery" else catalog.query_ids
    of_view = np.flatnonzero(catalog.column("view", which) == str(view))
    own = [ids[row] for row in of_view]
    meta = {
        "view": str(view),
        "up_deg": up_deg,
        "window": repr(window),
        "laid_out": view in encoder.laid_out,
        "size": list(size),
        "mean": list(encoder.mean),
        "std": list(encoder.std),
        "encoder_sha256": _hash_of_weights(encoder),
        "ids_sha256": sha256("\n".join(own).encode()).hexdigest(),
    }
    return EmbeddingTable(ids=own, matrix=matrix, meta=meta)


def _hash_of_weights(encoder: PictureEncoder) -> str:
    """Return a hash of names and values, so that a table from other weights is never taken for this one."""
    digest = sha256()
    if isinstance(encoder, nn.Module):
        for name, value in sorted(encoder.state_dict().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(value.detach().cpu().flatten().view(torch.uint8).numpy()).data)
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class EmbeddingTable:
    """Ids and embeddings (N, D) of length 1; ``meta`` says what made them (view, size, mean, std, weights, ids)."""

    ids: list[str]
    matrix: Matrix
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or len(self.ids) != len(self.matrix):
            raise DataError(
                "ids and embeddings do not fit", value=(len(self.ids), self.matrix.shape), allowed="an id a row"
            )
        if len(set(self.ids)) != len(self.ids):
            raise DataError("an id stands twice among the embeddings", fix="embed each picture once")

    def write(
        self, folder: str | Path, *, dtype: Literal["float16", "float32"] = "float32", overwrite: bool = False
    ) -> None:
        """Write the table into ``folder``; a reader sees a whole table or an error.

        Raises:
            ArtifactError: the folder holds something else or a table made otherwise, unless ``overwrite``.
        """
        stage = open_stage(folder, KIND, {**self.meta, "dtype": dtype}, overwrite)
        buffer = io.BytesIO()
        pq.write_table(pa.table({"id": self.ids}), buffer, compression="zstd")
        with write_atomic(stage.folder / IDS) as file:
            file.write(buffer.getvalue())
        with write_atomic(stage.folder / MATRIX) as file:
            np.save(file, self.matrix.astype(dtype, copy=False))
        facts = {"count": len(self.ids), "dimension": self.matrix.shape[1], "dtype": dtype}
        write_json(stage.folder / META, {**self.meta, **facts})
        stage.finish([IDS, MATRIX, META])

    @classmethod
    def read(cls, folder: str | Path) -> EmbeddingTable:
        """Open a table; the matrix is memory-mapped, read-only.

        Raises:
            ArtifactError: no finished table, a file of another size than was written, or parts that do not fit.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        if manifest.kind != KIND or not manifest.complete:
            shown = f"{manifest.kind}, {'complete' if manifest.complete else 'unfinished'}"
            raise ArtifactError(f"{folder} is not a finished table of embeddings", value=shown, fix="embed again")
        for name, record in manifest.files.items():
            if not (folder / name).is_file() or (folder / name).stat().st_size != record.bytes:
                raise ArtifactError(f"{folder / name}: missing or cut off", fix="embed again with --overwrite")
        meta = read_json(folder / META)
        try:
            ids = pq.read_table(folder / IDS)["id"].to_pylist()
            matrix = np.load(folder / MATRIX, mmap_mode="r", allow_pickle=False)
            return cls(ids=ids, matrix=matrix, meta=meta)
        except (pa.ArrowInvalid, OSError, ValueError, KeyError, DataError) as error:
            raise ArtifactError(f"{folder} is broken ({error})", fix="embed again with --overwrite") from error
