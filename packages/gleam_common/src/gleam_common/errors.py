"""Errors that end the user's problem: what was wrong, which value, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ArtifactError", "ConfigError", "DataError", "GleamError", "ModelError", "TrainingError"]

_UNSET = object()


class GleamError(Exception):
    """Bad input, said in one line. The command lines print it and exit with code 2, without a traceback.

    Args:
        what: what is wrong, and where (file, row, key).
        value: the offending value; shown with ``repr``. Leave out when there is none.
        allowed: what is accepted: a sentence, or the known names.
        fix: what to do, as an instruction or a command to paste.
    """

    exit_code = 2

    def __init__(self, what: str, *, value: object = _UNSET, allowed: str | Iterable[str] = "", fix: str = "") -> None:
        allowed_text = allowed if isinstance(allowed, str) else ", ".join(sorted(allowed))
        parts = [what if value is _UNSET else f"{what}: {value!r}"]
        if allowed_text:
            parts.append(f"allowed: {allowed_text}")
        if fix:
            parts.append(fix)
        super().__init__(" ".join("; ".join(parts).split("\n")))


class DataError(GleamError):
    """A picture, a table or a folder of data is not what it should be."""


class ConfigError(GleamError):
    """A recipe, an option or a name is unknown or contradicts another."""


class ModelError(GleamError):
    """A model, a checkpoint or an encoder cannot be built or loaded."""


class ArtifactError(GleamError):
    """A written artifact is broken, or was made from another configuration."""


class TrainingError(GleamError):
    """Training cannot go on in a way that makes sense."""
