"""The scripts themselves: what a server's locale, a rounding or a missing `local` would break."""

import re
from collections.abc import Iterator
from importlib import resources

import pytest

from redmapper.strategies.lua.layout import PIECE
from redmapper.strategies.lua.scripts import COMMIT, COMMIT_ONE, FIND, OUTCOME, OWNER

SCRIPTS = {each.name: each.text for each in (COMMIT, COMMIT_ONE, FIND, OUTCOME, OWNER)}

# --- reading Lua, as far as these rules need it ----------------------------------------------

TOKEN = re.compile(
    r"""(?P<comment>(?:--|\#!)[^\n]*)|(?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<sign>~=|==|<=|>=|\.\.\.?|.)""",
    re.DOTALL,
)
KEYWORDS = {
    *("and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in"),
    *("local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"),
}
GIVEN = {
    *("redis", "KEYS", "ARGV", "string", "tonumber", "tostring", "unpack", "math", "ipairs"),
    "cmsgpack",
    "table",
    "setmetatable",
}


def tokens(script: str) -> list[tuple[str, str]]:
    """Kind and text of every token but comments and blanks."""
    found = ((match.lastgroup or "", match.group()) for match in TOKEN.finditer(script))
    return [(kind, text) for kind, text in found if kind != "comment" and not text.isspace()]


def code_lines(script: str) -> list[str]:
    """The lines of a script without their comments."""
    return [line.partition("--")[0] for line in script.splitlines()]


def is_number(side: list[tuple[str, str]]) -> bool:
    """Whether the operand that these tokens begin with surely is one.

    Compared with a number, text is an error in Lua, and never a matter of the server's locale.
    """
    kinds = [text for _, text in side[:2]]
    return bool(side) and (side[0][0] == "number" or kinds[0] == "#" or kinds == ["tonumber", "("])


def operand_before(found: list[tuple[str, str]], position: int) -> list[tuple[str, str]]:
    """The tokens of the operand before an operator, back to what begins an expression."""
    start, depth = position, 0
    stops = KEYWORDS | {"=", ",", ";", "==", "~=", "<", ">", "<=", ">=", "{"}
    while start > 0:
        text = found[start - 1][1]
        depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(text, 0)
        if depth < 0 or (depth == 0 and text in stops):
            break
        start -= 1
    return found[start:position]


def comparisons(script: str) -> Iterator[tuple[list[tuple[str, str]], list[tuple[str, str]]]]:
    """Both sides of every `<`, `>`, `<=` and `>=`."""
    found = tokens(script)
    for position, (kind, text) in enumerate(found):
        if kind == "sign" and text in ("<", ">", "<=", ">="):
            yield operand_before(found, position), found[position + 1 :]


def locals_of(script: str) -> set[str]:
    """The names after `local`, `function`, `for`, and those of parameters."""
    names: set[str] = set()
    script = re.sub(r"--[^\n]*", "", script)
    for pattern in (
        r"\blocal\s+(?!function)([\w\s,]+)",
        r"\bfor\s+([\w\s,]+?)\s*(?:=|\bin\b)",
        r"\bfunction\s*\w*\s*\(([^)]*)\)",
        r"\blocal\s+function\s+(\w+)",
    ):
        for match in re.finditer(pattern, script):
            names |= set(re.findall(r"[A-Za-z_]\w*", match.group(1).split("\n")[0]))
    return names


def used_names(script: str) -> set[str]:
    """Every name that is not a field of something, nor the key of a table."""
    found = tokens(script)
    padded = [("", ""), *found, ("", "")]
    return {
        text
        for (_, before), (kind, text), (_, after) in zip(
            padded, padded[1:], padded[2:], strict=False
        )
        if kind == "name"
        and text not in KEYWORDS
        and before not in (".", ":")
        and not (after == "=" and before in ("{", ","))
    }


# --- the rules -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCRIPTS)
def test_text_is_compared_for_equality_only(name: str):
    """`<` on text follows the server's LC_COLLATE; so one side is a number one can see."""
    for left, right in comparisons(SCRIPTS[name]):
        shown = "".join(text for _, text in left), "".join(text for _, text in right[:4])
        assert is_number(left) or is_number(right), shown


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_variable_is_local(name: str):
    """A global would stay for the next script, or is an error on some servers."""
    assert set() == used_names(SCRIPTS[name]) - locals_of(SCRIPTS[name]) - GIVEN


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_uses_cjson(name: str):
    """It makes 12345678901234567 something else, and `[]` an object."""
    assert {"cjson", "bit", "loadstring"}.isdisjoint(used_names(SCRIPTS[name]))


def test_every_script_is_looked_at():
    """Those of this folder."""
    names = {"commit", "commit_one", "find", "outcome", "owner"}
    assert names == SCRIPTS.keys()


@pytest.mark.parametrize("name", SCRIPTS)
def test_cmsgpack_only_reads_a_plan(name: str):
    """Integers and words of the script's own; what stands in a record never goes through it."""
    uses = re.findall(r"cmsgpack[^\n]*", "\n".join(code_lines(SCRIPTS[name])))
    expected = {
        "commit": ["cmsgpack.unpack(ARGV[3]), 0"],
        "find": ["cmsgpack.unpack(ARGV[12])", "cmsgpack.unpack(ARGV[11]), 0, 12"],
    }
    assert expected.get(name, []) == uses


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_begins_with_what_it_is_for(name: str):
    """Purpose, KEYS, ARGV, Returns; after a first line that lets a server refuse it whole."""
    lines = SCRIPTS[name].splitlines()
    header = [line for line in lines[1:] if line.startswith("--")]
    assert re.fullmatch(r"#!lua( flags=no-writes)?", lines[0])
    assert re.match(r"-- [A-Z].*\w", lines[1])
    heads = [line.split()[1] for line in header if re.match(r"-- (KEYS|ARGV|Returns)  ", line)]
    assert ["KEYS", "ARGV", "Returns"] == heads


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_reading_script_says_that_it_writes_nothing(name: str):
    """So that it runs on a replica; and the others do not say it."""
    writes = set(re.findall(r"call\('(SET|HSET|DEL|ZADD|SADD|HDEL|EXPIRE)'", SCRIPTS[name]))
    runs_commands = "call(command" in SCRIPTS[name]
    says_so = SCRIPTS[name].startswith("#!lua flags=no-writes\n")
    assert says_so == (not writes and not runs_commands)


def test_many_arguments_come_in_runs():
    """Lua can not take more at once."""
    bodies = re.split(r"^local function (\w+)", SCRIPTS["commit"], flags=re.MULTILINE)
    each = dict(zip(bodies[1::2], bodies[2::2], strict=True))
    unpacking = {name for name, body in each.items() if re.search(r"unpack\(|slice\(", body)}
    in_runs = {name for name in unpacking if "RUN" in each[name]}
    assert set() == unpacking - in_runs - {"slice"}


def test_a_run_is_short_enough_for_lua():
    """`unpack` fails at 8,000; scores and members stay together."""
    (run,) = re.findall(r"^local RUN = (\d+)", SCRIPTS["commit"], flags=re.MULTILINE)
    assert (True, 0) == (int(run) < 8_000 - 10, int(run) % 2)


def test_every_file_is_in_a_script():
    """What is not put together is never sent."""
    folder = resources.files("redmapper.strategies.lua")
    files = [each for each in folder.iterdir() if each.name.endswith(".lua")]
    begins = {each.name: each.read_text("utf-8").partition("-- include")[0] for each in files}
    whole = "".join(SCRIPTS.values())
    assert [] == [name for name, begin in begins.items() if begin not in whole]


def test_pieces_are_as_long_as_the_layout_has_them():
    """The script joins what `layout` has cut."""
    assert f"local PIECE = {PIECE} " in SCRIPTS["find"]


# --- the rules themselves --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("if a < b then", False),
        ("if a[1] >= b.c then", False),
        ("return x and y > z", False),
        ("if call('GET', 1) < name then", False),
        ("if a < 5 then", True),
        ("if 5 < a then", True),
        ("if #a <= b then", True),
        ("if a > #b then", True),
        ("if tonumber(a) >= b then", True),
        ("if a < tonumber(b[1]) then", True),
        ("if call('ZCARD', key) > 0 then", True),
        ("if string.byte(t) >= 128 and x == '<' then -- a < b", True),
    ],
)
def test_the_rule_of_comparisons(code: str, expected: bool):  # noqa: FBT001 - a case
    """It can tell them apart."""
    assert expected == all(is_number(a) or is_number(b) for a, b in comparisons(code))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("local a = 1\nb = a", {"b"}),
        ("local function f(x, ...) return x.y end", set()),
        ("for i = 1, n do g(i) end", {"n", "g"}),
        ("local t = { a = 1, b = c }", {"c"}),
        ("local a, b\na = b", set()),
    ],
)
def test_the_rule_of_locals(code: str, expected: set[str]):
    """It finds what is not."""
    assert expected == used_names(code) - locals_of(code) - GIVEN
