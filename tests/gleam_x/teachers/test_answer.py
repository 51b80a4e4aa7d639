from __future__ import annotations

import json

import pytest
from gleam_common.views import View
from gleam_x.benchmark.schema import Claim
from gleam_x.teachers.answer import answer_schema, read_answer, sort_answer
from gleam_x.teachers.reply import Outcome

CLAIM = {
    "what": "church", "colour": "red", "part": "roof", "count": 1, "query_where": "centre",
    "satellite_where": "north", "shown_in": "both", "relation": "present",
}  # fmt: skip
GOOD = {"verdict": "yes", "explanation": "Both pictures show a church with a red roof.", "claims": [CLAIM]}


def said(**changes) -> str:
    return json.dumps({**GOOD, **changes})


@pytest.mark.parametrize(
    "text", [said(), f"```json\n{said()}\n```", f"<think>{{a}} {{}} maybe</think> Here it is: {said()} Done. {{"]
)
def test_a_good_answer_is_found_among_other_words(text) -> None:
    judgement = read_answer(text, View.UAV, "en")
    assert (judgement.verdict, judgement.explanation) == ("yes", GOOD["explanation"])
    assert judgement.as_claims() == (Claim(**CLAIM),)
    assert sort_answer(text, View.UAV, "en") == (Outcome.OK, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON object"),
        ("I see a church.", "no JSON object"),
        (said()[:60], "cannot be read"),
        ("{" * 50_000, "50000 characters; at most"),
        ('{"a":' * 3000, "cannot be read"),
        (said(verdict="maybe"), 'verdict must be "yes" or "no"'),
        (said(verdict=True), "verdict: Input should be a valid string"),
        (json.dumps({"verdict": "yes"}), "explanation: Field required"),
        (said(score=1), "score: Extra inputs"),
        (said(explanation=""), "0 characters"),
        (said(explanation="church " * 1000), "6999 characters"),
        (said(explanation=GOOD["explanation"] + "\x1b[2J"), r"not text: U\+001B"),
        (said(explanation=GOOD["explanation"] + "\u202e"), r"not text: U\+202E"),
        (said(explanation="两张图片都有一座红色屋顶的教堂，位置相同，因此是同一地点。"), r"not in the language asked for \(en\)"),
        (said(claims=[CLAIM] * 21), "21 claims; at most 20"),
        (said(claims=[{"what": "church"}]), "its keys must be"),
        (said(claims=[CLAIM | {"what": "volcano"}]), "claim 0: claims.what is 'volcano'"),
        (said(claims=[CLAIM, CLAIM | {"colour": "mauve"}]), "claim 1: claims.colour is 'mauve'"),
        (said(claims=[CLAIM | {"count": 0}]), "claims.count is 0"),
        (said(claims=[CLAIM | {"count": "two"}]), "count must be a whole number or null"),
        (said(claims=[CLAIM | {"shown_in": "query"}]), "claims.satellite_where must be set exactly when"),
        (said(claims=[CLAIM | {"query_where": "north"}]), "query_where of this view is one of centre, left"),
    ],
)  # fmt: skip
def test_a_bad_answer_is_said_to_be_one(text, problem) -> None:
    with pytest.raises(ValueError, match=problem):
        read_answer(text, View.UAV, "en")
    outcome, reason = sort_answer(text, View.UAV, "en")
    assert outcome is Outcome.SCHEMA_INVALID
    assert 0 < len(reason) <= 1000


@pytest.mark.parametrize("text", ["I'm sorry, but I can't assist with that.", "抱歉，我无法提供该图片的位置信息。"])
def test_a_refusal_in_words_is_a_refusal(text) -> None:
    assert sort_answer(text, View.UAV, "en")[0] is Outcome.REFUSAL


def test_chinese_is_asked_for_and_checked() -> None:
    text = said(explanation="两张图片都有一座红色屋顶的教堂，位置相同，因此是同一地点。")
    assert read_answer(text, View.UAV, "zh").verdict == "yes"
    assert sort_answer(said(), View.UAV, "zh")[0] is Outcome.SCHEMA_INVALID


@pytest.mark.parametrize("view", [View.UAV, View.MAP, View.PANORAMA, View.GROUND])
def test_the_schema_is_strict_and_its_words_pass_the_check(view) -> None:
    schema = answer_schema(view)
    claim = schema["properties"]["claims"]["items"]
    for part in (schema, claim):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
    for where in claim["properties"]["query_where"]["enum"][1:]:
        assert read_answer(said(claims=[CLAIM | {"query_where": where}]), view, "en").claims
    assert set(claim["properties"]) == set(CLAIM)
