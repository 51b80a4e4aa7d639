"""An answer that should not be used says why; one that may be used says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gleam_c.locate.calibration import Calibration, ViewCalibration
from gleam_c.locate.locator import Locator, Question
from gleam_c.locate.table import terminal_table
from gleam_common.errors import ConfigError
from gleam_common.views import View

SURE = ViewCalibration(temperature=0.01, radius_factor=1.0, least_score=0.1, queries=50)


@pytest.fixture(scope="module")
def ask(gallery, model, photos):
    opened = Locator.open(gallery, model)

    def located(min_confidence: float, **numbers: float):
        fit = replace(SURE, **numbers)
        calibration = Calibration(model_sha256="", views={View.MAP: fit})
        question = Question(view=View.MAP, min_confidence=min_confidence)
        (one,) = replace(opened, calibration=calibration).locate([photos[3]], question)
        return one

    return located


def test_a_sure_answer_is_an_answer(ask):
    one = ask(0.5)
    assert one.abstained == ""
    assert one.confidence > 0.9
    assert "abstained" not in terminal_table([one])
    assert one.to_json()["abstained"] is None


def test_tiles_that_fit_alike_are_left_open(ask):
    one = ask(0.5, temperature=5.0)
    assert one.confidence < 0.5
    assert one.abstained.startswith("other tiles fit nearly as well: confidence 0.")
    assert f"abstained: {one.abstained}" in terminal_table([one])
    assert ask(0.0, temperature=5.0).abstained == ""


def test_a_photo_of_somewhere_else_is_left_open_however_sure(ask):
    one = ask(0.0, least_score=1.5)
    assert one.abstained.startswith("nothing in the gallery looks like it: similarity ")
    assert "95% of photos of known places reach 1.50" in one.abstained


def test_a_view_that_was_not_calibrated_has_no_confidence(gallery, model, photos):
    opened = replace(Locator.open(gallery, model), calibration=Calibration(model_sha256="", views={}))
    (one,) = opened.locate([photos[3]], Question(view=View.MAP))
    assert (one.confidence, one.radius_m, one.abstained) == (None, None, "")


def test_the_radius_factor_scales_the_radius(ask):
    assert ask(0.5, radius_factor=3.0).radius_m == pytest.approx(3 * ask(0.5).radius_m)


@pytest.mark.parametrize("wrong", [{"candidates": 101}, {"min_confidence": float("nan")}])
def test_questions_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError):
        Question(**wrong)
