"""``gleam-c export``: a model to give away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gleam_common.commands import run_function

__all__ = ["export", "export_command"]


def export(checkpoint: Path, out: Path, onnx: bool = True, overwrite: bool = False) -> None:
    """Write a trained model as safetensors, configuration and model card, and as ONNX graphs checked against PyTorch.

    Args:
        checkpoint: the run's ``model`` folder (model.safetensors and config.json).
        out: folder of the export.
        onnx: one graph for each size of pictures; `--onnx false` leaves them out. Needs `pip install gleam-c[export]`.
        overwrite: replace an export of another model in OUT.
    """
    from gleam_c.export import export_model

    for name, difference in export_model(checkpoint, out, onnx=onnx, overwrite=overwrite).items():
        print(f"{name}: differs from PyTorch by {difference:.1e} at most")
    print(f"model: {out}")


def export_command(arguments: Sequence[str]) -> None:
    """Run :func:`export` with ``arguments``."""
    run_function(export, "gleam-c export", arguments)
