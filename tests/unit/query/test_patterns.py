"""Patterns: what `like`, `contains` and `endswith` find in a text."""

import re
import time
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Field, Key, Mapper, MapperRegistry, UnsupportedQuery
from redmapper.query.patterns import ANY, Pattern, pattern_of


@attrs.define
class Word:
    """A text, and a number."""

    id: int
    text: str = ""
    size: int = 0


class Words(Mapper[Word]):
    """Its mapper."""

    id = Key[int]()
    text = Field[str](norm=str.lower)
    size = Field[int]()


MAPPED = MapperRegistry(Words).mapped(Word)


def pattern(predicate: Any) -> Pattern | None:
    """The pattern of a condition on the text."""
    return pattern_of(predicate, MAPPED.columns["text"])


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (Words.text.contains("a*"), Pattern((("a*",),))),
        (Words.text.endswith("a?"), Pattern((("a?",),), ends=True)),
        (Words.text.like("a?b*c"), Pattern((("a", ANY, "b"), ("c",)), begins=True, ends=True)),
        (Words.text.like("*a**b*"), Pattern((("a",), ("b",)))),
        (Words.text.like("*"), Pattern(())),
        (Words.text.like(""), Pattern(((),), begins=True, ends=True)),
        (Words.text.like("??"), Pattern(((ANY, ANY),), begins=True, ends=True)),
        (Words.text.like("A*B"), Pattern((("a",), ("b",)), begins=True, ends=True)),
    ],
    ids=repr,
)
def test_a_pattern_is_cut_into_segments(predicate: Any, expected: Pattern):
    """At each `*`; only `like` has wildcards, and the norm sees none of them."""
    assert expected == pattern(predicate)


def test_other_conditions_have_none():
    """They are spans, or sets."""
    assert pattern(Words.text == "a") is None


@given(st.text("ab*?", max_size=6), st.text("ab\n\U0001f600", max_size=8))
def test_like_is_a_glob(said: str, text: str):
    """As a regular expression has it."""
    spelled = {"*": ".*", "?": "."}
    whole = "".join(spelled.get(each, each) for each in said)
    found = pattern(Words.text.like(said))
    assert found is not None
    assert (re.fullmatch(whole, text, re.DOTALL) is not None) == found.matcher()(text)


def test_many_runs_take_no_more_than_their_time():
    """Nothing is tried twice: a regular expression would take years."""
    found = pattern(Words.text.like("*a" * 30 + "*b"))
    assert found is not None
    began = time.perf_counter()
    assert not found.matcher()("a" * 20_000)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("verb", ["like", "contains", "endswith"])
def test_a_pattern_is_text_for_text(verb: str):
    """Anything else is refused, with the condition."""
    field: Any = Words.size
    with pytest.raises(UnsupportedQuery, match=rf"Words\.size\.{verb}\('a'\)`: it is for text"):
        pattern_of(getattr(field, verb)("a"), MAPPED.columns["size"])
    field = Words.text
    with pytest.raises(UnsupportedQuery, match="takes text"):
        pattern(getattr(field, verb)(7))
    with pytest.raises(UnsupportedQuery, match="lone surrogate"):
        pattern(getattr(field, verb)("\ud800"))


@pytest.mark.parametrize("values", ["abc", b"xyz", 7])
def test_text_is_no_list_of_values(values: Any):
    """`in_("abc")` is a mistake, not three characters."""
    field: Any = Words.text
    with pytest.raises(UnsupportedQuery, match="it takes several values"):
        field.in_(values)
