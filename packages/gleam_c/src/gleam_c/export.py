"""A model as ONNX, checked against PyTorch: one graph for each size of pictures, any number of pictures at once.

A graph takes RGB in [0, 1], since normalising is in it. What is done to pictures before (resizing to the graph's size,
turning tiles, laying out panoramas) is named in ``onnx.json`` and is gleam-c's to do.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.artifacts import open_stage, sha256_file, write_json
from gleam_common.errors import ConfigError, ModelError
from gleam_common.progress import progress
from torch import Tensor, nn

from gleam_c.encoder import Encoder
from gleam_c.model_folder import MODEL_FILES, WEIGHTS, load_encoder

__all__ = ["TOLERANCE", "export_model", "parity"]

KIND = "gleam-c export"
TOLERANCE = 1e-4
"""Largest difference of any number of an embedding of length 1 between ONNX Runtime and PyTorch."""
_OPSET = 18


class _FromUnitRange(nn.Module):
    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(encoder.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(encoder.std).view(1, 3, 1, 1))

    def forward(self, image_BCHW: Tensor) -> Tensor:
        if self.encoder.config.even_pictures:
            # A shift of a channel drops out of instance norm, but ONNX Runtime's loses digits of flat, bright pictures.
            image_BCHW = image_BCHW - image_BCHW.mean((2, 3), keepdim=True)
        else:
            image_BCHW = image_BCHW - self.mean
        return torch.as_tensor(self.encoder(image_BCHW / self.std))


def export_model(checkpoint: Path, out: Path, *, onnx: bool = True, overwrite: bool = False) -> dict[str, float]:
    """Write a model's folder, and its ONNX graphs beside it; return each graph's largest difference from PyTorch.

    Args:
        checkpoint: a run's ``model`` folder.
        out: new or empty, or a finished export of the same model.
        onnx: write graphs; needs the extra ``export``.
        overwrite: replace an export of another model.

    Raises:
        ModelError: no model, or a graph that differs from PyTorch by more than :data:`TOLERANCE`.
        ConfigError: the extra is not installed.
        ArtifactError: ``out`` holds something else.
    """
    encoder = load_encoder(checkpoint)
    if onnx:
        _check_installed()
    stage = open_stage(out, KIND, {"model_sha256": sha256_file(checkpoint / WEIGHTS), "onnx": onnx}, overwrite)
    if stage.is_complete:
        return {}
    names = [name for name in MODEL_FILES if (checkpoint / name).is_file()]
    for name in names:
        shutil.copyfile(checkpoint / name, out / name)
    found: dict[str, float] = {}
    if onnx:
        graphs: dict[str, dict[str, Any]] = {}
        sizes = sorted(set(encoder.sizes.values()))
        for size in progress(sizes, desc="ONNX graphs", unit="graph", leave=False):
            name = f"encoder_{size[0]}x{size[1]}.onnx"
            _write_graph(encoder, size, out / name)
            found[name] = parity(encoder, size, out / name)
            views = [str(view) for view, own in encoder.sizes.items() if own == size]
            graphs[name] = {"views": views, "size": list(size), "largest_difference": found[name]}
        write_json(out / "onnx.json", {"schema": 1, "opset": _OPSET, "graphs": graphs, **_before(encoder)})
        names += [*found, "onnx.json"]
    stage.finish(names)
    return found


def _before(encoder: Encoder) -> dict[str, Any]:
    return {
        "input": "image_BCHW: float32, RGB in [0, 1], at the graph's height and width",
        "output": "embedding_BD: float32, of length 1",
        "headings": {str(view): count for view, count in encoder.headings.items()},
        "laid_out": sorted(map(str, encoder.laid_out)),
    }


def _check_installed() -> None:
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"ONNX needs a package that is not installed ({error.name})",
            fix="pip install 'gleam-c[export]', or give --onnx false",
        ) from None


def _write_graph(encoder: Encoder, size: tuple[int, int], path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about its own parts
        torch.onnx.export(
            _FromUnitRange(encoder).eval(), (torch.rand(2, 3, *size),), path, dynamo=True, opset_version=_OPSET,
            input_names=["image_BCHW"], output_names=["embedding_BD"],
            dynamic_shapes=({0: torch.export.Dim("pictures", min=1, max=4096)},), external_data=False, verbose=False,
        )  # fmt: skip


def parity(encoder: Encoder, size: tuple[int, int], path: Path) -> float:
    """Return the largest difference of embeddings between a graph and the encoder, on noise, edges, black and white.

    Raises:
        ModelError: it is above :data:`TOLERANCE`, or a graph gives what is no number.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (encoder.mean, encoder.std))
    most = 0.0
    for pictures in _tried(size):
        with torch.inference_mode():
            wanted = encoder((torch.from_numpy(pictures) - mean) / std).numpy()
        found = session.run(None, {"image_BCHW": pictures})[0]
        difference = float(np.abs(found - wanted).max())
        if not difference <= TOLERANCE:
            raise ModelError(
                f"{path.name} gives other embeddings than PyTorch", value=difference, allowed=f"at most {TOLERANCE}",
                fix="tell us: encoder, torch and onnxruntime versions",
            )  # fmt: skip
        most = max(most, difference)
    return most


def _tried(size: tuple[int, int]) -> Iterable[npt.NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    yield rng.random((5, 3, *size), dtype=np.float32)
    halves = np.zeros((1, 3, *size), dtype=np.float32)
    halves[..., size[1] // 2 :] = 1.0
    yield halves
    yield np.stack([np.full((3, *size), value, np.float32) + 0.01 * halves[0] for value in (0.0, 0.5, 0.99)])
