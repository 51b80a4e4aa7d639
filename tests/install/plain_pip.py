"""`make test-install`: the packages, and their wheels, install with plain pip in fresh environments, and answer.

Two environments, one after another, so that the disk holds one PyTorch at a time: from the folders (GLEAM-C's pair and
GLEAM-X's pair), then from wheels built by the same pip.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {name: f"./packages/{name}" for name in ("gleam_common", "gleam_c", "gleam_x")}


def run(*words: str | Path) -> str:
    print("+", *[str(word).replace(tempfile.gettempdir(), "TMP") for word in words], flush=True)
    return subprocess.run([str(word) for word in words], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def answers(environment: Path, program: str) -> None:
    said = run(environment / "bin" / program, "--version").strip()
    print(said)
    if not said.startswith(program):
        raise SystemExit(f"{program} --version said {said!r}")


def main() -> None:
    scratch = Path(tempfile.mkdtemp(prefix="gleam-install-"))
    try:
        environment = scratch / "venv"
        run(sys.executable, "-m", "venv", environment)
        pip = (environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
        run(*pip, "install", "--quiet", FOLDERS["gleam_common"], FOLDERS["gleam_c"])
        answers(environment, "gleam-c")
        answers(environment, "gleam-data")
        run(*pip, "uninstall", "--yes", "--quiet", "gleam-common", "gleam-c")
        run(*pip, "install", "--quiet", FOLDERS["gleam_common"], FOLDERS["gleam_x"])
        answers(environment, "gleam-x")
        run(*pip, "uninstall", "--yes", "--quiet", "gleam-common", "gleam-x")
        wheels = scratch / "wheels"
        run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, *FOLDERS.values())
        run(*pip, "install", "--quiet", "--find-links", wheels, "gleam-c", "gleam-x[match]")
        for program in ("gleam-data", "gleam-c", "gleam-x"):
            answers(environment, program)
        run(environment / "bin" / "python", "-c", "import gleam_c.encoder as e; print(*e.list_encoders())")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
