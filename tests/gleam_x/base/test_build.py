"""The offline base from end to end, at the smallest size: cached, gone on with, refused, opened as any base is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gleam_common.errors import ArtifactError, ConfigError
from gleam_x.base import build as base_build
from gleam_x.base import teaching
from gleam_x.base.build import build_base
from gleam_x.base.config import BaseConfig
from gleam_x.open_base import open_base
from gleam_x.preparation import is_prepared

CONFIG = BaseConfig(
    size="nano", max_pixels=56 * 56, merges=600, draws=1, tower_steps=2, tower_per_view=1, variants=1, 
    caption_batch_size=5, language_steps=2, batch_size=4, processes=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def titles() -> list[str]:
    return []


@pytest.fixture(scope="module")
def base(world: Path, tmp_path_factory: pytest.TempPathFactory, titles: list[str]) -> Path:
    """A base whose making was interrupted after the tower, and then gone on with."""
    out = tmp_path_factory.mktemp("base") / "b"
    usual = teaching.fit

    def fit(module, batches, steps, processes, title):
        titles.append(title)
        if titles == ["vision tower", "language model"]:
            raise KeyboardInterrupt
        usual(module, batches, steps, processes, title)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teaching, "fit", fit)
        with pytest.raises(KeyboardInterrupt):
            build_base(world, out, CONFIG)
        return build_base(world, out, CONFIG)


def test_a_stopped_base_goes_on_behind_its_tower_and_a_finished_one_is_kept(
    world: Path, base: Path, titles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert titles == ["vision tower", "language model", "language model"]
    monkeypatch.setattr(teaching, "fit", lambda *_: pytest.fail("trained again"))
    assert build_base(world, base, CONFIG) == base


def test_a_base_made_otherwise_is_refused(world: Path, base: Path) -> None:
    with pytest.raises(ArtifactError, match="overwrite"):
        build_base(world, base, replace(CONFIG, seed=2))


def test_its_folder_opens_as_any_base_and_prepares_pictures(base: Path) -> None:
    opened = open_base(str(base), None, None, None, "")
    assert is_prepared(opened.processor)
    words = "两张图显示的是同一地点。"
    assert len(opened.processor.tokenizer.encode(words)) < len(words)


def test_texts_of_both_languages_and_both_verdicts_make_the_tokenizer(world: Path) -> None:
    from gleam_common.catalog import Catalog
    from gleam_x.base.comparisons import draw_comparisons

    comparisons = draw_comparisons(Catalog.read(world), 1, 1)
    tokenizer = base_build._make_tokenizer(comparisons, replace(CONFIG, merges=1600))
    for item in comparisons:
        # a character that no text taught is spelled in two or three bytes
        assert len(tokenizer.encode(item.reasons["zh"].text)) < len(item.reasons["zh"].text)


@pytest.mark.parametrize(("name", "value"), [("size", "huge"), ("processes", 0)])
def test_what_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=str(value)):
        replace(CONFIG, **{name: value})
