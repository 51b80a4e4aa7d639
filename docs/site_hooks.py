"""What mkdocs does besides reading docs/: pages made from files elsewhere, the notebook as a page, the drawn flow.

The same Markdown is read on GitHub and on the site, so that links out of docs/ are turned here to the pages that hold
what they name.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

GENERATED = {
    "recipes/index.md": ROOT / "configs/README.md",
    "changelog.md": ROOT / "CHANGELOG.md",
    "contributing.md": ROOT / "CONTRIBUTING.md",
}
"""Pages that are files of the repository, as they are."""

ELSEWHERE = {
    "../README.md": "quickstart.md",
    "../configs/README.md": "recipes/index.md",
    "../CHANGELOG.md": "changelog.md",
}
"""Links out of docs/, and the pages that stand for them."""

NOTEBOOK = DOCS / "first_ten_minutes.ipynb"
FLOW = re.compile(r"<!-- drawn: ([\w.]+) -->\n+```text\n.*?^```\n", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from other files, and the recipes that their table links to."""
    from mkdocs.structure.files import File

    pages = {name: path.read_text("utf-8") for name, path in GENERATED.items()}
    pages[NOTEBOOK.with_suffix(".md").name] = notebook_page(json.loads(NOTEBOOK.read_text("utf-8")))
    pages |= {
        f"recipes/{path.relative_to(ROOT / 'configs').as_posix()}": path.read_text("utf-8")
        for path in sorted((ROOT / "configs").glob("*/*.yaml"))
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links out of docs/ and to the notebook to their pages, and the flow in letters to the drawn one."""
    for link, name in ELSEWHERE.items():
        markdown = markdown.replace(f"]({link})", f"]({name})")
    markdown = markdown.replace("first_ten_minutes.ipynb)", "first_ten_minutes.md)")
    return FLOW.sub(lambda found: f"<div>\n{(DOCS / found.group(1)).read_text('utf-8')}</div>\n", markdown)


def notebook_page(notebook: dict[str, Any]) -> str:
    """Return a notebook as Markdown: its texts, its code, and what the code printed and showed."""
    parts: list[str] = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        parts.extend(_shown(output) for output in cell["outputs"])
    return "\n\n".join(parts) + "\n"


def _shown(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    picture = "".join(output["data"]["image/jpeg"]).strip()
    return f"![what the cell shows](data:image/jpeg;base64,{picture})"
