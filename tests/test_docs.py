"""The documentation is true: links, commands and their options, quoted errors, numbers and output, the notebook.

What is shown as output is compared with what is printed now; ``GLEAM_PASTE=1 pytest tests/test_docs.py`` pastes it anew.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from gleam_common.recipes import find_recipe
from gleam_common.report.results_table import results_table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NOTEBOOK = DOCS / "first_ten_minutes.ipynb"
PASTE = bool(os.environ.get("GLEAM_PASTE"))
PROGRAMS = {"gleam-data": "gleam_common", "gleam-c": "gleam_c", "gleam-x": "gleam_x"}


def blocks(text: str, *languages: str) -> list[str]:
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [code for language, code in found if language in languages]


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]+`", "", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL))


# Links


def anchors(text: str) -> set[str]:
    titles = re.findall(
        r"^#+ (.+)$", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text("utf-8"))):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target.read_text("utf-8")), link


def site() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    return found


def pages_of(nav: Any) -> Iterator[str]:
    for entry in nav:
        value = next(iter(entry.values()))
        yield from [value] if isinstance(value, str) else pages_of(value)


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", DOCS / "site_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_navigation_and_the_other_way_round(hooks: ModuleType) -> None:
    made = {*hooks.GENERATED, "first_ten_minutes.md"}
    assert sorted(pages_of(site()["nav"])) == sorted({page.relative_to(DOCS).as_posix() for page in PAGES} | made)


def test_the_site_asks_no_other_host() -> None:
    settings = site()
    assert settings["theme"]["font"] is False
    assert settings["strict"] is True
    assert not {"extra_css", "extra_javascript", "repo_url"} & set(settings)
    assert not any(blocks(page.read_text("utf-8"), "mermaid") for page in PAGES)  # its script would be fetched
    text = (ROOT / "mkdocs.yml").read_text("utf-8") + (DOCS / "flow.svg").read_text("utf-8")
    assert "://" not in text


def test_the_drawn_flow_says_what_the_flow_in_letters_says(hooks: ModuleType) -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    flow = hooks.FLOW.search(text)
    assert flow is not None
    steps = [step.strip() for step in blocks(flow.group(), "text")[0].split("\n")[0].split("─►")]
    drawn = re.findall(r'fill="#fff">([^<]+)<', (DOCS / "flow.svg").read_text("utf-8"))
    assert drawn == steps
    assert "<svg" in hooks.on_page_markdown(text, None, None, None)


def test_links_out_of_docs_are_turned_on_the_site(hooks: ModuleType) -> None:
    outward = {
        link for page in PAGES for link in re.findall(r"\]\((\.\./[A-Zc][^)#\s]*)\)", page.read_text("utf-8"))
        if not (page.parent / link).resolve().is_relative_to(DOCS)
    }  # fmt: skip
    assert outward <= set(hooks.ELSEWHERE)


# Commands


class UnknownWordError(AssertionError):
    """A command line that would not be understood."""


def command_lines(text: str) -> list[list[str]]:
    """Return the words of every command of ours in the code blocks and inline code of a page."""
    lines = "\n".join(blocks(text, "bash", "console", "text")).replace("\\\n", " ").split("\n")
    inline = re.findall(r"`(gleam-[^`]+|make [^`]+)`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S))
    found = []
    for line in [*lines, *(code.replace("\n", " ") for code in inline)]:
        begins = re.search(r"(?:^[\s$]*|--no-python |srun )((?:gleam-(?:data|c|x)|make) .*)", line)
        if begins:
            found.append(shlex.split(begins.group(1).replace("...", ""), comments=True))
    return [words for words in found if not re.match(r"[\d.>=\[]", (*words, "", "")[1])]


@cache
def help_of(program: str, *words: str) -> str:
    commands = import_module(f"{PROGRAMS[program]}.cli").COMMANDS
    if words[0] not in commands:
        raise UnknownWordError(f"{program} {words[0]}")
    module, function = commands[words[0]][0].split(":")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        getattr(import_module(module), function)([*words[1:], "--help"])
    return out.getvalue()


def options_of(told: str) -> set[str]:
    """Return the options of a help text, as they are typed: of `train` with underscores, of all others with dashes."""
    return set(re.findall(r"--[a-z][\w.-]*", told))


def all_options() -> set[str]:
    found: set[str] = set()
    for program, package in PROGRAMS.items():
        for command in import_module(f"{package}.cli").COMMANDS:
            try:
                told = help_of(program, command)
            except ModuleNotFoundError:  # of an extra that is not installed
                continue
            groups = re.findall(r"^  (\w+) ", told, re.MULTILINE) if " COMMAND [OPTION" in told else []
            found |= options_of(told).union(*(options_of(help_of(program, command, name)) for name in groups))
    return found


def check_command(words: list[str]) -> None:
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        if words[1] not in targets:
            raise UnknownWordError(" ".join(words))
        return
    program, *rest = words
    if rest[:1] in (["--help"], ["--version"]) or not rest or rest[0].isupper():
        return
    told = help_of(program, rest[0])
    if "usage: " in told and " COMMAND [OPTION" in told and rest[1:]:
        if not re.search(rf"^  {re.escape(rest[1])} ", told, re.MULTILINE):
            raise UnknownWordError(" ".join(words))
        told = help_of(program, rest[0], rest[1])
    check_options(words, told)


def check_options(words: list[str], told: str) -> None:
    known = options_of(told) | {"--help"}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name = word.partition("=")[0]
        if word.startswith("--") and name not in known:
            raise UnknownWordError(f"{' '.join(words[:3])}: {word}")
        if word == "--config" and not following.endswith(".yaml") and not following.isupper():
            find_recipe(following, PROGRAMS[words[0]], words[0].removeprefix("gleam-"))


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "configs/README.md"], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_commands_are_known_with_their_options(page: Path) -> None:
    for words in command_lines(page.read_text("utf-8")):
        check_command(words)


@pytest.mark.parametrize(
    "line",
    [
        "gleam-c trian --config smoke",
        "gleam-c gallery built city.tif",
        "gleam-c train --loss.pairs 3",
        "gleam-c train --val-split test",
        "gleam-x review serve data/benchmark --annotater anna",
        "make train-q",
    ],
)
def test_a_wrong_command_would_be_found(line: str) -> None:
    [words] = command_lines(f"```bash\n{line}\n```")
    with pytest.raises(UnknownWordError):
        check_command(words)


def test_options_in_running_text_are_those_of_some_command() -> None:
    others = {"--rdzv-endpoint"}  # of torchrun
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        named = {
            option for code in re.findall(r"`([^`]+)`", text) for option in re.findall(r"(?<!\S)--[a-z][\w.-]*", code)
        }
        assert named - others - {"--help"} <= all_options(), (page.name, named - all_options())


# Output and numbers


def page_with(page: Path, old: str, new: str) -> None:
    page.write_text(page.read_text("utf-8").replace(old, new), "utf-8")


def test_the_quickstart_prints_what_it_shows(tmp_path: Path) -> None:
    page = DOCS / "quickstart.md"
    [console] = blocks(page.read_text("utf-8"), "console")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    shown = ""
    for line in re.findall(r"^\$ (.+)$", console, re.MULTILINE):
        done = subprocess.run(
            shlex.split(line), cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        shown += f"$ {line}\n{done.stdout.rstrip()}\n"
    if PASTE:
        page_with(page, f"```console\n{console}```", f"```console\n{shown}```")
    else:
        assert shown == console


PRINTED = re.compile(r"<!-- printed from: ([\w./-]+) -->\n```text\n(.*?)```", re.DOTALL)


def test_tables_of_results_are_those_of_their_files() -> None:
    found = [(page, *match) for page in PAGES for match in PRINTED.findall(page.read_text("utf-8"))]
    assert found
    for page, name, block in found:
        table = results_table(json.loads((page.parent / name).read_text("utf-8"))) + "\n"
        if PASTE:
            page_with(page, f"{name} -->\n```text\n{block}```", f"{name} -->\n```text\n{table}```")
        else:
            assert block == table


def test_every_number_of_a_results_file_is_explained() -> None:
    text = (DOCS / "metrics.md").read_text("utf-8")
    views = json.loads((DOCS / "runs/c-synthcity.json").read_text("utf-8"))["views"]
    named = {re.sub(r"@\d+$", "@k", name) for name in views["uav"]}
    for name in named:
        assert f"`{name}`" in text, name


def test_names_of_numbers_of_gleam_x_are_those_of_its_results() -> None:
    rooms = ("evaluation/*.py", "evaluate_pipeline*.py", "pipeline/*.py")
    home = ROOT / "packages/gleam_x/src/gleam_x"
    source = "".join(path.read_text("utf-8") for room in rooms for path in home.glob(room))
    text = (DOCS / "metrics.md").read_text("utf-8")
    part = text[text.index("## Verdicts") : text.index("## Agreement of people")]
    names = {name for row in re.findall(r"^\| (`.+?) \|", part, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert len(names) > 20
    # f"accuracy_at_{coverage}_coverage"
    unknown = {name for name in names if f'"{name}"' not in source} - {"accuracy_at_80_coverage"}
    assert not unknown


def test_matrices_of_a_gallery_are_counted_right() -> None:
    from gleam_c.encoder import create_encoder
    from gleam_c.gallery.matrices import matrices_of_views
    from gleam_common.views import QUERY_VIEWS

    encoder = create_encoder("nano")
    counts = {str(view): len(sides) for view, sides in matrices_of_views(encoder, QUERY_VIEWS).items()}
    assert counts == {"uav": 24, "map": 1, "panorama": 1, "ground": 24}
    assert encoder.dim == 1024


def test_the_list_and_the_recipe_of_own_pairs_are_read(tmp_path: Path) -> None:
    from gleam_c.train_command import parse_recipe
    from gleam_common.catalog import Catalog
    from gleam_common.sources.registry import source_named
    from PIL import Image

    text = (DOCS / "guides/own_pairs.md").read_text("utf-8")
    manifest = next(block for block in blocks(text, "text") if block.startswith("query,"))
    root = tmp_path / "mine"
    for name in re.findall(r"[\w/]+\.(?:jpg|png)", manifest):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64)).save(root / name)
    (root / "manifest.csv").write_text(manifest, "utf-8")
    from gleam_common.source_commands import import_command

    assert source_named("folder")
    import_command(["folder", str(root), "--out", str(tmp_path / "catalog")])
    catalog = Catalog.read(tmp_path / "catalog", root)
    assert (len(catalog.gallery_ids), len(catalog.query_ids)) == (3, 2)
    (tmp_path / "mine.yaml").write_text(blocks(text, "yaml")[0], "utf-8")
    recipe, _, _ = parse_recipe(["--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "run")])
    assert recipe.phases[0].views == ["ground"]


# Quoted errors

ERRORS = {"GleamError", "DataError", "ConfigError", "ModelError", "ArtifactError", "TrainingError"}


def words_of(node: ast.expr) -> str:
    """Return a text with a mark where a value will stand."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(words_of(part) for part in node.values)
    return "\0"


@cache
def messages() -> list[str]:
    found = []
    for path in (ROOT / "packages").glob("*/src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and node.args and name in ERRORS | {"print"}:
                found.append(words_of(node.args[0]))
    return found


def is_said(quoted: str) -> bool:
    """Whether some message begins with the quoted words; ``...`` stands for values."""
    pattern = "(.|\n)*".join(re.escape(part) for part in quoted.split("..."))
    return any(re.match(pattern, message) or re.match(f"\0?{pattern}", message) for message in messages())


QUOTED = [
    quoted
    for page in ("troubleshooting.md", "multi_node.md")
    for quoted in re.findall(r"^\| `([^`]+)` \|", (DOCS / page).read_text("utf-8"), re.MULTILINE)
]


def test_many_errors_are_explained() -> None:
    assert len(QUOTED) >= 40
    assert len(set(QUOTED)) >= len(QUOTED) - 2


@pytest.mark.parametrize("quoted", QUOTED)
def test_quoted_errors_are_those_of_the_code(quoted: str) -> None:
    plain = quoted.partition(": allowed")[0]
    assert is_said(plain.removesuffix(": ...")), quoted


def test_an_error_that_is_not_said_would_be_found() -> None:
    assert not is_said("the moon is not in the catalog")
    assert not is_said("no such recipe of ... anywhere")


# The notebook


def run_cells(cells: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Run the code cells one after another; return the outputs of each."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [_run("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]


def _run(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    tree, out = ast.parse(source), io.StringIO()
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(out):
        exec(compile(tree, "cell", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None
    text = out.getvalue()
    outputs: list[dict[str, Any]] = []
    if text:
        outputs.append({"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)})
    if hasattr(value, "save"):
        jpeg = io.BytesIO()
        value.save(jpeg, "JPEG", quality=85)
        data = {"image/jpeg": base64.b64encode(jpeg.getvalue()).decode(), "text/plain": ["<picture>"]}
        outputs.append({"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"})
    return outputs


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hooks: ModuleType) -> None:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    monkeypatch.chdir(tmp_path)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    outputs = run_cells(cells)
    assert (tmp_path / "first_ten_minutes/run/report.html").is_file()
    if PASTE:
        for cell, output in zip(cells, outputs, strict=True):
            cell["outputs"] = output
        NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for cell, output in zip(cells, outputs, strict=True):
        assert [one["output_type"] for one in output] == [one["output_type"] for one in cell["outputs"]]
        if "exact" in cell["metadata"].get("tags", ()):
            assert output == cell["outputs"]
    page = hooks.notebook_page(notebook)
    assert page.count("```python") == len(cells)
    assert "data:image/jpeg;base64," in page
