"""Encoders: presets, shapes for every view, unit length, and words for what cannot be built."""

from __future__ import annotations

import itertools

import pytest
import torch
from gleam_c.encoder import EncoderConfig, create_encoder, list_encoders, preset
from gleam_c.pooling import create_pooling
from gleam_common.errors import ConfigError, ModelError
from gleam_common.views import View

SIZES = {str(view): [64, 64] for view in View} | {"panorama": [64, 128]}


def config(**changes: object) -> EncoderConfig:
    return EncoderConfig(**{"backbone": "test_convnext", "sizes": SIZES, "embedding_dim": 16, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"pooling": "backbone"},
        {"pooling": "gem"},
        {"pooling": "grid", "grid": 2},
        {"pooling": "grid", "grid": 2, "stage": 2},
        {"pooling": "backbone", "embedding_dim": 0},
        {"backbone": "test_vit", "backbone_options": {"dynamic_img_size": True}, "pooling": "backbone"},
    ],
)
def test_every_view_gets_an_embedding_of_length_one(changes: dict[str, object]) -> None:
    encoder = create_encoder(config(**changes)).eval()
    for view in View:
        embedding = encoder(torch.randn(2, 3, *encoder.sizes[view]))
        assert embedding.shape == (2, encoder.dim)
        torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))


def test_grid_pooling_knows_where_things_are() -> None:
    torch.manual_seed(0)
    picture = torch.randn(1, 3, 64, 64)
    grid = create_encoder(config(pooling="grid", grid=2)).eval()
    mean = create_encoder(config(pooling="backbone")).eval()
    features = grid.backbone(picture)
    assert not torch.allclose(grid.pool(features), grid.pool(features.flip(3)))
    assert torch.allclose(mean.backbone.forward_head(features), mean.backbone.forward_head(features.flip(3)), atol=1e-5)


def test_exposure_and_white_balance_drop_out_of_even_pictures() -> None:
    picture = torch.rand(2, 3, 64, 64)
    tinted = picture * torch.tensor([1.4, 1.0, 0.7])[:, None, None] + 0.2
    encoder = create_encoder(config(even_pictures=True)).eval()
    torch.testing.assert_close(encoder(tinted), encoder(picture), atol=1e-3, rtol=0)
    assert not torch.allclose(create_encoder(config()).eval()(tinted), encoder(picture), atol=1e-3)


def test_each_cell_of_a_grid_is_projected_alike() -> None:
    """From the definition: mean of the normalised features of a cell, times the one projection."""
    pooling = create_pooling("grid", 6, grid=2, embedding_dim=12)
    features = torch.randn(3, 6, 8, 8)
    cells = pooling(features).view(3, 3, 2, 2)
    normal = pooling.norm(features)
    for row, column in itertools.product(range(2), range(2)):
        mean = normal[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].mean(dim=(2, 3))
        expected = mean @ pooling.project.weight.flatten(1).T + pooling.project.bias
        torch.testing.assert_close(cells[:, :, row, column], expected)


@pytest.mark.parametrize("name", list_encoders())
def test_presets_are_sound(name: str) -> None:
    made = preset(name)
    assert set(made.sizes) == set(map(str, View))
    assert made.backbone


def test_cpu_presets_build_without_network() -> None:
    assert not preset("nano").pretrained
    assert create_encoder("pico").dim == 64


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: create_encoder("resnet5000"), ConfigError, r"unknown encoder: 'resnet5000'; allowed: .*nano"),
        (lambda: create_encoder(config(backbone="convnext_giant9")), ModelError, r"timm does not know .*convnext"),
        (lambda: config(pooling="median"), ConfigError, r"unknown pooling.*'median'; allowed: backbone, gem, grid"),
        (lambda: config(sizes={"uav": [64, 64]}), ConfigError, r"without a size for some views.*ground.*sizes:"),
        (lambda: config(sizes=SIZES | {"uav": [8]}), ConfigError, r"size of view uav: \[8\].*\[height, width\]"),
        (lambda: preset("nano", {"poolling": "gem"}), ConfigError, r"unknown field of encoder 'nano'.*poolling"),
        (lambda: create_encoder(config(backbone_options={"dims": 3})), ModelError, r"timm cannot build test_convnext"),
        (lambda: config(grid=0), ConfigError, r"grid 0, embedding_dim 16.*grid 1 to 32"),
        (lambda: config(pooling="grid", grid=3), ConfigError, r"embedding_dim of a grid: 16; allowed: multiples of 9"),
        (lambda: config(std=[0, 0, 0]), ConfigError, r"std \[0, 0, 0\].*three numbers each"),
        (lambda: create_encoder(config(stage=9, pooling="gem")), ModelError, r"timm cannot build"),
        (
            lambda: preset("nano", {"sizes": {"uav": 96}}),
            ConfigError,
            r"field of encoder 'nano' has a value of the wrong type",
        ),
        (lambda: preset("nano", {"headings": {"uav": 2.5}}), ConfigError, r"headings of view uav: 2.5.*1 to 64"),
        (
            lambda: create_encoder(config(backbone="test_vit", backbone_options={"img_size": 64}, pooling="gem"))(
                torch.zeros(1, 3, 64, 64)
            ),
            ModelError,
            r"pooling gem needs a map of features, test_vit gives tokens.*use pooling `backbone`",
        ),
        (lambda: create_encoder(config(backbone_options={"checkpoint_path": "x"})), ConfigError, r"open files"),
        (lambda: create_encoder(config(stage=1)), ConfigError, r"`stage` needs pooling gem or grid"),
    ],
)
def test_bad_input_is_said(act: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        act()  # type: ignore[operator]


def test_offline_pretrained_names_the_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"cannot be fetched.*HF_HOME.*pretrained: false"):
        create_encoder("convnext_base_384")


@pytest.mark.parametrize("at_once", [1, 3, 4])
def test_pairs_in_pieces_have_the_gradient_of_the_whole_batch(at_once: int) -> None:
    """GradCache by recomputation: with standardisation, which sees the whole batch, in float64."""
    torch.manual_seed(2)
    encoder = create_encoder("pico").double().train()
    query, tile = torch.randn(4, 3, 64, 64).double(), torch.randn(4, 3, 64, 64).double()

    def gradients(pieces: int) -> list[torch.Tensor]:
        encoder.zero_grad()
        query_BD, tile_BD = encoder.pair(query, tile, pieces)
        ((query_BD @ tile_BD.T).softmax(dim=1).diagonal().log().sum()).backward()
        return [value.grad.clone() for value in encoder.parameters() if value.grad is not None]

    for whole, in_pieces in zip(gradients(0), gradients(at_once), strict=True):
        torch.testing.assert_close(in_pieces, whole, rtol=0, atol=1e-10)


def test_pieces_are_refused_where_a_batch_is_normalised_as_one() -> None:
    encoder = create_encoder(preset("pico", {"backbone": "test_byobnet", "pooling": "gem"}))
    with pytest.raises(ConfigError, match=r"normalises by the batch.*pairs_at_once to 0"):
        encoder.pair(torch.zeros(4, 3, 64, 64), torch.zeros(4, 3, 64, 64), 2)
