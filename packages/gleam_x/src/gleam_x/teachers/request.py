"""What is asked: everything that can change an answer, and the key that it is stored under."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from gleam_common.artifacts import sha256_file
from gleam_common.images import open_image

from gleam_x.teachers.registry import Teacher

__all__ = ["JPEG_QUALITY", "Message", "Picture", "Request"]

JPEG_QUALITY = 90


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as it is sent: a JPEG with a longest side of ``side_px`` pixels at most, without its metadata.

    ``sha256`` is of the file's bytes: the key must not change with the version of the JPEG encoder.
    """

    sha256: str
    side_px: int
    path: Path = field(compare=False)

    @classmethod
    def of(cls, path: Path, side_px: int) -> Picture:
        """Return the picture in the file ``path``."""
        return cls(sha256=sha256_file(path), side_px=side_px, path=path)

    @property
    def name(self) -> str:
        """What stands for the picture in a key."""
        return f"sha256:{self.sha256};jpeg;side={self.side_px};quality={JPEG_QUALITY}"

    def jpeg(self) -> bytes:
        """Return what is sent. Only pixels go in: position, camera and time of the EXIF tags stay here.

        Raises:
            DataError: as :func:`gleam_common.images.open_image`.
        """
        image = open_image(self.path)
        image.thumbnail((self.side_px, self.side_px))
        image.info.clear()
        file = io.BytesIO()
        image.save(file, "JPEG", quality=JPEG_QUALITY)
        return file.getvalue()

    def data_url(self) -> str:
        """Return :meth:`jpeg` as the URL that goes into a message."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg()).decode("ascii")


@dataclass(frozen=True, kw_only=True)
class Message:
    """A turn of the conversation: texts and pictures in their order."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[str | Picture, ...]

    def body(self, url: Callable[[Picture], str]) -> dict[str, Any]:
        """Return the message as the API wants it, each picture as its ``url``."""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return {"role": self.role, "content": self.parts[0]}
        return {"role": self.role, "content": [_part(part, url) for part in self.parts]}


def _part(part: str | Picture, url: Callable[[Picture], str]) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": url(part), "detail": "high"}}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call of an endpoint.

    Attributes:
        teacher: base URL, model, parameters and the form in which the answer is asked for.
        messages: system prompt, question, and for a repair the answer and what was wrong with it.
        schema: JSON schema of the answer.
        prompt_version: of the prompts.
    """

    teacher: Teacher
    messages: tuple[Message, ...]
    schema: dict[str, Any]
    prompt_version: str

    @cached_property
    def key(self) -> str:
        """SHA-256 of all that can change the answer: what is sent (pictures by their bytes), where to, which prompt."""
        whole = {
            "base_url": self.teacher.base_url,
            "body": self.body(lambda picture: picture.name),
            "prompt_version": self.prompt_version,
        }
        return hashlib.sha256(json.dumps(whole, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def body(self, url: Callable[[Picture], str] = Picture.data_url) -> dict[str, Any]:
        """Return the JSON that is sent, each picture as its ``url``."""
        teacher = self.teacher
        body: dict[str, Any] = {"model": teacher.model, "messages": [message.body(url) for message in self.messages]}
        body |= {teacher.answer_tokens_name: teacher.answer_tokens, **teacher.parameters}
        if teacher.answer_format == "json_schema":
            form = {"name": "answer", "strict": True, "schema": self.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        elif teacher.answer_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    @property
    def most_input_tokens(self) -> int:
        """An estimate from above: three bytes of text to a token, and square pictures of the longest side."""
        parts = [part for message in self.messages for part in message.parts]
        text = sum(len(part.encode()) for part in parts if isinstance(part, str)) + len(json.dumps(self.schema))
        cost = self.teacher.picture_tokens
        return text // 3 + sum(cost.of(part.side_px, part.side_px) for part in parts if isinstance(part, Picture))

    def with_repair(self, answer: str, complaint: str) -> Request:
        """Return the request that shows the model its ``answer`` and says what is wrong with it."""
        turns = (
            Message(role="assistant", parts=(answer or "-",)),
            Message(role="user", parts=(complaint,)),
        )
        return Request(
            teacher=self.teacher,
            messages=self.messages + turns,
            schema=self.schema,
            prompt_version=self.prompt_version,
        )
