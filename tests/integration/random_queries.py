"""Random queries over nasty values, and what they should answer, in plain Python.

Nothing here uses the library's own judges or encodings: `holds` compares objects as Python does,
with the few rules that the API adds, and `rows` sorts them by a comparison of its own.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import random
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import attrs

from redmapper import Computed, Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique


class Size(Enum):
    """Ordered by value."""

    S = 10
    M = 9
    L = 100


@attrs.define(eq=False)
class Thing:
    """A value of every kind."""

    name: str | None = None
    city: str | None = None
    age: int | None = None
    big: int | None = None
    price: Decimal | None = None
    ratio: float | None = None
    weight: float | None = None
    seen: datetime | None = None
    made: datetime | None = None
    born: date | None = None
    at: time | None = None
    took: timedelta | None = None
    code: UUID | None = None
    flag: bool = False
    size: Size | None = None
    text: str = ""
    raw: bytes | None = None
    tags: list[str] = attrs.field(factory=list)
    marks: set[int] | None = None
    meta: dict[str, int] | None = None


@attrs.define(eq=False)
class Numbered(Thing):
    """Keys from a sequence."""

    id: int | None = None


@attrs.define(eq=False)
class Named(Thing):
    """Keys of any text."""

    id: str = ""


def mapper_of(domain: type, key: Key[Any]) -> type[Mapper[Any]]:
    """Some fields served by every kind of index, others by none; the same for both classes."""

    class Described(Mapper[domain]):  # type: ignore[valid-type]
        id = key
        name = Field[str | None](norm=str.casefold)
        city = Field[str | None]()
        age = Field[int | None]()
        big = Field[int | None]()
        price = Field[Decimal | None]()
        ratio = Field[float | None]()
        weight = Field[float | None]()
        seen = Field[datetime | None]()
        made = Field[datetime | None]()
        born = Field[date | None]()
        at = Field[time | None]()
        took = Field[timedelta | None]()
        code = Field[UUID | None]()
        flag = Field[bool]()
        size = Field[Size | None]()
        text = Field[str]()
        raw = Field[bytes | None]()
        tags = Field[list[str]](norm=str.casefold)
        marks = Field[set[int] | None]()
        meta = Field[dict[str, int] | None]()
        initial = Computed[str | None](lambda thing: thing.text[:1] or None)

        by_city = Lookup(city)
        by_tag = Lookup(tags)
        by_size = Lookup(size)
        by_city_flag = Lookup(city, flag)
        by_initial = Lookup(initial)
        by_code = Unique(code)
        by_age = Ordered(age)
        by_name = Ordered(name)
        by_seen = Ordered(seen.desc())
        by_made = Ordered(made)
        by_city_seen = Ordered(city, seen.desc())
        by_price_age = Ordered(price.desc(), age)
        by_weight = Ordered(weight)
        by_took = Ordered(took.desc())
        by_key = Ordered(key)
        by_size_key = Ordered(size, key.desc())

    Described.__name__ = f"{domain.__name__}s"
    return Described


REGISTRY = MapperRegistry(mapper_of(Numbered, Key[int]()), mapper_of(Named, Key[str]()))
CLASSES = (Numbered, Named)

EAST, WEST = timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8, seconds=1))
FAR = timezone(timedelta(days=1) - timedelta(microseconds=1))
STEP = timedelta(microseconds=1)
FIRST_PLAIN = datetime(1900, 1, 1)
PAST_PLAIN = FIRST_PLAIN + 9 * 10**15 * STEP
"""From the first to before the other datetimes are scores."""

POOLS: dict[str, list[Any]] = {
    "name": [None, "", "A", "a", "ab", "a\0", "a\0b", "\0", "b", "ß", "SS", "Ü", "\U0010ffff"],
    "city": [None, "", "Rom", "Rom\0", "ÖÖ", "r*m?", "%a^$[]"],
    "age": [None, -300, -1, 0, 5, 7, 255, 256, 2**53, 2**53 + 1, 10**40],
    "big": [None, 0, -1, 2**63, 2**53, 2**53 + 1, -(2**53) - 1, 10**30, -(10**4301), 10**4301],
    "price": [
        *(None, Decimal("1.0"), Decimal("1.00"), Decimal(-2), Decimal("1E+40"), Decimal(0)),
        *(Decimal("0.1"), Decimal("0.10000000000000000001"), Decimal("-0.10000000000000000001")),
        *(Decimal("Infinity"), Decimal("-Infinity"), Decimal("1E-999999"), Decimal("1E+999999")),
    ],
    "ratio": [None, 0.0, -0.0, 1.5, -1.5, 0.1, 0.1 + 2**-55, math.inf, -math.inf, math.nan, 1e-308],
    "weight": [
        *(None, 0.0, -0.0, 0.5, 3.0, -3.0, 1e22, math.inf, -math.inf, 5e-324),
        *(1e300, -1e300, 9.999999999999999e299, 1e308, -1e308),
    ],
    "seen": [
        *(None, datetime(2020, 1, 1), datetime(2020, 1, 1, 0, 0, 0, 1), datetime.min),
        *(datetime.max, datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, 5, 30, tzinfo=EAST)),
        *(datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=WEST), datetime(2020, 2, 29, tzinfo=EAST)),
        *(datetime(2019, 12, 31, 15, 59, 59, tzinfo=WEST), datetime(2021, 3, 1, tzinfo=UTC)),
    ],
    "made": [
        *(None, FIRST_PLAIN, FIRST_PLAIN - STEP, PAST_PLAIN, PAST_PLAIN - STEP),
        *(datetime.min, datetime.min.replace(tzinfo=FAR), datetime.max.replace(tzinfo=UTC)),
        *(FIRST_PLAIN.replace(tzinfo=UTC), (FIRST_PLAIN - STEP).replace(tzinfo=UTC)),
        *(PAST_PLAIN.replace(tzinfo=UTC), (PAST_PLAIN - STEP).replace(tzinfo=UTC)),
        *(FIRST_PLAIN.replace(tzinfo=FAR), PAST_PLAIN.replace(tzinfo=WEST)),
        *(datetime(2020, 1, 1, 5, 30, tzinfo=EAST), datetime(2020, 1, 1, tzinfo=UTC)),
        *(datetime(2020, 1, 1, tzinfo=FAR), datetime(2020, 1, 1), datetime(2020, 1, 1, 0, 0, 1)),
    ],
    "born": [None, date.min, date(2020, 2, 29), date(2020, 3, 1), date.max],
    "at": [
        *(None, time(0), time(0, 0, 0, 1), time(23, 59, 59), time(1, tzinfo=UTC)),
        *(time(6, 30, tzinfo=EAST), time(6, 30, 0, 5, tzinfo=EAST), time(1, tzinfo=WEST)),
    ],
    "took": [None, timedelta(0), timedelta(-1), timedelta(microseconds=1), timedelta(10**8)],
    "code": [None, UUID(int=0), UUID(int=1), UUID(int=2**127), UUID(int=2**128 - 1)],
    "flag": [False, True],
    "size": [None, *Size],
    "text": [
        "",
        "a",
        "b*c",
        "b?c",
        "x" * 63,
        "x" * 64,
        "x" * 65,
        "é" * 64,
        "🙂",
        "a🙂b",
        "x" * 600,
    ],
    "raw": [None, b"", b"\0", b"\xff", b"a" * 64, b"a" * 65],
}
TAGS = ["", "x", "X", "y", "z\0", "t" * 70]
MARKS = [0, 1, -1, 2**60]
KEYS: dict[type, list[Any]] = {
    Numbered: [*range(-60, 60), 10**20, -(10**20)],
    Named: ["", "a", "A", "a:1", "{x}", "ä\0b", "z" * 70, "\0", *(f"k{at}" for at in range(100))],
}
INITIALS = [None, "a", "x", "é", "🙂"]
PATTERNS = [
    "*",
    "?",
    "",
    "a*",
    "*b",
    "*\0*",
    "?c",
    "b?c",
    "b*c",
    "*🙂*",
    "a?b",
    "x*x",
    "??",
    "é*é",
    "r*?",
]
TEXTS = ["", "a", "b", "\0", "🙂", "x", "é", "*", "?", "%", "SS", "om"]

# --- conditions, said to a mapper and judged on an object --------------------------------------


@attrs.frozen
class Condition:
    """A condition with its meaning: `of(mapper)` says it, `holds(thing)` judges it."""

    of: Callable[[Any], Any]
    holds: Callable[[Any], bool]


def valued(name: str, thing: Any) -> Any:
    """What conditions and orders see of a field."""
    if name == "initial":
        return thing.text[:1] or None
    value = getattr(thing, name)
    if name == "name" and value is not None:
        return value.casefold()
    if name == "tags":
        return [each.casefold() for each in value]
    return value.value if isinstance(value, Enum) else value


def plain(name: str, value: Any) -> Any:
    """What a condition compares with."""
    if name in ("name", "tags"):
        return value.casefold()
    return value.value if isinstance(value, Enum) else value


def is_aware(value: Any) -> bool | None:
    """Whether a time is aware, None for anything else."""
    return value.utcoffset() is not None if isinstance(value, (datetime, time)) else None


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def is_nan(value: Any) -> bool:
    """Whether a value is NaN."""
    return isinstance(value, float) and math.isnan(value)


def compares(said: str, mine: Any, asked: Any) -> bool:
    """A comparison, false for None, for NaN, and between naive and aware times."""
    if mine is None or is_nan(mine) or is_aware(mine) != is_aware(asked):
        return False
    return COMPARISONS[said](mine, asked)


def glob(pattern: str, norm: Callable[[str], str]) -> re.Pattern[str]:
    """A `like` as a regular expression."""
    pieces = re.split(r"([*?])", pattern)
    spelled = {"*": ".*", "?": "."}
    return re.compile(
        "".join(spelled.get(each) or re.escape(norm(each)) for each in pieces), re.DOTALL
    )


def comparison(
    chance: random.Random, name: str, pool: list[Any], operators: Iterable[str] = COMPARISONS
) -> Condition:
    """`==` and its like."""
    said = chance.choice([*operators])
    asked = chance.choice([each for each in pool if each is not None and not is_nan(each)])
    return Condition(
        lambda mapper: COMPARISONS[said](getattr(mapper, name), asked),
        lambda thing: compares(said, valued(name, thing), plain(name, asked)),
    )


def between(chance: random.Random, name: str, pool: list[Any]) -> Condition:
    """Both ends in."""
    low, high = chance.choices(
        [each for each in pool if each is not None and not is_nan(each)], k=2
    )
    return Condition(
        lambda mapper: getattr(mapper, name).between(low, high),
        lambda thing: (
            compares(">=", valued(name, thing), plain(name, low))
            and compares("<=", valued(name, thing), plain(name, high))
        ),
    )


def one_of(chance: random.Random, name: str, pool: list[Any]) -> Condition:
    """Some values, None perhaps among them."""
    asked = chance.choices([each for each in pool if not is_nan(each)], k=chance.randrange(5))

    def holds(thing: Any) -> bool:
        mine = valued(name, thing)
        values = [plain(name, each) for each in asked if each is not None]
        return (mine is None and None in asked) or any(compares("==", mine, one) for one in values)

    return Condition(lambda mapper: getattr(mapper, name).in_(asked), holds)


def none(chance: random.Random, name: str, _: Any = None) -> Condition:
    """Whether there is a value."""
    if chance.random() < 0.5:
        return Condition(
            lambda mapper: getattr(mapper, name).is_none(),
            lambda thing: valued(name, thing) is None,
        )
    return Condition(
        lambda mapper: getattr(mapper, name).not_none(),
        lambda thing: valued(name, thing) is not None,
    )


def text_condition(chance: random.Random, name: str, pool: list[Any]) -> Condition:
    """startswith, endswith, contains, like."""
    norm = str.casefold if name == "name" else str
    verb = chance.choice(["startswith", "endswith", "contains", "like"])
    asked = chance.choice([*TEXTS, *(each for each in pool if each is not None)])
    if verb == "like":
        asked = chance.choice(PATTERNS)
    meanings: dict[str, Callable[[str], bool]] = {
        "startswith": lambda mine: mine.startswith(norm(asked)),
        "endswith": lambda mine: mine.endswith(norm(asked)),
        "contains": lambda mine: norm(asked) in mine,
        "like": lambda mine: glob(asked, norm).fullmatch(mine) is not None,
    }

    def holds(thing: Any) -> bool:
        mine = valued(name, thing)
        return mine is not None and meanings[verb](mine)

    return Condition(lambda mapper: getattr(getattr(mapper, name), verb)(asked), holds)


def collection_condition(
    chance: random.Random,
    name: str,
    pool: list[Any],
    verbs: Sequence[str] = ("has", "has_any", "has_all", "is"),
) -> Condition:
    """has, has_any, has_all, and whether it is there."""
    verb = chance.choice(verbs)
    if verb == "is":
        return none(chance, name)
    asked = chance.choices(pool, k=1 if verb == "has" else chance.randrange(4))
    enough = {"has": all, "has_any": any, "has_all": all}[verb]

    def holds(thing: Any) -> bool:
        mine = valued(name, thing)
        wanted = [plain(name, each) if name == "tags" else each for each in asked]
        return mine is not None and enough(each in mine for each in wanted)

    said = asked[0] if verb == "has" else asked
    return Condition(lambda mapper: getattr(getattr(mapper, name), verb)(said), holds)


def leaf(chance: random.Random, cls: type) -> Condition:
    """A condition on one field."""
    name = chance.choice([*POOLS, "id", "tags", "marks", "meta", "initial", "city", "age", "name"])
    if chance.random() < 0.1:
        name = "made"
    if name in ("tags", "marks"):
        return collection_condition(chance, name, TAGS if name == "tags" else MARKS)
    if name == "meta":
        return none(chance, name)
    pools = {**POOLS, "id": KEYS[cls], "initial": INITIALS}
    makers = [comparison, comparison, between, one_of, none]
    if name in ("name", "city", "text", "initial") or (name == "id" and cls is Named):
        makers += [text_condition, text_condition]
    return chance.choice(makers)(chance, name, pools[name])


def tree(chance: random.Random, cls: type, depth: int) -> Condition:
    """Nested and, or, not."""
    kind = chance.random()
    if depth == 0 or kind < 0.4:
        return leaf(chance, cls)
    if kind < 0.5:
        part = tree(chance, cls, depth - 1)
        return Condition(lambda mapper: ~part.of(mapper), lambda thing: not part.holds(thing))
    one, other = tree(chance, cls, depth - 1), tree(chance, cls, depth - 1)
    if kind < 0.8:
        return Condition(
            lambda mapper: one.of(mapper) & other.of(mapper),
            lambda thing: one.holds(thing) and other.holds(thing),
        )
    return Condition(
        lambda mapper: one.of(mapper) | other.of(mapper),
        lambda thing: one.holds(thing) or other.holds(thing),
    )


SETS: dict[str, list[Any]] = {"city": POOLS["city"], "size": POOLS["size"], "initial": INITIALS}
SCORES = ("age", "weight", "took")


def told_by_entries(chance: random.Random) -> Condition:
    """Sets and ranges of scores, all of which must hold: where few entries tell, a script is short.

    Seldom one that only records tell.
    """
    parts = []
    for _ in range(chance.randint(1, 3)):
        kind = chance.random()
        if kind < 0.15:
            parts.append(collection_condition(chance, "tags", TAGS, ["has"]))
        elif kind < 0.5:
            name = chance.choice([*SETS])
            parts.append(comparison(chance, name, SETS[name], ["=="]))
        elif kind < 0.95:
            name = chance.choice(SCORES)
            within = chance.random() < 0.3
            pool = POOLS[name]
            operators = ["<", "<=", ">", ">=", "=="]
            parts.append(
                between(chance, name, pool) if within else comparison(chance, name, pool, operators)
            )
        else:
            parts.append(comparison(chance, "big", POOLS["big"]))
    return Condition(
        lambda mapper: functools.reduce(operator.and_, [each.of(mapper) for each in parts]),
        lambda thing: all(each.holds(thing) for each in parts),
    )


# --- orders ------------------------------------------------------------------------------------


def three_way(one: Any, other: Any) -> int:
    """None first, NaN last, naive times before aware ones, all else as Python has it."""
    ranks = [(0 if each is None else 2 if is_nan(each) else 1) for each in (one, other)]
    if ranks != [1, 1]:
        return ranks[0] - ranks[1]
    if is_aware(one) != is_aware(other):
        return -1 if is_aware(other) else 1
    return (one > other) - (one < other)


def sorted_by(things: Iterable[Any], terms: list[tuple[str, bool]]) -> list[Any]:
    """Things in order, ties by key in the direction of the last term; those without one last."""
    names = [name for name, _ in terms]
    if "id" in names:
        terms = terms[: names.index("id") + 1]
    else:
        terms = [*terms, ("id", terms[-1][1] if terms else False)]

    def compare(one: tuple[int, Any], other: tuple[int, Any]) -> int:
        for name, down in terms:
            if name == "id":
                keys = [
                    (each.id is None, at if each.id is None else each.id)
                    for at, each in (one, other)
                ]
                found = (keys[0] > keys[1]) - (keys[0] < keys[1])
            else:
                found = three_way(valued(name, one[1]), valued(name, other[1]))
            if found:
                return -found if down else found
        return 0

    return [each for _, each in sorted(enumerate(things), key=functools.cmp_to_key(compare))]


ORDERS = [*POOLS, "id", "initial"]
FITTING: list[list[tuple[str, bool]]] = [
    [("age", False)],
    [("age", True)],
    [("seen", True)],
    [("seen", False)],
    [("made", True)],
    [("made", False)],
    [("city", False), ("seen", True)],
    [("price", True), ("age", False)],
    [("name", True)],
    [("weight", False)],
    [("weight", True)],
    [("took", True)],
    [("took", False)],
    [("size", False), ("id", True)],
]


def terms_of_numbers(chance: random.Random) -> list[tuple[str, bool]]:
    """An order by scores or by key."""
    first = [(name, chance.random() < 0.5) for name in chance.choices([*SCORES, ""]) if name]
    return [*first, *[("id", chance.random() < 0.5)][: chance.randrange(2)]]


def terms(chance: random.Random) -> list[tuple[str, bool]]:
    """An order; often one that an index has."""
    if chance.random() < 0.3:
        return []
    if chance.random() < 0.5:
        return chance.choice(FITTING)
    names = chance.sample(ORDERS, chance.randint(1, 3))
    return [(name, chance.random() < 0.5) for name in names]


# --- queries -----------------------------------------------------------------------------------

VERBS = ["all", "all", "count", "first", "exists", "keys", "values", "page"]
VALUES = ("text", "id", "marks", "initial")


@attrs.frozen
class Asked:
    """A random query: how it is said, and what it should answer."""

    cls: type
    where: Condition | None
    terms: list[tuple[str, bool]]
    limit: int | None
    offset: int
    scan: bool
    verb: str
    size: int

    def said(self, door: Any) -> Any:
        """The query on a store or a unit."""
        mapper = REGISTRY.mapper_for(self.cls)
        query = door.query(mapper)
        if self.where is not None:
            query = query.where(self.where.of(mapper))
        fields = ((getattr(mapper, name), down) for name, down in self.terms)
        query = query.order_by(*(field.desc() if down else field.asc() for field, down in fields))
        if self.verb != "page":
            query = query.limit(self.limit).offset(self.offset)
        return query.allow_scan() if self.scan else query

    def run(self, door: Any) -> Any:
        """What a store or a unit answers, in words that are the same everywhere."""
        query = self.said(door)
        if self.verb == "page":
            return [shown(each) for each in pages(query, self.size)]
        if self.verb == "values":
            mapper = REGISTRY.mapper_for(self.cls)
            found = query.values(*(getattr(mapper, name) for name in VALUES))
            return [told(each) for each in found]
        found = getattr(query, self.verb)()
        if self.verb == "all":
            return [shown(each) for each in found]
        return shown(found) if self.verb == "first" and found is not None else found

    def expected(self, things: list[Any]) -> Any:
        """What it should answer of these."""
        matching = [each for each in things if self.where is None or self.where.holds(each)]
        rows = sorted_by(matching, self.terms)
        if self.verb == "page":
            return [shown(each) for each in rows]
        end = None if self.limit is None else self.offset + self.limit
        rows = rows[self.offset : end]
        return {
            "all": lambda: [shown(each) for each in rows],
            "count": lambda: len(rows),
            "exists": lambda: bool(rows),
            "first": lambda: shown(rows[0]) if rows else None,
            "keys": lambda: [each.id for each in rows],
            "values": lambda: [
                told((each.text, each.id, each.marks, each.text[:1] or None)) for each in rows
            ],
        }[self.verb]()


def pages(query: Any, size: int) -> list[Any]:
    """All rows, page by page."""
    rows: list[Any] = []
    token = None
    for _ in itertools.count():
        page = query.page(size, after=token)
        assert len(page.items) == size or page.next is None
        rows += page.items
        token = page.next
        if token is None:
            return rows
    return rows


def told(values: tuple[Any, ...]) -> list[Any]:
    """Values that compare, whatever the order of a set."""
    return [sorted(each) if isinstance(each, set) else each for each in values]


def shown(thing: Any) -> str:
    """An object, told apart from every other."""
    return f"{type(thing).__name__}({thing.id!r}, {thing.text[:3]!r}, {thing.age!r})"


def random_query(chance: random.Random) -> Asked:
    """Any query; a third of them are such as entries alone may tell."""
    cls, plain_one = chance.choice(CLASSES), chance.random() < 0.35
    where = None
    if chance.random() < 0.95:
        where = told_by_entries(chance) if plain_one else tree(chance, cls, 3)
    return Asked(
        cls=cls,
        where=where,
        terms=terms_of_numbers(chance) if plain_one and chance.random() < 0.9 else terms(chance),
        limit=chance.choice([None, None, 0, 1, 3, 10]),
        offset=chance.choice([0, 0, 0, 1, 2, 7]),
        scan=chance.random() < 0.9,
        verb=chance.choice(VERBS),
        size=chance.choice([2, 10, 30]),
    )


# --- things ------------------------------------------------------------------------------------


def random_thing(chance: random.Random, cls: type, key: Any) -> Any:
    """Any thing; codes are unique, so they come from the key."""
    said = {name: chance.choice(pool) for name, pool in POOLS.items()}
    said["code"] = None
    tags = chance.choices(TAGS, k=chance.randrange(4))
    marks = None if chance.random() < 0.2 else set(chance.choices(MARKS, k=chance.randrange(3)))
    return cls(**said, tags=tags, marks=marks, meta=chance.choice([None, {}, {"a": 1}]), id=key)


def population(seed: int) -> list[Any]:
    """The stored things."""
    chance = random.Random(seed)
    things = [
        random_thing(chance, cls, key) for cls in CLASSES for key in chance.sample(KEYS[cls], 70)
    ]
    for cls in CLASSES:
        mine = [each for each in things if type(each) is cls]
        for thing, code in zip(chance.sample(mine, 4), POOLS["code"][1:], strict=True):
            thing.code = code
    return things


def disturb(chance: random.Random, unit: Any, things: list[Any]) -> list[Any]:
    """Change, delete and add things in a unit; what there is for it afterwards."""
    after = []
    for thing in things:
        what = chance.randrange(14)
        if what == 0:
            unit.delete_by_key(type(thing), thing.id)
            continue
        if what == 1:
            mine = unit.require(type(thing), thing.id)
            other = random_thing(chance, type(thing), None)
            for name in ("city", "age", "seen", "made", "text", "tags", "name", "ratio", "price"):
                setattr(mine, name, getattr(other, name))
            after.append(mine)
        else:
            after.append(thing)
    after += [unit.add(random_thing(chance, Numbered, None)) for _ in range(4)]
    free = [key for key in KEYS[Named] if all(key != each.id for each in things)]
    named = [unit.add(random_thing(chance, Named, key)) for key in chance.sample(free, 3)]
    return after + named
