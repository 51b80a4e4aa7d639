"""What may be dropped: a file in the page's own upload folder, of so many bytes and pixels, that is a picture."""

from __future__ import annotations

from pathlib import Path

from gleam_common.errors import DataError, GleamError
from gleam_common.images import check_picture, open_image

__all__ = ["MAX_BYTES", "MAX_PIXELS", "RefusedError", "checked_upload"]

MAX_BYTES = 30_000_000
MAX_PIXELS = 64_000_000
"""Above what phones take (50 million)."""


class RefusedError(GleamError):
    """The page does not do it.

    Args:
        reason: key of the sentence in words.yaml.
        limit: that was exceeded, as the sentence tells it.
    """

    def __init__(self, reason: str, limit: int = 0) -> None:
        super().__init__(f"refused by the page: {reason}")
        self.reason, self.limit = reason, limit


def checked_upload(path: Path | str | None, folder: Path) -> Path:
    """Return the file that was dropped, after the checks that need no model.

    Gradio keeps uploads in a folder of its own and looks at paths itself; this looks again, so that no other file is
    opened even if that fails.

    Args:
        path: as Gradio gives it.
        folder: of the uploads.

    Raises:
        RefusedError: nothing was dropped, it lies elsewhere, it is too large, or it is no picture.
    """
    if not path:
        raise RefusedError("nothing")
    try:
        file = Path(path).resolve(strict=True)
        is_own = file.is_relative_to(folder.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError, TypeError):  # a NUL or a loop of links, gone, or no path at all
        raise RefusedError("foreign") from None
    if not is_own:
        raise RefusedError("foreign")
    if file.stat().st_size > MAX_BYTES:
        raise RefusedError("bytes", MAX_BYTES // 1_000_000)
    _check_pixels(file)
    return file


def _check_pixels(file: Path) -> None:
    try:
        check_picture(file, MAX_PIXELS)
        open_image(file, MAX_PIXELS)  # whole: a picture that is cut off is told before a model waits for it
    except DataError as error:
        if "too many pixels" in str(error):
            raise RefusedError("pixels", MAX_PIXELS // 1_000_000) from None
        raise RefusedError("picture") from None
