"""Export: the same embeddings from ONNX Runtime, from the hub's mixin, and from the folder; nothing but safetensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gleam_c import export as export_module
from gleam_c.encoder import Encoder, create_encoder
from gleam_c.export import TOLERANCE, export_model, parity
from gleam_c.export_command import export_command
from gleam_c.model_folder import load_encoder
from gleam_common.errors import ArtifactError, ConfigError, ModelError
from PIL import Image
from tiny_gallery import write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    out = tmp_path_factory.mktemp("export") / "out"
    export_command(["--checkpoint", str(model), "--out", str(out)])
    return out


def test_graphs_take_any_number_of_pictures_and_embed_as_pytorch_does(model: Path, exported: Path) -> None:
    import onnxruntime

    about = json.loads((exported / "onnx.json").read_text())
    encoder = load_encoder(model)
    assert {view for graph in about["graphs"].values() for view in graph["views"]} == set(map(str, encoder.sizes))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (encoder.mean, encoder.std))
    for name, graph in about["graphs"].items():
        session = onnxruntime.InferenceSession(exported / name, providers=["CPUExecutionProvider"])
        for count in (1, 3, 9):
            pictures = torch.rand(count, 3, *graph["size"], generator=torch.Generator().manual_seed(count))
            with torch.inference_mode():
                wanted = encoder((pictures - mean) / std).numpy()
            found = session.run(None, {"image_BCHW": pictures.numpy()})[0]
            assert np.abs(found - wanted).max() <= TOLERANCE
            assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(count), abs=1e-5)
        assert graph["largest_difference"] <= TOLERANCE


def test_what_the_docs_show_runs(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    (tmp_path / "exported").symlink_to(exported)
    Image.new("RGB", (200, 150), (90, 140, 60)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(compile(text.split("```python\n")[1].split("```")[0], "export.md", "exec"), {})
    assert capsys.readouterr().out.startswith("(1, ")


def test_graphs_of_evened_pictures_keep_the_digits_of_flat_ones(tmp_path: Path) -> None:
    """ONNX Runtime's instance norm alone loses them: 3e-5 here, 2.5e-4 after `make train-c`."""
    pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    torch.manual_seed(0)
    encoder = create_encoder("nano").eval()
    assert encoder.config.even_pictures
    export_module._write_graph(encoder, (96, 96), tmp_path / "graph.onnx")
    assert parity(encoder, (96, 96), tmp_path / "graph.onnx") <= 5e-6


def test_a_finished_export_is_kept_and_another_model_is_refused(model: Path, exported: Path, tmp_path: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in exported.iterdir()}
    assert export_model(model, exported) == {}
    assert before == {path.name: path.stat().st_mtime_ns for path in exported.iterdir()}
    with pytest.raises(ArtifactError, match="overwrite"):
        export_model(write_model(tmp_path / "other", seed=1), exported)


def test_a_graph_of_another_model_is_found_out(exported: Path, tmp_path: Path) -> None:
    other = load_encoder(write_model(tmp_path / "other", seed=1))
    with pytest.raises(ModelError, match="other embeddings than PyTorch"):
        parity(other, (64, 64), exported / "encoder_64x64.onnx")


def test_without_the_extra_it_is_said(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"gleam-c\[export\].*--onnx false"):
        export_model(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export_model(model, tmp_path / "out", onnx=False)
    assert (tmp_path / "out" / "README.md").read_text() == "card"


def test_the_hub_mixin_saves_and_reads_the_same_folder(model: Path, tmp_path: Path) -> None:
    encoder = Encoder.from_pretrained(model)
    assert (encoder.card, encoder.training) == ("card", False)
    encoder.save_pretrained(tmp_path / "saved")
    for name in ("model.safetensors", "config.json", "README.md"):
        assert (tmp_path / "saved" / name).read_bytes() == (model / name).read_bytes(), name
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    pictures = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(Encoder.from_pretrained(str(tmp_path / "saved"))(pictures), encoder(pictures))


def test_what_is_pushed_is_the_folder(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.hub_mixin as mixin

    pushed = {}

    class Api:
        def __init__(self, **_):
            pass

        def create_repo(self, repo_id, **_):
            return type("Url", (), {"repo_id": repo_id})()

        def upload_folder(self, *, repo_id, folder_path, **_):
            pushed[repo_id] = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
            return "url"

    monkeypatch.setattr(mixin, "HfApi", Api)
    Encoder.from_pretrained(model).push_to_hub("somebody/model")
    assert pushed["somebody/model"] == {path.name: path.read_bytes() for path in model.iterdir()}


def test_only_safetensors_are_fetched_and_only_of_the_revision(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gleam_c.encoder as encoder_module

    asked = {}

    def fetched(name, **options):
        asked.update(options, name=name)
        return str(model)

    monkeypatch.setattr(encoder_module, "snapshot_download", fetched)
    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", lambda **_: str(model / "config.json"))
    Encoder.from_pretrained("somebody/model", revision="abc123")
    assert (asked["name"], asked["revision"]) == ("somebody/model", "abc123")
    assert set(asked["allow_patterns"]) == {"model.safetensors", "config.json", "README.md"}


def test_folders_that_hold_no_model(model: Path, tmp_path: Path) -> None:
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    for read in (Encoder.from_pretrained, load_encoder, lambda path: export_module.export_model(path, tmp_path / "o")):
        with pytest.raises(ModelError, match=r"no config\.json in the model folder"):
            read(tmp_path / "pickled")
