from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import replace

import pytest
from gleam_common.errors import ConfigError
from gleam_x.teachers.cache import Cache, read_replies
from gleam_x.teachers.endpoint import Endpoint
from gleam_x.teachers.engine import Engine, RunStoppedError
from gleam_x.teachers.limits import Limits, most_cost
from gleam_x.teachers.reply import Outcome
from gleam_x.teachers.request import Message, Request

FAST = Limits(rpm=1e6, timeout_s=5.0, first_wait_s=0.01, attempts=3)
KEY = "sk-fake-0123456789abcdef"


def question(teacher, number: int = 0) -> Request:
    return Request(
        teacher=teacher, messages=(Message(role="user", parts=(f"q{number}",)),), schema={}, prompt_version="1"
    )


@pytest.fixture
def ask(teacher, tmp_path):
    """Ask some requests at once; returns the replies, or raises what the first failure raises."""

    def asked(*requests, limits=FAST, check=lambda text: (Outcome.OK, ""), of=teacher):
        async def go():
            with Cache(tmp_path / "cache.jsonl") as cache:
                async with Endpoint(of, KEY, limits.timeout_s) as endpoint:
                    engine = Engine(endpoint, of, cache, limits, random.Random(1))
                    return await asyncio.gather(*(engine.ask(request, check, {"pair": "p"}) for request in requests))

        return asyncio.run(go())

    return asked


def stored(tmp_path):
    return list(read_replies(tmp_path / "cache.jsonl")[0].values())


def test_a_reply_is_stored_with_what_it_cost_and_asked_for_once(server, teacher, ask, tmp_path) -> None:
    server.behave = lambda body, before: server.chat("fine", usage=(2000, 300))
    (reply,) = ask(question(teacher))
    assert reply.cost == pytest.approx(2000 * 1e-6 + 300 * 10e-6)
    assert (reply.outcome, reply.text, reply.served_by, reply.attempts) == (Outcome.OK, "fine", "fake-vision-1", 1)
    assert stored(tmp_path) == [reply]
    assert ask(question(teacher)) == [reply]
    assert len(server.requests) == 1


def test_two_equal_questions_at_once_are_paid_for_once(server, teacher, ask) -> None:
    server.behave = lambda body, before: replace(server.chat("fine"), wait_s=0.1)
    first, second = ask(question(teacher), question(teacher))
    assert first == second
    assert len(server.requests) == 1


def test_retry_after_is_waited_for_by_all(server, teacher, ask) -> None:
    def busy_once(body, before):
        if len(server.requests) == 1:
            return server.error(429, "rate_limit", Retry_After="0.6")
        return server.chat("fine")

    server.behave = busy_once
    limits = replace(FAST, rpm=150)  # the second question's turn would be 0.4 s after the first
    replies = ask(question(teacher), question(teacher, 1), limits=limits)
    assert [reply.outcome for reply in replies] == ["ok", "ok"]
    assert [reply.attempts for reply in replies] == [2, 1]
    assert server.times[1] - server.times[0] >= 0.6


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_failures_that_pass_are_tried_again(status, server, teacher, ask) -> None:
    server.behave = lambda body, before: server.error(status) if before < 2 else server.chat("fine")
    (reply,) = ask(question(teacher))
    assert (reply.outcome, reply.attempts, reply.uncertain_cost) == (Outcome.OK, 3, 0.0)


def test_a_bad_request_is_not_tried_again(server, teacher, ask, tmp_path) -> None:
    server.behave = lambda body, before: server.error(400, "invalid", "no such parameter")
    (reply,) = ask(question(teacher))
    assert reply.outcome is Outcome.TRANSPORT
    assert "no such parameter" in reply.problem
    assert len(server.requests) == 1
    assert stored(tmp_path) == [reply]


def test_attempts_end_and_the_next_run_tries_again(server, teacher, ask) -> None:
    server.behave = lambda body, before: server.error(500)
    (reply,) = ask(question(teacher))
    assert (reply.outcome, reply.attempts, len(server.requests)) == (Outcome.TRANSPORT, 3, 3)
    server.behave = lambda body, before: server.chat("fine")
    assert ask(question(teacher))[0].outcome is Outcome.OK


@pytest.mark.parametrize("slow", [{"wait_s": 3.0}, {"drip_s": 0.05}])
def test_slow_answers_time_out_and_count_as_maybe_paid(slow, server, teacher, ask) -> None:
    server.behave = lambda body, before: replace(server.chat("fine"), **slow) if before == 0 else server.chat("fine")
    request = question(teacher)
    start = time.monotonic()
    (reply,) = ask(request, limits=replace(FAST, timeout_s=0.6))
    assert time.monotonic() - start < 2.5
    assert (reply.outcome, reply.attempts) == (Outcome.OK, 2)
    assert reply.uncertain_cost == pytest.approx(most_cost(request))


@pytest.mark.parametrize("body", [b'{"choices": [{"message": {"content": "fi', b"", b"<html>busy</html>"])
def test_a_body_that_is_cut_off_is_tried_again(body, server, teacher, ask) -> None:
    server.behave = lambda _, before: replace(server.chat("fine"), body=body) if before == 0 else server.chat("fine")
    (reply,) = ask(question(teacher))
    assert (reply.outcome, reply.attempts) == (Outcome.OK, 2)
    assert reply.uncertain_cost > 0


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"choices": []}', b'{"choices": 7}', b'{"choices": [{"message": 7}]}']
)
def test_what_is_no_completion_may_be_paid_for_and_is_not_tried_again(body, server, teacher, ask, tmp_path) -> None:
    server.behave = lambda _, before: replace(server.chat("fine"), body=body)
    (reply,) = ask(question(teacher))
    assert (reply.outcome, reply.attempts) == (Outcome.TRANSPORT, 1)
    assert "not the form of the API" in reply.problem
    assert reply.uncertain_cost > 0
    server.behave = lambda _, before: server.chat("fine")
    (later,) = ask(question(teacher))
    assert later.outcome is Outcome.OK
    assert later.uncertain_cost == reply.uncertain_cost  # that of the first run is not forgotten


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (lambda server: server.chat(None, refusal="I cannot help with this."), Outcome.REFUSAL),
        (lambda server: server.chat("half", "content_filter"), Outcome.CONTENT_FILTER),
        (lambda server: server.error(400, "content_policy_violation"), Outcome.CONTENT_FILTER),
        (lambda server: server.error(400, "InputImageSensitiveContentDetected"), Outcome.CONTENT_FILTER),
        (lambda server: server.chat("half", "length"), Outcome.LENGTH),
    ],
)
def test_other_endings_are_told_apart_stored_and_not_asked_again(said, outcome, server, teacher, ask, tmp_path) -> None:
    server.behave = lambda body, before: said(server)
    (reply,) = ask(question(teacher))
    assert reply.outcome is outcome
    assert stored(tmp_path) == [reply]
    ask(question(teacher))
    assert len(server.requests) == 1


@pytest.mark.parametrize("usage", [None, (-5, 7)])
def test_an_answer_without_a_usable_bill_costs_the_estimate(usage, server, teacher, ask) -> None:
    server.behave = lambda body, before: server.chat("fine", usage=usage)
    request = question(teacher)
    (reply,) = ask(request)
    assert reply.usage is None
    assert reply.cost == pytest.approx(most_cost(request))


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refused_key_stops_at_once(status, server, teacher, ask) -> None:
    server.behave = lambda body, before: server.error(status, message=f"not with {KEY}")
    with pytest.raises(RunStoppedError, match=rf"HTTP {status} .*not with \[key\]") as stop:
        ask(question(teacher))
    assert stop.value.is_failure
    assert len(server.requests) == 1


def test_an_empty_account_stops_at_once_though_its_status_is_429(server, teacher, ask) -> None:
    server.behave = lambda body, before: server.error(429, "insufficient_quota")
    with pytest.raises(RunStoppedError, match="insufficient_quota"):
        ask(question(teacher))
    assert len(server.requests) == 1


def test_a_very_long_retry_after_stops(server, teacher, ask) -> None:
    server.behave = lambda body, before: server.error(429, Retry_After="86400")
    with pytest.raises(RunStoppedError, match="wait for 86400 s"):
        ask(question(teacher))


def test_failures_in_a_row_stop(server, teacher, ask, tmp_path) -> None:
    server.behave = lambda body, before: server.error(400, "invalid")
    with pytest.raises(RunStoppedError, match="5 requests failed in a row"):
        ask(*(question(teacher, number) for number in range(5)))
    assert len(stored(tmp_path)) == 5


def test_nobody_at_the_endpoint_costs_nothing(server, teacher, ask) -> None:
    server.close()
    (reply,) = ask(question(teacher))
    assert (reply.outcome, reply.attempts, reply.uncertain_cost) == (Outcome.TRANSPORT, 3, 0.0)


def test_the_budget_is_never_overspent_and_holds_over_runs(server, teacher, ask, tmp_path) -> None:
    server.behave = lambda body, before: replace(server.chat("fine", usage=(1000, 900)), wait_s=0.05)  # 0.01 each
    requests = [question(teacher, number) for number in range(8)]
    most = most_cost(requests[0])
    limits = replace(FAST, max_cost=0.035)
    with pytest.raises(RunStoppedError, match=r"USD 0\.0300 of 0\.035 are spent.*higher --max-cost") as stop:
        ask(*requests, limits=limits)
    assert not stop.value.is_failure
    assert most == pytest.approx(0.01, rel=0.01)
    assert sum(reply.cost for reply in stored(tmp_path)) == pytest.approx(0.03)
    with pytest.raises(RunStoppedError):
        ask(*requests[3:], limits=limits)
    assert len(server.requests) == 3
    assert len(ask(*requests, limits=replace(limits, max_cost=0.2))) == 8
    assert len(server.requests) == 8


def test_a_budget_without_prices_is_refused(teacher, ask) -> None:
    free = replace(teacher, prices=None)
    with pytest.raises(ConfigError, match="--price-in"):
        ask(question(free), limits=replace(FAST, max_cost=1.0), of=free)


def test_the_pace_is_kept(server, teacher, ask) -> None:
    start = time.monotonic()
    ask(*(question(teacher, number) for number in range(4)), limits=replace(FAST, rpm=600))
    assert server.times[-1] - start >= 0.3


def test_tokens_a_minute_are_kept(server, teacher, ask) -> None:
    request, start = question(teacher), time.monotonic()
    tokens = request.most_input_tokens + teacher.answer_tokens
    ask(request, question(teacher, 1), limits=replace(FAST, tpm=tokens * 200))
    assert server.times[-1] - start >= 0.3


def test_time_outs_eat_into_the_budget_and_are_not_forgotten(server, teacher, ask, tmp_path) -> None:
    server.behave = lambda body, before: replace(server.chat("fine"), wait_s=2.0)
    request = question(teacher)
    limits = replace(FAST, timeout_s=0.2, max_cost=2.5 * most_cost(request), attempts=5)
    for _ in range(2):
        with pytest.raises(RunStoppedError, match="are spent"):
            ask(request, limits=limits)
        assert len(server.requests) == 2
        assert stored(tmp_path)[0].uncertain_cost == pytest.approx(2 * most_cost(request))


def test_the_key_goes_to_the_endpoint_and_nowhere_else(server, teacher, ask, tmp_path, caplog) -> None:
    caplog.set_level("DEBUG")
    server.behave = lambda body, before: server.error(400, "invalid", server.headers[-1]["authorization"])
    (refused,) = ask(question(teacher))
    server.behave = lambda body, before: server.chat(f"your key is {KEY}", model=KEY)
    ask(question(teacher, 1))
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "Bearer [key]" in refused.problem
    assert KEY not in (tmp_path / "cache.jsonl").read_text()
    assert "chat/completions" in caplog.text
    assert KEY not in caplog.text


def test_the_check_decides_what_an_answer_is_worth(server, teacher, ask) -> None:
    (reply,) = ask(question(teacher), check=lambda text: (Outcome.SCHEMA_INVALID, f"{len(json.loads(text))} keys"))
    assert (reply.outcome, reply.problem) == (Outcome.SCHEMA_INVALID, "3 keys")
    assert reply.cost == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("name", "value"), [("rpm", 0), ("tpm", -1), ("max_cost", float("nan")), ("attempts", 0), ("timeout_s", 0)]
)
def test_limits_must_be_limits(name, value) -> None:
    with pytest.raises(ConfigError, match=name):
        Limits(**{name: value})
