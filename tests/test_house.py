"""Rules of the house as tests: import arrows, one version, recipes inside the wheels, no machine in the repository."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ROOT / "packages"
ALLOWED = {"gleam_common": set(), "gleam_c": {"gleam_common"}, "gleam_x": {"gleam_common"}}
DOOR = PACKAGES / "gleam_x/src/gleam_x/matcher.py"


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    files = list((PACKAGES / package / "src").rglob("*.py"))
    assert files
    for path in files:
        allowed = ALLOWED[package] | {package} | ({"gleam_c"} if path == DOOR else set())
        foreign = (imported(path) & set(ALLOWED)) - allowed
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def projects() -> dict[str, dict[str, object]]:
    return {
        path.parent.name: tomllib.loads(path.read_text("utf-8"))["project"]
        for path in sorted(PACKAGES.glob("*/pyproject.toml"))
    }


def test_one_version_and_exact_sibling_pins() -> None:
    versions = {str(project["version"]) for project in projects().values()}
    assert len(versions) == 1, versions
    version = versions.pop()
    for name, project in projects().items():
        groups = [project["dependencies"], *dict(project.get("optional-dependencies", {})).values()]
        siblings = [need for group in groups for need in group if need.startswith("gleam-")]
        assert siblings or name == "gleam_common"
        assert all(need.endswith(f"=={version}") for need in siblings), siblings


def test_every_package_says_that_it_is_typed() -> None:
    assert all((PACKAGES / name / "src" / name / "py.typed").is_file() for name in ALLOWED)


def test_shipped_recipes_equal_the_ones_in_configs() -> None:
    ours = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in (ROOT / "configs").glob("*/*.yaml")}
    theirs: dict[str, bytes] = {}
    for package in ("gleam_c", "gleam_x"):
        shipped = list((PACKAGES / package / "src" / package / "configs").glob("*/*.yaml"))
        assert shipped, package
        theirs |= {f"{path.parent.name}/{path.name}": path.read_bytes() for path in shipped}
    assert ours == theirs


@pytest.mark.parametrize("package", ["gleam_common", "gleam_c", "gleam_x"])
def test_help_imports_nothing_that_takes_time(package: str) -> None:
    code = (
        f"import sys; sys.argv = ['x', '--help']; from {package}.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'torch', 'lightning', 'numpy', 'pyarrow', 'jsonargparse'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "commands:" in done.stdout
    assert done.stdout.strip().endswith("[]")


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    code = "import sys; sys.argv = ['x', '--help']; from gleam_c.cli import main; main()"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], check=False, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Yield name and text of every file that git tracks, but the lock file and pictures."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if name == "uv.lock" or not path.is_file():
            continue
        try:
            yield name, path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


HOSTS = {
    "www.apache.org",
    "www.adobe.com",
    "openfontlicense.org",
    "api.openai.com",  # the two teachers of gleam_x's registry
    "ark.cn-beijing.volces.com",
}
"""Hosts that a file may name; a package registry is none of them."""


def test_no_foreign_host_and_no_path_of_a_machine_in_the_repository() -> None:
    host, machine = re.compile(r"https?://([\w.-]+)"), re.compile(r"/(root|home|work)/[a-z.]+/")
    for name, text in tracked_texts():
        foreign = {found.lower() for found in host.findall(text)} - HOSTS
        assert not foreign, f"{name}: {foreign}"
        assert not machine.search(text), name


def test_help_shows_options_as_they_are_typed(capsys) -> None:
    from gleam_common.commands import run_function

    def weigh(load: Path, right_scale: int = 2) -> None:
        """Weigh things.

        Args:
            load: what lies there.
            right_scale: what lies here.
        """

    with pytest.raises(SystemExit) as stopped:
        run_function(weigh, "weigh", ["--help"], first="load")
    told = capsys.readouterr().out
    assert stopped.value.code == 0
    assert "usage: weigh LOAD [--right-scale RIGHT_SCALE]" in told
    assert "  LOAD                  what lies there. (required, type: Path)" in told
    assert "_scale" not in told
