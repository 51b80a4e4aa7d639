"""The page in headless Chromium, by keyboard alone: decide, edit, comment, go back, resume, blind, adjudicate."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from gleam_x.review.open_session import open_session
from gleam_x.review.store import ADJUDICATION, read_reviews
from PIL import Image

AT = "document.body.dataset.index"


@pytest.fixture
def work(browser, serve, benchmark, tmp_path):
    """Open the page of an annotator; returns its address."""

    def opened(name="ada", folder=benchmark, port=0, **how):
        address = serve(open_session(folder, name, "test", tmp_path / "reviews", **how), port)
        browser.resize(1366, 768)
        browser.open(address)
        return address

    browser.call("Page.navigate", url="about:blank")
    browser.events.clear()
    yield opened
    assert browser.complaints() == []


@pytest.fixture
def said(tmp_path):
    """What is on the disk: decision by record."""
    return lambda name="ada": read_reviews(tmp_path / "reviews")[name]


def decisions(found):
    return {key: review.decision for key, review in found.items()}


def test_a_day_of_work_by_keyboard(work, browser, said):
    address = work()
    browser.key("a")
    browser.wait(f"{AT} === '1'")
    browser.key("e")
    assert browser.js("document.activeElement.lang") == "en"
    browser.key(" Edited a.", "Tab")
    assert browser.js("document.activeElement.lang") == "zh-CN"
    browser.key("已改。", "Escape", "c", "A comment with r in it.", "Escape", "j", "j", "x")
    assert "Save edit" in browser.js("document.getElementById('accept').innerText")
    browser.key("a")
    browser.wait(f"{AT} === '2'")
    browser.key("r")
    browser.wait(f"{AT} === '3'")
    found = said()
    assert decisions(found) == {
        "test0-en": "accept", "test0-zh": "accept", "test1-en": "edit", "test1-zh": "edit",
        "test2-en": "reject", "test2-zh": "reject",
    }  # fmt: skip
    assert found["test1-en"].explanation.endswith("(1) Edited a.")
    assert found["test1-zh"].explanation.endswith("(1)已改。")
    assert [claim.what for claim in found["test1-zh"].claims] == ["church"]
    assert found["test1-en"].comment == "A comment with r in it."
    browser.key("p", "p")
    browser.wait(f"{AT} === '1'")
    assert browser.js("document.querySelector('textarea').value").endswith("Edited a.")
    assert "edited" in browser.js("document.getElementById('verdict').innerText")
    browser.key("u", "a")
    browser.wait("document.getElementById('toast').innerText.includes('Pair 2 accepted')")
    assert said()["test1-en"].decision == "accept"
    browser.call("Page.navigate", url="about:blank")
    browser.open(address)
    assert browser.js(AT) == "3"
    assert "3 done" in browser.js("document.getElementById('count').innerText")


def test_the_command_is_killed_and_goes_on(browser, benchmark, tmp_path):
    """The real command in a process of its own, ended without a chance to save anything."""
    words = [
        "--benchmark",
        benchmark,
        "--annotator",
        "ada",
        "--split",
        "test",
        "--out",
        tmp_path / "reviews",
        "--port",
        "0",
    ]
    command = [sys.executable, "-c", "from gleam_x.cli import main; main()", "review", "serve", *map(str, words)]
    for done in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline().startswith(f"4 pairs, {done} done; reviews go to ")
            browser.open(process.stdout.readline().split()[2])
            assert browser.js(AT) == str(done)
            browser.key("a")
            browser.wait(f"{AT} === '{done + 1}'")
            process.kill()
    assert len(read_reviews(tmp_path / "reviews")["ada"]) == 4


def test_two_quick_accepts_are_one(work, browser, said):
    """The second press would decide about a pair that nobody has seen."""
    work()
    press = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true}))"
    browser.js(f"{press}; {press}")
    browser.wait(f"{AT} === '1'")
    browser.js("new Promise(done => setTimeout(done, 150))")
    assert set(said()) == {"test0-en", "test0-zh"}


def test_a_claim_is_changed_and_added_by_keyboard(work, browser, said):
    work()
    browser.key("j", "Enter", "Tab")
    browser.js("document.activeElement.select()")
    browser.key("5", "Tab", "Escape", "+", "Escape", "a")
    browser.wait(f"{AT} === '1'")
    claims = said()["test0-en"].claims
    assert claims == said()["test0-zh"].claims
    assert (claims[0].what, claims[0].count) == ("church", 5)
    assert len(claims) == 3
    assert claims[2].problems() == []


def test_a_claim_lights_up_where_it_says(work, browser):
    work()
    browser.key("j")
    boxes = "[...document.querySelectorAll('.spot')].map(s => s.hidden ? null : [s.style.left, s.style.top])"
    assert browser.js(boxes) == [["0%", "0%"], ["0%", "0%"]]
    browser.key("j")
    assert browser.js(boxes) == [None, ["66.6667%", "33.3333%"]]
    browser.key("n")
    browser.wait(f"{AT} === '1'")
    assert browser.js(boxes) == [None, None]
    heights = "[...document.querySelectorAll('.spot')].map(s => s.style.height)"
    assert browser.js(heights) == ["33.3333%", "33.3333%"]
    browser.key("n")
    browser.wait(f"{AT} === '2'")
    browser.key("j")
    assert browser.js(heights) == ["100%", "33.3333%"], "a panorama has sides, but no top and bottom"


def test_a_draft_is_there_after_a_reload(work, browser, said):
    address = work()
    browser.key("e", " half a sen")
    browser.wait("document.getElementById('saved').innerText === 'draft kept'")
    browser.call("Page.navigate", url="about:blank")
    browser.open(address)
    assert browser.js("document.querySelector('textarea').value").endswith("half a sen")
    browser.key("n", "f", "f", "f", "f", "f", "f")
    browser.wait(f"document.getElementById('filter').value === 'draft' && {AT} === '0'")


def test_what_was_typed_is_there_after_going_on_and_back_at_once(work, browser):
    work()
    browser.key("e", " half", "Escape", "n")
    browser.wait(f"{AT} === '1'")
    browser.key("p")
    browser.wait(f"{AT} === '0'")
    assert browser.js("document.querySelector('textarea').value").endswith("half")


def test_decide_and_type_right_after_each_other(work, browser, said):
    """No draft that is still under way may come back after its decision."""
    work()
    browser.key("e", " quick", "Escape", "a")
    browser.wait(f"{AT} === '1'")
    browser.js("new Promise(done => setTimeout(done, 700))")
    drafts = browser.js("fetch('/api/session').then(a => a.json()).then(s => s.items.map(i => i.draft))")
    assert drafts == [False] * 4
    assert said()["test0-en"].explanation.endswith("quick")


def test_lists(work, browser):
    work()
    browser.key("r")
    browser.wait(f"{AT} === '1'")
    browser.key("f")
    browser.wait("document.getElementById('filter').value === 'todo'")
    browser.key("p")
    browser.wait("document.getElementById('toast').innerText.includes('first pair of this list')")
    assert browser.js(AT) == "1"
    browser.key("f")
    browser.wait("!document.getElementById('empty').hidden")
    browser.key("f", "f")
    browser.wait(
        f"document.getElementById('filter').value === 'reject' && {AT} === '0' && !document.getElementById('main').hidden"
    )


def test_the_server_may_be_started_again_under_an_open_page(work, browser, serve, benchmark, tmp_path, said):
    address = work()
    serve.stop()
    browser.key("a")
    browser.wait("document.getElementById('toast').innerText.includes('does not answer')")
    browser.events.clear()  # the browser notes the refused connection
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    serve(open_session(benchmark, "ada", "test", tmp_path / "reviews"), port)
    browser.key("a")
    browser.wait(f"{AT} === '1'")
    assert decisions(said()) == {"test0-en": "accept", "test0-zh": "accept"}
    browser.events.clear()  # and the old token


def test_blind(work, browser, said):
    work(blind=True)
    text = "document.getElementById('main').innerText"
    assert "church" not in browser.js(text)
    assert "Different" not in browser.js("document.getElementById('verdict').innerText")
    browser.key("a", "r", "e", "j", "Enter", "+", "d")
    browser.wait("document.getElementById('verdict').innerText.includes('you said: different places')")
    assert "church" in browser.js(text)
    assert browser.js(AT) == "0"
    browser.key("a")
    browser.wait(f"{AT} === '1'")
    assert said()["test0-zh"].own_verdict == "no"


def test_adjudicate(work, browser, say, said, tmp_path):
    folder = tmp_path / "reviews"
    say(folder, "ada", test0="accept", test1={"en": "Ada's text."}, test2="reject")
    say(folder, "bo", test0="accept", test1={"en": "Bo's text.", "zh": "新。"}, test2="accept", comment="see the pond")
    work("judge", adjudicate=True)
    shown = browser.js("document.getElementById('opinions').innerText")
    assert "Ada's" in shown
    assert "see the pond" in shown
    browser.key("2")
    assert browser.js("[...document.querySelectorAll('#texts textarea')].map(t => t.value)") == ["Bo's text.", "新。"]
    browser.key("a")
    browser.wait(f"{AT} === '1'")
    browser.key("1")
    browser.wait("document.getElementById('toast').innerText.includes('ada rejects it')")
    browser.key("r")
    browser.wait("document.getElementById('toast').innerText.includes('every pair is reviewed')")
    found = said(ADJUDICATION)
    assert decisions(found) == {"test1-en": "edit", "test1-zh": "edit", "test2-en": "reject", "test2-zh": "reject"}
    assert {review.annotator for review in found.values()} == {"judge"}


def test_texts_from_outside_are_text(work, browser, make, write, tmp_path):
    evil = "<img src=x onerror=\"document.title='broken'\"></textarea><script>document.title='broken'</script>"
    records = [replace(record, explanation=evil) for record in make(1)]
    work(folder=write(tmp_path / "evil", records))
    assert browser.js("document.querySelector('textarea').value") == evil
    assert browser.js("document.title") == "GLEAM review"
    browser.key("e", "!", "Escape")
    assert browser.js("document.querySelectorAll('#texts img, #texts script').length") == 0


def test_a_difference_by_words_and_by_characters(work, browser):
    """All that is not gone is the new text, and all that is not new is the old one."""
    work()
    pieces = """(before, after) => import('/difference.js').then(module => module.difference(before, after)
        .map(piece => typeof piece === 'string' ? ['same', piece] : [piece.localName, piece.textContent]))"""
    shown = browser.js(f"({pieces})('a red roof, two courts', 'a brown roof, two big courts')")
    assert shown == [
        ["same", "a "], ["del", "red"], ["ins", "brown"], ["same", " roof, two"], ["ins", " big"], ["same", " courts"],
    ]  # fmt: skip
    assert browser.js(f"({pieces})('红色屋顶', '棕色的屋顶')") == [
        ["del", "红"], ["ins", "棕"], ["same", "色"], ["ins", "的"], ["same", "屋顶"],
    ]  # fmt: skip
    assert browser.js(f"({pieces})('same', 'same')") == [["same", "same"]]
    long = browser.js(f"({pieces})('x '.repeat(200) + 'end', 'x '.repeat(200) + 'END')")
    assert len(long[0][1]) < 30
    assert long[1:] == [["del", "end"], ["ins", "END"]]
    assert browser.js(f"({pieces})('', 'new')") == [["ins", "new"]]


def looks(browser, path):
    browser.js("new Promise(done => setTimeout(done, 250))")
    browser.shot(path)
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))


@pytest.mark.parametrize(("width", "height", "dark"), [(1366, 768, False), (1366, 768, True), (390, 844, False)])
def test_it_fits_the_screen(work, browser, tmp_path, width, height, dark):
    work()
    browser.resize(width, height, mobile=width < 500, dark=dark)
    pixels = looks(browser, tmp_path / "shot.png")
    assert pixels.shape == (height, width, 3)
    assert (pixels.mean() < 110) == dark
    assert len(np.unique(pixels @ np.array([1, 256, 65536]))) > 2000  # the pictures are there
    assert browser.js("document.documentElement.scrollWidth") <= width
    assert browser.js("[...document.querySelectorAll('textarea')].every(t => t.scrollHeight <= t.clientHeight + 2)")
    inside = "(id) => { const b = document.getElementById(id).getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight; }"
    assert browser.js(f"['accept', 'reject', 'next'].every({inside})")
    if width < 500:
        assert browser.js("document.getElementById('texts').offsetWidth") > 0.9 * width, "one column"
    if width > 1000:
        assert browser.js(f"['claims', 'texts', 'query', 'satellite'].every({inside})"), "a laptop shows it all at once"


def test_zoom_by_keyboard(work, browser, tmp_path):
    work()
    browser.key("z")
    browser.wait("document.getElementById('zoom').open")
    scale = "[...document.querySelectorAll('.pane img')].map(i => new DOMMatrix(getComputedStyle(i).transform).a)"
    browser.wait(f"{scale}.every(s => s !== 1)")
    before = browser.js(scale)
    browser.key("2", "+", "+")
    after = browser.js(scale)
    assert after[0] == pytest.approx(before[0])
    assert after[1] == pytest.approx(before[1] * 1.69, rel=1e-4)
    browser.key("0")
    assert browser.js(scale) == pytest.approx(before)
    browser.key("z")
    browser.wait("!document.getElementById('zoom').open")
    browser.key("?")
    browser.wait("document.getElementById('help').open")
    browser.key("a", "Escape")
    browser.wait("!document.getElementById('help').open")
    assert browser.js(AT) == "0"
