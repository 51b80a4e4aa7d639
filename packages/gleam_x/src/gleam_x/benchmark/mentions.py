"""Where a reason speaks of which thing: marks that words are composed with, and are freed of at the end."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["MarkedText", "Mention", "capitalised", "marked", "read_marks"]

_OPEN, _CLOSE = 0xE000, chr(0xF8FF)
"""From Unicode's private use area: no word has them."""
_MARKS = re.compile(rf"([{chr(_OPEN)}-{chr(_OPEN + 0xFF)}])|{_CLOSE}")


@dataclass(frozen=True, kw_only=True)
class Mention:
    """Characters ``start`` to ``stop`` (exclusive) of a text name thing ``number`` and say where it is."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class MarkedText:
    """A text, and what it speaks of where."""

    text: str
    mentions: tuple[Mention, ...]


def marked(text: str, number: int) -> str:
    """Return ``text`` between marks that say that it is about thing ``number``, 0 to 255."""
    return f"{chr(_OPEN + number)}{text}{_CLOSE}"


def capitalised(text: str) -> str:
    """Return ``text`` with its first letter large, behind a mark too."""
    first = 1 if _MARKS.match(text) else 0
    return text[:first] + text[first : first + 1].upper() + text[first + 1 :]


def read_marks(text: str) -> MarkedText:
    """Return ``text`` without its marks, and what they said; marks do not lie in one another."""
    clean, mentions, at, opened = "", [], 0, (0, 0)
    for found in _MARKS.finditer(text):
        clean += text[at : found.start()]
        at = found.end()
        if found[1]:
            opened = (ord(found[1]) - _OPEN, len(clean))
        else:
            mentions.append(Mention(number=opened[0], start=opened[1], stop=len(clean)))
    return MarkedText(text=clean + text[at:], mentions=tuple(mentions))
