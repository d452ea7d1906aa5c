"""The whole unit of work as a state machine: memory held against Lua, and Lua against its records.

Two *worlds*, a memory store and a store on a server, live through the same steps. Each has two
stores over one partition and a unit on each store, so that every commit may find that the other
unit was there before. What a step gives (results, states, errors with all they say, and what
handlers of events are told) must be the same in both worlds. After every commit the partition on
the server is compared with one rebuilt from its records alone (`rebuild`), and a commit that failed
must have left the data as it was.

Without further words the same cases are run each time, on one server. `HYPOTHESIS_PROFILE=long`
looks for new ones, on every server, in `STATE_MACHINE_ROUNDS` of `STATE_MACHINE_EXAMPLES` each.
"""

from __future__ import annotations

import copy
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import attrs
import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rebuild import complaints, data_of, read_partition
from redmapper import (
    Computed,
    Conflict,
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    MemoryIndexStrategy,
    Ordered,
    RedmapperError,
    Store,
    Unique,
    UnitOfWork,
)
from redmapper.work.flush import Flush
from servers import Pool, Server, find_servers

# --- what is stored ----------------------------------------------------------------------------


@attrs.define
class Thing:
    """What the entities of all three policies have in common."""

    email: str | None = None
    shelf: str | None = None
    slot: int | None = None
    city: str | None = None
    tags: list[str] = attrs.field(factory=list)
    age: int | None = 7
    name: str = ""
    text: str = ""
    price: Decimal | None = None
    seen: datetime | None = None
    meta: dict[str, list[int]] = attrs.field(factory=dict)


@attrs.define
class Strict(Thing):
    """Any change by somebody else is a conflict; keys from a sequence."""

    id: int | None = None


@attrs.define
class Merging(Thing):
    """Disjoint edits both land; keys of any text."""

    id: str = ""


@attrs.define
class Lasting(Thing):
    """The last write wins; keys of a fixed length."""

    id: UUID = attrs.field(factory=lambda: UUID(int=0))


def mapper_of(domain: type, key: Key[Any], conflict: str) -> type[Mapper[Any]]:
    """A mapper with every kind of index there is, the same for each class."""

    class Described(Mapper[domain], conflict=conflict):  # type: ignore[valid-type]
        id = key
        email = Field[str | None](norm=str.casefold)
        shelf = Field[str | None]()
        slot = Field[int | None]()
        city = Field[str | None]()
        tags = Field[list[str]]()
        age = Field[int | None]()
        name = Field[str](norm=str.casefold)
        text = Field[str]()
        price = Field[Decimal | None]()
        seen = Field[datetime | None]()
        initial = Computed[str | None](lambda thing: thing.text[:1] or None)
        many = Computed[int](lambda thing: len(thing.tags) + (thing.slot or 0))

        by_email = Unique(email)
        by_place = Unique(shelf, slot, nulls=True)
        by_city = Lookup(city)
        by_tag = Lookup(tags)
        by_city_tag = Lookup(city, tags)
        by_initial = Lookup(initial)
        by_name = Ordered(name)
        by_text = Ordered(text)
        by_city_age = Ordered(city, age.desc())
        by_price_seen = Ordered(price.desc(), seen)
        by_many = Ordered(many.desc())

    Described.__name__ = f"{domain.__name__}s"
    return Described


REGISTRY = MapperRegistry(
    mapper_of(Strict, Key[int](), "version"),
    mapper_of(Merging, Key[str](), "fields"),
    mapper_of(Lasting, Key[UUID](), "overwrite"),
)
CLASSES = (Strict, Merging, Lasting)

# --- what may stand in a field -----------------------------------------------------------------

EAST, WEST = timezone(timedelta(hours=5)), timezone(timedelta(hours=-8))
LENGTHS = (0, 1, 63, 64, 65, 127, 128, 129, 192, 511, 512, 513, 600)
POOLS: dict[str, list[Any]] = {
    "email": [None, "a@x", "A@X", "b@x", "ss@x", "ß@x", "c" * 70 + "@X"],
    "shelf": [None, "a", "a|b", "a\0", "ä"],
    "slot": [None, 1, 2, -3],
    "city": [None, "", "Rom", "Rom\0", "ÖÖ"],
    "tags": [[], ["x"], ["x", "y"], ["y", "x", "y"], ["x\0", ""], ["t" * 300]],
    "age": [None, 0, 7, -7, 10**30, 2**53, 2**53 + 1],
    "name": ["", "Bo", "bo", "BO", "ß", "SS", "N" * 64, "N" * 65, "n" * 65, "É" * 40],
    "text": [
        *("t" * length for length in LENGTHS),
        "é" * 32,
        "u" * 128,
        "\0",
        "🙂" * 130,
        "\ud800",
    ],
    "price": [None, Decimal("1.0"), Decimal("1.00"), Decimal(-2), Decimal("1E+40"), Decimal(0)],
    "seen": [
        None,
        datetime(2020, 1, 1),
        datetime(2020, 1, 1, 0, 0, 0, 1),
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2020, 1, 1, 5, tzinfo=EAST),
        datetime(2019, 12, 31, 17, tzinfo=WEST),
    ],
    "meta": [{}, {"a": []}, {"a": [1], "b": []}, {"b": [2**60] * 30}],
}
KEYS: dict[type, list[Any]] = {
    Strict: [None, None, 1, 2, 3, 11, 200, 0, -5, 2**60],
    Merging: ["", "a", "a:1", "{x}", "ä\0b"],
    Lasting: [UUID(int=0), UUID(int=1), UUID(int=2**127)],
}
HIDDEN_FROM_QUERIES = ("meta",)

_drawn = {name: st.sampled_from(pool) for name, pool in POOLS.items() if name != "text"}
_drawn["text"] = st.sampled_from(POOLS["text"][:-1])  # the surrogate is for edits
values = st.one_of(
    st.fixed_dictionaries(dict(_drawn)),
    st.fixed_dictionaries(
        {name: _drawn.pop(name) for name in ("shelf", "slot")},
        optional=_drawn,
    ),
)
edited = st.lists(
    st.sampled_from(sorted(POOLS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(POOLS[name]))
    ),
    min_size=1,
    max_size=3,
)
units = st.integers(0, 1)
classes = st.sampled_from(CLASSES)
placed = classes.flatmap(lambda cls: st.tuples(st.just(cls), st.sampled_from(KEYS[cls])))

# --- queries -----------------------------------------------------------------------------------

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda field, value: field == value,
    "!=": lambda field, value: field != value,
    "<": lambda field, value: field < value,
    "<=": lambda field, value: field <= value,
    ">": lambda field, value: field > value,
    ">=": lambda field, value: field >= value,
}
"""Of a field and one value."""

SCALARS = {name: pool for name, pool in POOLS.items() if name not in ("tags", "meta")} | {
    "initial": [None, "t", "u", "é"],
    "many": [0, 1, 2, 5],
}


@attrs.frozen
class Condition:
    """A condition that can be said to the mapper of any class."""

    name: str
    operator: str
    value: Any

    def of(self, mapper: Any) -> Any:
        """The predicate."""
        field = getattr(mapper, self.name)
        if self.operator in COMPARISONS:
            return COMPARISONS[self.operator](field, self.value)
        return getattr(field, self.operator)(*self.value)


def _conditions(name: str) -> st.SearchStrategy[Condition]:
    pool = SCALARS[name]
    one = st.sampled_from([value for value in pool if value is not None])
    choices = [
        st.builds(Condition, st.just(name), st.sampled_from(sorted(COMPARISONS)), one),
        st.builds(Condition, st.just(name), st.just("between"), st.tuples(one, one)),
        st.builds(
            Condition,
            st.just(name),
            st.just("in_"),
            st.tuples(st.lists(st.sampled_from(pool), max_size=3)),
        ),
        st.builds(Condition, st.just(name), st.sampled_from(["is_none", "not_none"]), st.just(())),
    ]
    if all(isinstance(value, str) for value in pool if value is not None):
        parts = one.map(lambda text: (text[: (len(text) + 1) // 2],))
        verbs = st.sampled_from(["startswith", "contains", "endswith"])
        choices.append(st.builds(Condition, st.just(name), verbs, parts))
        patterns = st.sampled_from([("*",), ("?o",), ("t*t",), ("*m?",), ("?",)])
        choices.append(st.builds(Condition, st.just(name), st.just("like"), patterns))
    return st.one_of(choices)


tags = st.sampled_from(["x", "y", "", "x\0", "t" * 300])
has = st.one_of(
    st.builds(Condition, st.just("tags"), st.just("has"), st.tuples(tags)),
    st.builds(
        Condition,
        st.just("tags"),
        st.sampled_from(["has_any", "has_all"]),
        st.tuples(st.lists(tags, max_size=3)),
    ),
)
conditions = st.one_of(has, st.sampled_from(sorted(SCALARS)).flatmap(_conditions))
TERMS: list[list[tuple[str, bool]]] = [
    [],
    [("id", True)],
    [("name", False)],
    [("text", True)],
    [("city", False), ("age", True)],
    [("city", True), ("age", False)],
    [("age", True)],
    [("price", True), ("seen", False)],
    [("price", False), ("seen", True)],
    [("seen", False)],
    [("many", True)],
    [("many", False), ("name", True)],
    [("city", False), ("id", True)],
]
COMBINATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "and": lambda first, second: first & second,
    "or": lambda first, second: first | second,
    "and not": lambda first, second: first & ~second,
}


@attrs.frozen
class Asked:
    """A query that can be said to the mapper of any class."""

    conditions: list[Condition]
    combination: str
    terms: list[tuple[str, bool]]
    limit: int | None
    offset: int
    scan: bool
    verb: str

    def of(self, door: Any, mapper: Any) -> Any:
        """The query, run."""
        query = door.query(mapper).limit(self.limit).offset(self.offset)
        if self.conditions:
            predicates = [condition.of(mapper) for condition in self.conditions]
            whole = predicates[0]
            for each in predicates[1:]:
                whole = COMBINATIONS[self.combination](whole, each)
            query = query.where(whole)
        terms = [(getattr(mapper, name), down) for name, down in self.terms]
        query = query.order_by(*(field.desc() if down else field for field, down in terms))
        query = query.allow_scan() if self.scan else query
        if self.verb == "values":
            return query.values(mapper.id, mapper.tags, mapper.many)
        if self.verb == "pages":
            return pages(query.limit(None).offset(0))
        return getattr(query, self.verb)()


def pages(query: Any) -> list[Any]:
    """All rows, two at a time."""
    page = query.page(2)
    rows = [*page.items]
    while page.next is not None:
        page = query.page(2, after=page.next)
        rows += page.items
    return rows


queries = st.builds(
    Asked,
    conditions=st.lists(conditions, max_size=3),
    combination=st.sampled_from(sorted(COMBINATIONS)),
    terms=st.sampled_from(TERMS),
    limit=st.sampled_from([None, None, 0, 1, 3]),
    offset=st.sampled_from([0, 0, 0, 1, 2]),
    scan=st.booleans(),
    verb=st.sampled_from(
        [
            *("all", "all", "all", "count", "count", "first", "one_or_none"),
            *("exists", "keys", "values", "pages"),
        ]
    ),
)

WAYS: dict[str, Callable[[UnitOfWork, type, Any, dict[str, Any]], Any]] = {
    "key": lambda unit, cls, *_: unit.get(cls, KEYS[cls][2]),
    "another key": lambda unit, cls, *_: unit.get(cls, KEYS[cls][-1]),
    "keys, one twice": lambda unit, cls, *_: unit.get_many(cls, [*KEYS[cls][2:], KEYS[cls][2]]),
    "email": lambda unit, _, mapper, said: unit.get_by(mapper.by_email, said.get("email")),
    "place": lambda unit, _, mapper, said: unit.get_by(
        mapper.by_place, said["shelf"], said["slot"]
    ),
}
"""How an entity can be got; a value of None exempts from by_email, not from by_place."""

# --- the worlds --------------------------------------------------------------------------------


@attrs.define(eq=False)
class World:
    """Two stores over one partition, a unit on each, and the objects that came up so far.

    An object is known by its number; the same steps number the objects of both worlds alike.
    """

    stores: list[Store]
    heard: list[Any]
    units: list[UnitOfWork] = attrs.field(init=False)
    objects: list[Any] = attrs.field(factory=list)
    numbers: dict[int, int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.units = [store.unit() for store in self.stores]
        for unit in self.units:
            unit.__enter__()

    def close(self) -> None:
        """End everything."""
        for unit in self.units:
            unit.rollback()
            unit.__exit__(None, None, None)
        for store in self.stores:
            store.close()

    def number(self, obj: Any) -> int:
        """The number of an object, a new one where it has none yet."""
        if id(obj) not in self.numbers:
            self.numbers[id(obj)] = len(self.objects)
            self.objects.append(obj)
        return self.numbers[id(obj)]

    def named(self, result: Any) -> Any:
        """A result in words that are the same in both worlds."""
        if isinstance(result, Thing):
            return (self.number(result), plain(result))
        if isinstance(result, list):
            return [self.named(each) for each in result]
        return result

    def tried(self, act: Callable[[World], Any]) -> tuple[str, Any]:
        """What a step gives: its result, or its error."""
        try:
            return ("done", self.named(act(self)))
        except RedmapperError as error:
            return ("refused", self.said(error))

    def tracking(self, obj: Any, otherwise: int) -> UnitOfWork:
        """The unit that tracks an object, or another one."""
        return next((each for each in self.units if obj in each), self.units[otherwise])

    def meant(self, unit: int) -> list[tuple[Any, str]]:
        """The objects of which a commit of a unit would write something, and their states."""
        try:
            states = [self.units[unit].state(each) for each in self.objects]
        except RedmapperError:  # a value that can not be stored: the commit will say so
            return []
        pending = {"new", "dirty", "deleted"}
        return [each for each in zip(self.objects, states, strict=True) if each[1] in pending]

    def check(self, changed: list[tuple[Any, str]]) -> None:
        """After a commit: what was written stands in the store, what was deleted is gone.

        Not so where `Merging` and `Lasting` were changed: what somebody else has written in other
        fields stands beside that.
        """
        kept = {(type(obj), obj.id) for obj, state in changed if state != "deleted"}
        for obj, state in changed:
            if state == "deleted":
                here = (type(obj), obj.id) in kept
                assert here or self.stores[0].get(type(obj), obj.id) is None
            elif state == "new" or not isinstance(obj, (Merging, Lasting)):
                assert plain(obj) == plain(self.stores[0].get(type(obj), obj.id))

    def said(self, error: RedmapperError) -> Any:
        """All that an error says."""
        facts: list[Any] = [type(error).__name__, str(error)]
        if isinstance(error, Conflict):
            assert error is error.violations[0]
            facts += [self._violation(each) for each in error.violations]
        return facts

    def _violation(self, error: Conflict) -> dict[str, Any]:
        assert error.args
        assert not hasattr(error, "__notes__")
        facts = {name: value for name, value in vars(error).items() if name != "violations"}
        number = None if error.obj is None else self.number(error.obj)
        shown = {name: plain(value) for name, value in facts.items()}
        return shown | {"type": type(error).__name__, "said": str(error), "obj": number}


def plain(value: Any) -> Any:
    """An entity as a dictionary, its class beside it; anything else as it is."""
    if isinstance(value, Thing):
        return {"class": type(value).__name__, **attrs.asdict(value)}
    return value


EVENTS: dict[str, Callable[[Any], Any]] = {
    "loaded": plain,
    "before_commit": lambda unit: len(unit.changes()),
    "before_insert": plain,
    "before_update": plain,
    "before_delete": plain,
    "planned": lambda plan: [len(part) for part in plan],
    "after_insert": plain,
    "after_update": plain,
    "after_delete": plain,
    "committed": lambda result: [
        (each.kind, each.key, plain(each.base), each.fields) for each in result.changes
    ],
    "failed": lambda error: type(error).__name__,
    "rolled_back": lambda _: None,
}
"""What is noted of each event."""


def listening() -> tuple[MapperRegistry, list[Any]]:
    """The same mappers in a registry of one world, and what its handlers were told."""
    registry, heard = MapperRegistry(*(mapped.mapper for mapped in REGISTRY)), []
    for event, note in EVENTS.items():
        registry.on(event, partial(_hear, heard, event, note))
    return registry, heard


def _hear(heard: list[Any], event: str, note: Callable[[Any], Any], what: Any) -> None:
    try:
        heard.append((event, copy.deepcopy(note(what))))
    except RedmapperError as error:  # before_commit of what can not be stored
        heard.append((event, str(error)))


LISTENING = (listening(), listening())


def rekey(_: UnitOfWork, obj: Any) -> None:
    """Set a key to what it is not, which a commit refuses; setting it back mends it."""
    if isinstance(obj, Merging):
        obj.id = obj.id.removesuffix("!") if "!" in obj.id else obj.id + "!"


RARELY: dict[str, Callable[[UnitOfWork, Any], None]] = {
    "refresh": lambda unit, obj: unit.refresh(obj),
    "untrack": lambda unit, obj: unit.untrack(obj),
    "rollback": lambda unit, _: unit.rollback(),
    "rekey": rekey,
}


class Machine(RuleBasedStateMachine):
    """The steps, each taken in both worlds."""

    url: str
    registry = REGISTRY
    listening = LISTENING
    numbers = itertools.count()
    objects = Bundle("objects")

    def __init__(self) -> None:
        super().__init__()
        namespace = f"machine-{os.getpid()}-{next(self.numbers)}"
        self.tag = b"{%b}" % namespace.encode()
        self.client = redis.Redis.from_url(self.url)
        memory = MemoryIndexStrategy()
        self.worlds = [
            World([Store(registry, *where, **options) for _ in range(2)], heard)
            for (registry, heard), where, options in zip(
                self.listening,
                ((), (self.url,)),
                ({"strategy": memory, "namespace": namespace}, {"namespace": namespace}),
                strict=True,
            )
        ]
        for _, heard in self.listening:
            heard.clear()
        self.data: Any = {}
        self.steps = 0  # since the last commit
        self.landed = True  # whether that was not refused

    def teardown(self) -> None:
        """Nothing but bookkeeping is left of a partition whose entities are gone."""
        try:
            for world in self.worlds:
                world.close()
            keys = list(self.client.scan_iter(match=self.tag + b"*", count=10_000))
            assert not [key for key in keys if b"#lane/" in key]
            if keys:
                self.client.delete(*keys)
        finally:
            self.client.close()

    def both(self, act: Callable[[World], Any]) -> tuple[str, Any]:
        """Take a step in both worlds, and hold what it gives against each other."""
        in_memory, on_server = (world.tried(act) for world in self.worlds)
        assert in_memory == on_server
        heard = [world.heard for world in self.worlds]
        assert heard[0] == heard[1]
        for each in heard:
            each.clear()
        self.steps += 1
        return on_server

    def fresh(self, act: Callable[[World], Any]) -> Any:
        """The same for a step that may bring new objects."""
        before = len(self.worlds[0].objects)
        self.both(act)
        after = len(self.worlds[0].objects)
        assert after == len(self.worlds[1].objects)
        return multiple(*range(before, after))

    # --- registering ---

    @initialize(target=objects, seed=st.integers(0, 2**16), count=st.integers(0, 12))
    def begin(self, seed, count):
        """Some entities to begin with: those that do not claim what others have."""
        chance = random.Random(seed)
        for _ in range(count):
            cls = chance.choice(CLASSES)
            key = chance.choice(KEYS[cls])
            said = {name: chance.choice(pool[:-1]) for name, pool in POOLS.items()}
            self.both(lambda world, c=cls, k=key, s=said: world.units[0].add(thing(c, k, s)))
            outcome, _ = self.both(lambda world: world.units[0].commit())
            if outcome == "refused":
                self.both(lambda world: world.units[0].rollback())
        self.commit(0)
        return multiple(*range(len(self.worlds[0].objects)))

    @rule(target=objects, unit=units, at=placed, said=values)
    def add(self, unit, at, said):
        """Add an object, perhaps under a key that is taken."""
        return self.fresh(lambda world: world.units[unit].add(thing(*at, said)))

    @rule(unit=units, number=objects)
    def add_again(self, unit, number):
        """Add an object that was there before: deleted, rolled back, or another unit's."""
        self.both(lambda world: world.units[unit].add(world.objects[number]))

    @rule(target=objects, unit=units, at=placed, said=values, version=st.sampled_from([None, "no"]))
    def put(self, unit, at, said, version):
        """Write over whatever stands there, or over a version that never was."""
        return self.fresh(lambda world: world.units[unit].put(thing(*at, said), version))

    @rule(target=objects, number=objects, units=st.permutations([0, 1]), said=values)
    def put_over(self, number, units, said):
        """Write a copy over the version that the unit knows which tracks the object."""

        def act(world):
            obj = world.objects[number]
            theirs = world.tracking(obj, units[0])
            return world.units[units[1]].put(changed(obj, said), theirs.version_of(obj))

        return self.fresh(act)

    @rule(target=objects, unit=units, number=objects, said=values)
    def replace(self, unit, number, said):
        """Let a changed copy take an object's place."""

        def act(world):
            obj = world.objects[number]
            return world.tracking(obj, unit).replace(obj, changed(obj, said))

        return self.fresh(act)

    @rule(unit=units, number=objects)
    def delete(self, unit, number):
        """Delete an object, tracked or not."""
        self.both(lambda world: world.units[unit].delete(world.objects[number]))

    @rule(unit=units, at=placed)
    def delete_by_key(self, unit, at):
        """Delete what stands under a key."""
        cls, key = at
        self.both(lambda world: world.units[unit].delete_by_key(cls, 1 if key is None else key))

    @rule(unit=units, number=objects)
    def guard(self, unit, number):
        """Have the next commit check what the unit has read, whatever it does with it."""

        def act(world):
            obj = world.objects[number]
            return world.tracking(obj, unit).guard(obj)

        self.both(act)

    @rule(target=objects, unit=units, at=placed, said=values)
    def get_or_add(self, unit, at, said):
        """The owner of a place, or a new object with it."""
        cls, _ = at
        by_place = self.registry.mapper_for(cls).by_place
        place = (said["shelf"], said["slot"])
        return self.fresh(
            lambda world: world.units[unit].get_or_add(
                by_place, *place, factory=lambda: thing(*at, said)
            )
        )

    # --- changing ---

    @rule(number=objects, edits=edited)
    def edit(self, number, edits):
        """Set attributes."""
        self.steps += 1
        for world in self.worlds:
            set_all(world.objects[number], edits)

    @rule(number=objects, tag=st.sampled_from(["x", "z", "", None]), name=st.sampled_from("ac"))
    def mutate(self, number, tag, name):
        """Change what is inside of attributes, or empty it."""
        self.steps += 1
        for world in self.worlds:
            thing = world.objects[number]
            if tag is None:
                thing.tags.clear()
                thing.meta.pop(name, None)
            else:
                thing.tags.append(tag)
                thing.meta.setdefault(name, []).append(len(thing.tags))

    @rule(first=objects, second=objects, swap=st.booleans())
    def hand_over(self, first, second, swap):
        """Unique values go from one object to another, or are swapped."""
        self.steps += 1
        for world in self.worlds:
            one, two = world.objects[first], world.objects[second]
            if swap:
                one.email, two.email = two.email, one.email
                one.shelf, two.shelf = two.shelf, one.shelf
                one.slot, two.slot = two.slot, one.slot
            elif one is not two:
                one.email, two.email = two.email, None

    # --- reading ---

    @rule(target=objects, unit=units, cls=classes, said=values, way=st.sampled_from(sorted(WAYS)))
    def get(self, unit, cls, said, way):
        """Get by keys, or by a unique value."""
        mapper = self.registry.mapper_for(cls)
        return self.fresh(lambda world: WAYS[way](world.units[unit], cls, mapper, said))

    @rule(target=objects, unit=units, cls=classes, asked=queries)
    def query(self, unit, cls, asked):
        """A query on a unit, which sees what is pending there."""
        mapper = self.registry.mapper_for(cls)
        return self.fresh(lambda world: asked.of(world.units[unit], mapper))

    @rule(store=units, cls=classes, asked=queries)
    def query_the_store(self, store, cls, asked):
        """A query on a store, which gives objects of nobody."""

        def act(world):
            found = asked.of(world.stores[store], self.registry.mapper_for(cls))
            return [plain(each) for each in found] if isinstance(found, list) else plain(found)

        self.both(act)

    @rule(unit=units)
    def look(self, unit):
        """What a unit says of its objects and its changes."""

        def act(world):
            objects, asked = world.objects, world.units[unit]
            changes = [
                (each.kind, plain(each.key), plain(each.base), sorted(each.fields.items()))
                for each in asked.changes()
            ]
            return [[asked.state(each) for each in objects], changes]

        self.both(act)

    # --- ending ---

    @rule(store=units, number=objects, edits=edited, gone=st.booleans())
    def interfere(self, store, number, edits, gone):
        """Somebody else writes what one of our objects stands for, or deletes it."""

        def act(world):
            mine = world.objects[number]
            with world.stores[store].unit() as unit:
                theirs = None if mine.id is None else unit.get(type(mine), mine.id)
                if theirs is None:
                    unit.add(changed(mine, dict(edits)))
                elif gone:
                    unit.delete(theirs)
                else:
                    set_all(theirs, edits)

        self.both(act)
        self.audit()

    @precondition(lambda self: self.steps)
    @rule(unit=units)
    def commit(self, unit):
        """Write everything, or nothing; afterwards nothing is pending and all indexes are right."""
        meant = [world.meant(unit) for world in self.worlds]
        outcome, _ = self.both(lambda world: world.units[unit].commit())
        self.steps, self.landed = 0, outcome == "done"
        if not self.landed:
            assert self.data == data_of(read_partition(self.client, self.tag), self.tag)
            return
        for world, changed in zip(self.worlds, meant, strict=True):
            world.check(changed)
            assert [] == world.units[unit].changes()
            states = {world.units[unit].state(each) for each in world.objects}
            assert states <= {"clean", "untracked"}
        self.audit()

    def audit(self):
        """Every index is what the records say, and the records are what memory has."""
        assert [] == complaints(self.client, self.tag, self.registry, lanes=2)
        self.data = data_of(read_partition(self.client, self.tag), self.tag)
        for cls in CLASSES:
            self.both(lambda world, c=cls: [plain(each) for each in world.stores[0].query(c)])

    @rule(unit=units, number=objects, verb=st.sampled_from(sorted(RARELY)))
    def rarely(self, unit, number, verb):
        """Load an object anew, forget it or everything, or change its key."""
        self.both(lambda world: RARELY[verb](world.units[unit], world.objects[number]))


# --- plain mappers -----------------------------------------------------------------------------


def plain_mapper_of(domain: type, key: Key[Any]) -> type[Mapper[Any]]:
    """A mapper of which nothing is out of the ordinary, with an index of each kind."""

    class Described(Mapper[domain]):  # type: ignore[valid-type]
        id = key
        email = Field[str | None]()
        shelf = Field[str | None]()
        slot = Field[int | None]()
        city = Field[str | None]()
        tags = Field[list[str]]()
        age = Field[int | None]()
        name = Field[str]()
        text = Field[str]()
        price = Field[Decimal | None]()
        seen = Field[datetime | None]()

        by_email = Unique(email)
        by_place = Unique(shelf, slot)
        by_city_tag = Lookup(city, tags)
        by_name = Ordered(name)
        by_city_age = Ordered(city, age.desc())

    Described.__name__ = f"Plain{domain.__name__}s"
    return Described


PLAIN = MapperRegistry(
    plain_mapper_of(Strict, Key[int]()),
    plain_mapper_of(Merging, Key[str]()),
    plain_mapper_of(Lasting, Key[UUID]()),
)
COMPUTED = ("initial", "many")


def without_computed(asked: Asked) -> Asked:
    """A query that names nothing which plain mappers do not have."""
    return attrs.evolve(
        asked,
        conditions=[each for each in asked.conditions if each.name not in COMPUTED],
        terms=[term for term in asked.terms if term[0] not in COMPUTED],
        verb="all" if asked.verb == "values" else asked.verb,
    )


plain_queries = queries.map(without_computed)

MORE_KEYS: dict[type, list[Any]] = {  # so that a list seldom has one that is taken
    Strict: list(range(20, 60)),
    Merging: [f"k{number}" for number in range(40)],
    Lasting: [UUID(int=number) for number in range(20, 60)],
}
LOOSE = {name: pool for name, pool in POOLS.items() if name not in ("shelf", "slot")}
"""What several objects may be given at once, so that the commit lands more often than not."""

loosely_edited = st.lists(
    st.sampled_from(sorted(LOOSE)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(LOOSE[name]))
    ),
    min_size=1,
    max_size=3,
)
lists_of_one_class = classes.flatmap(
    lambda cls: st.tuples(
        st.just(cls),
        st.dictionaries(
            st.sampled_from(MORE_KEYS[cls]), loosely_edited.map(dict), min_size=1, max_size=4
        ),
    )
)


class PlainMachine(Machine):
    """The same without handlers, over mappers whose commits take the short ways."""

    registry = PLAIN
    listening = ((PLAIN, []), (PLAIN, []))
    objects = Machine.objects
    edits_of_several = st.lists(st.tuples(objects, loosely_edited), min_size=2, max_size=5)

    @rule(
        target=objects, unit=units, listed=lists_of_one_class, again=st.lists(objects, max_size=2)
    )
    def add_all(self, unit, listed, again):
        """Add a list of new objects, and perhaps of some that were there before."""
        cls, made = listed

        def act(world):
            new = [thing(cls, *each) for each in made.items()]
            return world.units[unit].add_all([*(world.objects[each] for each in again), *new])

        return self.fresh(act)

    @rule(target=objects, unit=units, edits=edits_of_several)
    def edit_and_commit(self, unit, edits):
        """Commit changes of several objects together."""
        found = self.load_and_edit(unit, edits)
        self.commit(unit)
        if not self.landed:
            self.both(lambda world: world.units[unit].rollback())
        return found

    @rule(target=objects, unit=units, edits=edits_of_several)
    def edit_and_end(self, unit, edits):
        """The same with the commit at the end of a block."""
        found = self.load_and_edit(unit, edits)
        self.end(unit)
        return found

    def load_and_edit(self, unit, edits):
        """Load what several objects stand for, and change it."""

        def act(world):
            said = [(world.objects[number], each) for number, each in edits]
            loaded = [
                (world.units[unit].get(type(obj), obj.id), each)
                for obj, each in said
                if obj.id is not None
            ]
            found = [(obj, each) for obj, each in loaded if obj is not None]
            for obj, each in found:
                set_all(obj, each)
            return [obj for obj, _ in found]

        return self.fresh(act)

    @precondition(lambda self: self.steps)
    @rule(unit=units)
    def end(self, unit):
        """End the block of a unit, and begin another."""

        def act(world):
            try:
                world.units[unit].__exit__(None, None, None)
            finally:
                world.units[unit].__enter__()

        outcome, _ = self.both(act)
        self.steps, self.landed = 0, outcome == "done"
        self.audit()

    @rule(target=objects, unit=units, cls=classes, asked=plain_queries)
    def query(self, unit, cls, asked):
        """As before, without Computed values."""
        return super().query(unit, cls, asked)

    @rule(store=units, cls=classes, asked=plain_queries)
    def query_the_store(self, store, cls, asked):
        """As before, without Computed values."""
        super().query_the_store(store, cls, asked)


def thing(cls: type, key: Any, said: dict[str, Any]) -> Any:
    """A new object; each world has its own."""
    made = cls(**copy.deepcopy(said))
    made.id = key
    return made


def set_all(obj: Any, edits: list[tuple[str, Any]]) -> None:
    """Set attributes, to values that no other object holds."""
    for name, value in edits:
        setattr(obj, name, copy.deepcopy(value))


def changed(obj: Any, said: dict[str, Any]) -> Any:
    """A copy with other values."""
    return attrs.evolve(copy.deepcopy(obj), **copy.deepcopy(said))


# --- the tests ---------------------------------------------------------------------------------

FOUND = find_servers()
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "300"))
ROUNDS = int(os.environ.get("STATE_MACHINE_ROUNDS", "10")) if LONG else 1
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("name", sorted(FOUND) if LONG else sorted(FOUND)[-1:])
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_both_worlds_agree_and_indexes_are_what_the_records_say(pool: Pool, name: str, turn: int):
    """Whatever a program does, memory and Lua do the same, and no index is ever wrong."""
    machine = type(f"Machine{turn}", (Machine,), {"url": pool.get(FOUND[name]).url})
    run_state_machine_as_test(machine, settings=SETTINGS)


@pytest.mark.parametrize("name", sorted(FOUND) if LONG else sorted(FOUND)[-1:])
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_both_worlds_agree_on_plain_mappers(
    pool: Pool, name: str, turn: int, monkeypatch: pytest.MonkeyPatch
):
    """The same holds for the short ways of a commit: of one object alone, and of plain ones."""
    taken: Counter[str] = Counter()
    for way in ("_write_lone", "_write_plain"):
        monkeypatch.setattr(Flush, way, counted(taken, way, getattr(Flush, way)))
    machine = type(f"PlainMachine{turn}", (PlainMachine,), {"url": pool.get(FOUND[name]).url})
    run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=EXAMPLES // 4 or 1))
    assert min(taken["_write_lone"], taken["_write_plain"]) > EXAMPLES // 4, taken


def counted(taken: Counter[str], way: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose calls are counted."""

    def calling(*args: Any) -> Any:
        taken[way] += 1
        return function(*args)

    return calling


class TestProgramsThatFailedOnce:
    """Short programs, most of them found by the machine; each step is held against memory."""

    @pytest.fixture
    def machine(self, server: Server) -> Iterator[Machine]:
        """Both worlds, empty."""
        machine = type("Program", (Machine,), {"url": server.url})()
        yield machine
        machine.teardown()

    def commit(self, machine: Machine, unit: int = 0, *, lands: bool = True) -> None:
        """Commit, and audit, as the machine does; say beforehand whether it lands."""
        machine.commit(unit=unit)
        assert lands == machine.landed

    @pytest.mark.parametrize("again", [None, {}, {"text": "three", "shelf": "ä"}])
    def test_a_deletion_after_a_merge(self, machine: Machine, again: dict[str, Any] | None):
        """Others' fields that came in with a merged commit leave their indexes with the entity."""
        machine.add(unit=0, at=(Merging, "a"), said={"text": "one", "shelf": "a"})
        self.commit(machine)
        others = [("city", "Rom"), ("email", "a@x"), ("tags", ["x"])]
        machine.interfere(store=1, number=0, edits=others, gone=False)
        machine.edit(number=0, edits=[("text", "two")])
        self.commit(machine)
        machine.delete(unit=0, number=0)
        if again is not None:
            machine.add(unit=0, at=(Merging, "a"), said=again)
        machine.commit(unit=0)
        if again is not None and machine.landed:
            for world in machine.worlds:
                assert Merging(id="a", **again) == world.stores[0].get(Merging, "a")
        machine.rarely(unit=0, number=0, verb="rollback")
        machine.delete_by_key(unit=0, at=(Merging, "a"))
        machine.commit(unit=0)
        machine.add(unit=1, at=(Merging, "b"), said={"shelf": "a", "email": "A@X"})
        self.commit(machine, 1)

    def test_a_deletion_over_what_others_wrote(self, machine: Machine):
        """A stale deletion or replacement is refused, or takes all with it, whatever the policy."""
        for cls, key in ((Strict, 1), (Merging, "a"), (Lasting, UUID(int=0))):
            number = len(machine.worlds[0].objects)
            machine.add(unit=0, at=(cls, key), said={"shelf": "a"})
            self.commit(machine)
            machine.interfere(store=1, number=number, edits=[("city", "Rom")], gone=False)
            machine.delete(unit=0, number=number)
            machine.commit(unit=0)
            machine.rarely(unit=0, number=number, verb="rollback")

    @pytest.mark.parametrize("way", ["add", "get", "delete"])
    def test_a_number_of_a_refused_commit(self, machine: Machine, way: str):
        """The number that a refused commit would have given may belong to another by now."""
        machine.add(unit=0, at=(Strict, None), said={"email": "a@x", "shelf": "a"})
        self.commit(machine)
        machine.add(unit=0, at=(Strict, None), said={"email": "a@x", "shelf": "ä"})
        self.commit(machine, lands=False)
        machine.edit(number=1, edits=[("email", "b@x")])
        if way != "add":
            machine.add(unit=1, at=(Strict, 2), said={"slot": 2})
            self.commit(machine, 1)
            machine.get(unit=0, cls=Strict, said={"shelf": None, "slot": 2}, way="place")
            machine.mutate(number=3, tag="x", name="a")
            if way == "delete":
                machine.delete_by_key(unit=0, at=(Strict, 2))
        else:
            machine.add(unit=0, at=(Strict, 2), said={"slot": 2})
        self.commit(machine)

    def test_spare_numbers_that_are_taken(self, machine: Machine):
        """Keys given by hand inside the block that a store has in store do not stop it."""
        for _ in range(64):
            machine.both(lambda world: world.stores[0].new_key(Strict))
        for number in range(65, 95):
            said = {"shelf": f"s{number}"}
            machine.add(unit=1, at=(Strict, number), said=said)
        self.commit(machine, 1)
        machine.add(unit=0, at=(Strict, None), said={})
        self.commit(machine)

    def test_violations_come_in_one_order(self, machine: Machine):
        """By the objects, and for one object as its mapper has the indexes, on every strategy."""
        machine.add(unit=0, at=(Strict, 1), said={"email": "a@x", "shelf": "a"})
        machine.add(unit=0, at=(Strict, 2), said={"shelf": "ä"})
        self.commit(machine)
        machine.edit(number=1, edits=[("age", 0)])
        machine.interfere(store=1, number=1, edits=[("age", None)], gone=False)
        machine.add(unit=0, at=(Strict, None), said={"shelf": "a|b"})
        machine.add(unit=0, at=(Strict, None), said={"email": "A@X", "shelf": "a"})
        machine.add(unit=0, at=(Strict, 1), said={"slot": 1})
        self.commit(machine, lands=False)

    def test_an_equal_value_of_others(self, machine: Machine):
        """An object that became what is stored is clean afterwards, and nothing was written."""
        machine.add(unit=0, at=(Lasting, UUID(int=1)), said={"age": 1})
        self.commit(machine)
        machine.interfere(store=1, number=0, edits=[("age", 2)], gone=False)
        machine.edit(number=0, edits=[("age", 2)])
        self.commit(machine)

    @pytest.mark.parametrize("name", sorted(SCALARS))
    def test_one_of_no_values(self, machine: Machine, name: str):
        """`in_` of nothing matches nothing, whatever serves it."""
        machine.add(unit=0, at=(Merging, "a"), said={})
        self.commit(machine)
        for verb in ("all", "count", "first"):
            asked = Asked([Condition(name, "in_", ([],))], "and", [], None, 0, scan=True, verb=verb)
            machine.query(unit=0, cls=Merging, asked=asked)
            machine.query_the_store(store=0, cls=Merging, asked=asked)
