"""Every Python block of the README and the docs runs, in memory.

A block marked ```` ```python continued ```` goes on where the Python block before it ended and
shares its names; each other block begins with nothing.
"""

import re
import sys
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import attrs
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]

BLOCK = re.compile(
    r"""
    ^(?P<indent>[ ]*)(?P<fence>```+|~~~+)[ ]*(?P<info>[^\n`]*)\n
    (?P<code>.*?)
    ^(?P=indent)(?P=fence)[ ]*$
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
PYTHON = re.compile(r"py", re.IGNORECASE)


@attrs.frozen
class Block:
    """A block of Python in a page, and the line its first line stands on."""

    page: Path
    line: int
    code: str = attrs.field(repr=False)
    continued: bool = False

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    def run(self, names: dict[str, object]) -> None:
        """Run it; a traceback names the page and the line there."""
        padded = "\n" * (self.line - 1) + self.code
        exec(compile(padded, self.page, "exec"), names)  # noqa: S102 - our own pages


def blocks_of(page: Path, text: str) -> Iterator[Block]:
    """The Python blocks of a page, in order; one that would be passed over is refused."""
    for match in BLOCK.finditer(text):
        info = match["info"].strip()
        if not PYTHON.match(info):
            continue
        line = text.count("\n", 0, match.start("code")) + 1
        if info not in ("python", "python continued"):
            message = f"{page.name}:{line - 1}: write `python` or `python continued`, not `{info}`"
            raise ValueError(message)
        code = textwrap.dedent(match["code"])
        yield Block(page, line, code, continued=info == "python continued")


def examples_of(page: Path, text: str) -> list[list[Block]]:
    """The blocks of a page, those that share their names together."""
    examples: list[list[Block]] = []
    for block in blocks_of(page, text):
        if block.continued:
            examples[-1].append(block)
        else:
            examples.append([block])
    return examples


EXAMPLES = [example for page in PAGES for example in examples_of(page, page.read_text("utf-8"))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example[0]))
def test_the_docs_run(example: list[Block], monkeypatch: pytest.MonkeyPatch):
    """The blocks of an example run one after the other, as a module of their own."""
    # A real module: attrs and cattrs look up the names in annotations by it.
    module = ModuleType("example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in example:
        block.run(vars(module))


def test_the_readme_has_an_example():
    """Pages are found, and blocks are found in them."""
    assert ROOT / "README.md" in {block.page for example in EXAMPLES for block in example}


PAGE = """
```python
a = 1
```
Text, and ```python in the middle of it.
```sh
make test
```
1. An item
   ```python continued
   if a:
       b = a
   ```
```python
c = 1
```
"""


def test_blocks_are_found_with_their_lines():
    """Indented ones too; other languages are passed over."""
    page = Path("page.md")
    first, second = examples_of(page, PAGE)

    assert [
        Block(page, 3, "a = 1\n"),
        Block(page, 11, "if a:\n    b = a\n", continued=True),
    ] == first
    assert [Block(page, 15, "c = 1\n")] == second


@pytest.mark.parametrize("info", ["py", "python3", "Python", "python skip"])
def test_an_unknown_kind_of_block_is_refused(info: str):
    """Else it would never run, and nobody would know."""
    with pytest.raises(ValueError, match=r"page.md:1: write `python`"):
        examples_of(Path("page.md"), f"```{info}\n```\n")


def test_an_error_in_a_page_names_its_line():
    """As if the page were the program."""
    with pytest.raises(ZeroDivisionError) as failed:
        Block(Path("page.md"), 12, "1 / 0\n").run({})
    last = traceback.extract_tb(failed.tb)[-1]
    assert ("page.md", 12) == (last.filename, last.lineno)
