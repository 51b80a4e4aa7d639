"""A benchmark folder as the builder writes it: a DatasetDict in Parquet, pictures inside."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import threading
import time

import datasets
import numpy as np
import pytest
from gleam_x.benchmark.schema import Claim, Provenance, Record
from gleam_x.review.server import HOST, listen, make_server
from gleam_x.review.store import Review, ReviewStore, seen_of
from PIL import Image

ENGLISH = "The first picture shows a red-roofed church at the top left. The tile shows it in the north-west."
CHINESE = "第一张图的左上方有一座红色屋顶的教堂。卫星图的西北侧也能看到这座教堂，因此两张图是同一地点。"
CLAIMS = (
    Claim(what="church", colour="red", part="roof", count=1, query_where="top left", satellite_where="north-west"),
    Claim(what="pond", satellite_where="east", shown_in="satellite", relation="contradicting"),
)


def picture(seed, width=64, height=48):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return {"bytes": buffer.getvalue(), "path": None}


def make_records(pairs=4, split="test", languages=("en", "zh")):
    texts = {"en": ENGLISH, "zh": CHINESE}
    return [
        Record(
            record_id=f"{split}{number}-{language}",
            pair_id=f"{split}{number}",
            query_id=f"q{number}",
            gallery_id=f"g{number}",
            place_id=f"{split}-place{number}",
            split=split,
            view=("uav", "map", "panorama", "ground")[number % 4],
            same_place=number % 2 == 0,
            negative_kind="" if number % 2 == 0 else "near",
            language=language,
            verdict="yes" if number % 2 == 0 else "no",
            explanation=f"{texts[language]} ({number})",
            claims=CLAIMS,
            provenance=Provenance(teacher="synthcity", prompt_version="1"),
        )
        for number in range(pairs)
        for language in languages
    ]


def write_benchmark(folder, records, pictures=None):
    """Write records with pictures: ``pictures(record, number)`` returns both structs; noise if not given."""
    pictures = pictures or (lambda record, number: (encoded(picture(number)), encoded(picture(99 - number, 48, 48))))
    rows = []
    for record in records:
        query, tile = pictures(record, int("".join(filter(str.isdigit, record.pair_id)) or 0))
        rows.append(record.as_row() | {"query_image": query, "satellite_image": tile})
    for split in {row["split"] for row in rows}:
        table = datasets.Dataset.from_list([row for row in rows if row["split"] == split])
        table = table.cast_column("query_image", datasets.Image()).cast_column("satellite_image", datasets.Image())
        (folder / "data").mkdir(parents=True, exist_ok=True)
        table.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet", batch_size=3)
    return folder


@pytest.fixture(scope="session")
def benchmark(tmp_path_factory):
    """Four test pairs and one training pair in two languages; never changed."""
    return write_benchmark(tmp_path_factory.mktemp("benchmark"), [*make_records(4), *make_records(1, "train")])


@pytest.fixture(scope="session")
def make():
    """``make_records`` for tests, which cannot import this file."""
    return make_records


@pytest.fixture(scope="session")
def write():
    """``write_benchmark`` for tests."""
    return write_benchmark


class Browser:
    """A headless Chromium driven through its DevTools pipe: no further library, no port."""

    def __init__(self, profile, width=1366, height=768):
        to_browser, to_us = os.pipe(), os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
        flags += ["--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"]
        words = ["chromium", *flags, f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"]
        script = f'exec "$@" 3<&{to_browser[0]} 4>&{to_us[1]}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *words], pass_fds=(to_browser[0], to_us[1]), stderr=subprocess.DEVNULL
        )
        os.close(to_browser[0])
        os.close(to_us[1])
        self.sending, self.reading = os.fdopen(to_browser[1], "wb"), os.fdopen(to_us[0], "rb")
        self.number, self.rest, self.session, self.events = 0, b"", None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.sending.write(json.dumps(message).encode() + b"\0")
        self.sending.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        while b"\0" not in self.rest:
            piece = os.read(self.reading.fileno(), 1 << 16)
            assert piece, "the browser is gone"
            self.rest += piece
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def resize(self, width, height, scale=1, mobile=False, dark=False):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def js(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression, seconds=10):
        end = time.monotonic() + seconds
        while not self.js(expression):
            assert time.monotonic() < end, f"never true: {expression}; {self.js('document.body.innerText')}"
            time.sleep(0.02)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.body?.dataset.ready === 'yes' && [...document.images].every(i => !i.src || i.complete)")

    def key(self, *keys, control=False):
        """Press keys one after another, as a keyboard does; a long word is typed into what has the focus."""
        for key in keys:
            if len(key) > 1 and key not in NAMED_KEYS:
                self.call("Input.insertText", text=key)
                continue
            code = NAMED_KEYS.get(key, ord(key.upper()[0]))
            shared = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if control else 0}
            text = (
                {} if control or (key in NAMED_KEYS and key != "Enter") else {"text": "\r" if key == "Enter" else key}
            )
            self.call("Input.dispatchKeyEvent", type="keyDown", **shared, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def shot(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def complaints(self):
        """What the page's console has said: errors of scripts, refusals of the content policy."""
        self.js("1")
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown")
        return [event["params"] for event in self.events if event.get("method") in kinds]

    def close(self):
        self.sending.close()
        self.process.terminate()
        self.process.wait(20)
        self.reading.close()


NAMED_KEYS = {"Escape": 27, "Enter": 13, "Tab": 9, "Home": 36, "End": 35, "Backspace": 8}


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium on PATH to work in the page")
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


class Servers:
    """Review pages of this process, in threads."""

    def __init__(self):
        self.running = []

    def __call__(self, session, port=0):
        """Start a server and return the page's address."""
        listening = listen(port)
        server = make_server(session, listening)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        self.running.append((server, thread, listening))
        return f"http://{HOST}:{listening.getsockname()[1]}/"

    def stop(self):
        for server, thread, listening in self.running:
            server.should_exit = server.force_exit = True
            thread.join(20)
            listening.close()
        self.running.clear()


@pytest.fixture
def serve():
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def say():
    """Write reviews of whole test pairs: ``say(folder, "ada", test0="accept", test1={"zh": "新"}, comment="why")``."""
    records = make_records(4)

    def written(folder, name, file="", comment="", **pairs):
        reviews = []
        for record in records:
            wanted = pairs.get(record.pair_id)
            if wanted is None:
                continue
            edits = wanted if isinstance(wanted, dict) else {}
            text, claims = edits.get(record.language), edits.get("claims")
            decision = wanted if isinstance(wanted, str) else "edit" if text or claims is not None else "accept"
            reviews.append(
                Review(
                    record_id=record.record_id, pair_id=record.pair_id, annotator=name, decision=decision,
                    seen=seen_of(record), explanation=text, claims=claims, own_verdict=pairs.get("own", {}).get(record.pair_id, ""),
                    comment=comment, at="2026-11-24T18:00:00Z", seconds=7.5,
                )
            )  # fmt: skip
        ReviewStore(folder, file or name).append(reviews)

    return written
