"""Locator in batches, as a stream and from asyncio, with models that answer from tables."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_x.calibration import Fusion
from gleam_x.pipeline.concurrent import AsyncLocator
from gleam_x.pipeline.fusing import ViewPlan
from gleam_x.pipeline.locator import Locator, Question
from gleam_x.pipeline.plan import Plan
from gleam_x.pipeline.regions import region_of
from stand_in_pipeline import StandInFinder, StandInJudge, write_photos

FUSION = Fusion(weight_x=1.0, weight_c=1.0, intercept=0.0)


def planned(**changes: object) -> Plan:
    settings = {"top_k": 3, "reranks": True, "fusion": FUSION, "queries": 50, "gain": 0.1, "evidence": 9.0, **changes}
    return Plan(finder_sha256="c" * 64, judge_sha256="a" * 64, views={"uav": ViewPlan(**settings)})


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return write_photos(tmp_path, 7)


def test_without_a_plan_the_order_is_the_retrievers_and_the_probability_the_judges(photos) -> None:
    judge = StandInJudge(chances=(0.3, 0.9))
    answer = Locator(StandInFinder(), judge).locate(photos[:1], Question(candidates=4))[0]
    assert [candidate.tile.gallery_id for candidate in answer.candidates] == ["p0/t0", "p0/t1", "p0/t2", "p0/t3"]
    assert (answer.probability, answer.is_fused, answer.verdict) == (0.3, False, "no")
    assert "probability 0.30 is below 0.5" in answer.abstained
    assert judge.told == [("p0.png and tile p0/t0", "no", "en")]


def test_a_plan_re_ranks_and_the_best_is_explained(photos) -> None:
    judge = StandInJudge(chances=(0.1, 0.2, 0.95, 0.99))
    answer = Locator(StandInFinder(), judge, planned()).locate(photos[:1], Question(candidates=5))[0]
    # The fourth is surest by its verdict, but not among the three that may change places.
    assert [candidate.rank_c for candidate in answer.candidates] == [3, 2, 1, 4, 5]
    assert answer.is_fused
    assert answer.probability == answer.best.probability
    assert [candidate.probability is None for candidate in answer.candidates] == [False] * 3 + [True] * 2
    assert answer.verdict == "yes"
    assert answer.abstained == ""
    assert judge.told == [("p0.png and tile p0/t2", "yes", "en")]
    assert {claim.what for claim in answer.claims} == {"church"}


def test_a_plan_that_abstains_from_re_ranking_leaves_the_order(photos) -> None:
    judge = StandInJudge(chances=(0.1, 0.2, 0.95))
    answer = Locator(StandInFinder(), judge, planned(reranks=False)).locate(photos[:1], Question())[0]
    assert [candidate.rank_c for candidate in answer.candidates] == [1, 2, 3, 4, 5]
    assert answer.verdict == "no"


def test_all_that_the_plan_weighs_is_verified_though_fewer_are_shown(photos) -> None:
    finder = StandInFinder()
    judge = StandInJudge(chances=(0.1, 0.2, 0.95))
    answer = Locator(finder, judge, planned()).locate(photos[:1], Question(candidates=1))[0]
    assert finder.asked == [(1, 3)]
    assert [candidate.rank_c for candidate in answer.candidates] == [3]


def test_answers_come_in_the_order_of_the_photos_batch_by_batch(photos) -> None:
    finder = StandInFinder()
    stream = Locator(finder, StandInJudge()).stream(photos, Question(batch=3))
    first = next(stream)
    assert finder.asked == [(3, 5)], "the first answer waits for its own batch only"
    rest = list(stream)
    assert [answer.photo for answer in (first, *rest)] == photos
    assert [count for count, _ in finder.asked] == [3, 3, 1]
    assert list(first.times_s) == ["find", "verify", "explain"]
    assert all(seconds >= 0 for seconds in first.times_s.values())


def test_times_are_each_photos_share_of_its_batch(photos) -> None:
    finder = StandInFinder()
    finder.delays_s["p0.png"] = 0.3
    answers = Locator(finder, StandInJudge()).locate(photos[:3], Question(batch=3))
    assert all(0.1 <= answer.times_s["find"] < 0.2 for answer in answers)


def test_asyncio_keeps_the_order_and_limits_what_runs_at_once(photos) -> None:
    finder = StandInFinder()
    finder.delays_s = {"p0.png": 0.3, "p1.png": 0.05, "p2.png": 0.2}  # later batches are done before earlier ones
    locator = Locator(finder, StandInJudge())

    async def run() -> tuple[list[Path], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        answers = await AsyncLocator(locator, at_once=2).locate(photos, Question(batch=1))
        ticking.cancel()
        return [answer.photo for answer in answers], ticks

    found, ticks = asyncio.run(run())
    assert found == photos
    assert finder.most_running == 2
    assert ticks >= 5, "the event loop was free meanwhile"


def test_an_error_in_a_batch_ends_the_asynchronous_stream(photos) -> None:
    photos[2].write_text("no picture")

    async def run() -> list[Path]:
        seen = []
        async for answer in AsyncLocator(Locator(StandInFinder(), StandInJudge())).stream(photos, Question(batch=1)):
            seen.append(answer.photo)
        return seen

    with pytest.raises(DataError, match=r"p2\.png"):
        asyncio.run(run())


def test_one_batch_at_a_time_is_the_default(photos) -> None:
    finder = StandInFinder()
    finder.delays_s = {path.name: 0.02 for path in photos}
    asyncio.run(AsyncLocator(Locator(finder, StandInJudge())).locate(photos, Question(batch=1)))
    assert finder.most_running == 1


def test_what_cannot_be_asked_is_refused(photos) -> None:
    locator = Locator(StandInFinder(), StandInJudge())
    with pytest.raises(ConfigError, match="language of the answer: 'fr'; allowed: en, zh"):
        Question(language="fr")
    with pytest.raises(ConfigError, match="least probability"):
        Question(min_probability=1.5)
    with pytest.raises(ConfigError, match="candidates of a photo: 0"):
        Question(candidates=0)
    with pytest.raises(ConfigError, match="photos in a batch"):
        Question(batch=0)
    with pytest.raises(ConfigError, match="view of the photos: 'satellite'"):
        Question(view="satellite")
    with pytest.raises(ConfigError, match="batches at once"):
        AsyncLocator(locator, at_once=0)
    with pytest.raises(ConfigError, match="a plan of other models"):
        Locator(StandInFinder(), StandInJudge(), Plan(finder_sha256="other", judge_sha256="a" * 64, views={}))


def test_no_reason_is_asked_for_where_none_is_wanted_or_taught(photos) -> None:
    judge = StandInJudge()
    locator = Locator(StandInFinder(), judge)
    assert locator.locate(photos[:1], Question(explain=False))[0].explanation == ""
    judge.explains = False
    answer = locator.locate(photos[:1])[0]
    assert (answer.explanation, answer.claims, judge.told) == ("", (), [])


@pytest.mark.parametrize(
    ("where", "view", "box"),
    [
        ("top left", "uav", (0, 0, 1 / 3, 1 / 3)),
        ("centre", "uav", (1 / 3, 1 / 3, 2 / 3, 2 / 3)),
        ("bottom", "uav", (1 / 3, 2 / 3, 2 / 3, 1)),
        ("north-east", "satellite", (2 / 3, 0, 1, 1 / 3)),
        ("south", "map", (1 / 3, 2 / 3, 2 / 3, 1)),
        ("west", "satellite", (0, 1 / 3, 1 / 3, 2 / 3)),
        ("left", "panorama", (0, 0, 1 / 3, 1)),
        ("centre", "ground", (1 / 3, 0, 2 / 3, 1)),
        ("", "uav", None),
    ],
)
def test_the_words_of_a_place_are_a_part_of_the_picture(where, view, box) -> None:
    found = region_of(where, view)
    assert found == (None if box is None else pytest.approx(box))
