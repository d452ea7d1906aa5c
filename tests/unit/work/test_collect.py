"""Tracked objects to entity writes: what each policy compares."""

import types
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import Computed, Field, Key, Lookup, Mapper, MapperRegistry, Ordered
from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedClass
from redmapper.work.collect import Pending, is_blind, write_of
from redmapper.work.flush import Flush
from redmapper.work.identity import IdentityMap, Tracked
from redmapper.work.plan import Absent, AtFields, AtVersion, EntityWrite


@attrs.define
class User:
    """An entity whose text says its name."""

    name: str = "Ann"
    email: str = "a@x.io"
    age: int = 30
    city: str = ""
    id: int | None = 7

    def __str__(self) -> str:
        return self.name

    @property
    def domain(self) -> str:
        """A property may read anything."""
        return self.email.partition("@")[2]


def mapped_with(conflict: str = "version", **body: Any) -> MappedClass:
    """A user's mapper with a policy, and what else is said."""
    namespace = {"id": Key[int]()} | body
    mapper = types.new_class(
        "Users", (Mapper[User],), {"conflict": conflict}, lambda said: said.update(namespace)
    )
    return MapperRegistry(mapper).mapped(User)


PLAIN = mapped_with()
OLD, NEW = b"v", b"w"


def stored(mapped: MappedClass, **attributes: Any) -> Record:
    """The record of a user as it stands in the store."""
    return mapped.encode(User(**attributes), b"7") | {b"@": OLD}


def loaded(mapped: MappedClass, **changes: Any) -> Tracked:
    """A user that was loaded, with these changes since."""
    base = stored(mapped)
    user = mapped.construct(base, b"7")
    tracked = Tracked(user, mapped, b"7", base, mapped.snapshot(user))
    for name, value in changes.items():
        setattr(user, name, value)
    return tracked


def written(tracked: Tracked, over: Record | None = None) -> EntityWrite | None:
    """Its write, as a commit makes it; where it is blind, over that record."""
    found = pending_of(tracked)
    return write_of(found[0], {found[0].place: over}, NEW) if found else None


def pending_of(tracked: Tracked) -> list[Pending]:
    """What a commit would look at."""
    table = IdentityMap()
    table.track(tracked)
    return Flush(None, table)._pending([tracked])


def removed(write: EntityWrite) -> list[bytes]:
    """The fields that go."""
    return [name for name, value in write.changes.items() if value is None]


# --- conflict="version" ----------------------------------------------------------------------


def test_an_untouched_object_is_not_written():
    """Nothing to do sends nothing."""
    assert written(loaded(PLAIN)) is None


def test_a_change_is_written_over_the_loaded_version():
    """With a new one."""
    tracked = loaded(PLAIN, age=31)
    expected = EntityWrite.of(
        PLAIN, b"7", AtVersion(OLD), tracked.base, stored(PLAIN, age=31) | {b"@": NEW}
    )
    assert expected == written(tracked)


def test_a_new_object_must_be_absent():
    """Its record is whole, with its key."""
    tracked = Tracked(User(), PLAIN, b"7")
    expected = EntityWrite.of(PLAIN, b"7", Absent(), None, stored(PLAIN) | {b"@": NEW})
    assert expected == written(tracked)


def test_a_deletion_expects_the_loaded_version():
    """And writes no field, whatever was changed before."""
    tracked = loaded(PLAIN, age=31)
    tracked.deleted = True
    expected = EntityWrite.of(PLAIN, b"7", AtVersion(OLD), tracked.base, None)
    assert expected == written(tracked)


def test_fields_of_another_mapper_survive():
    """Only what this one knows is written."""
    tracked = loaded(PLAIN, age=31)
    assert tracked.base is not None
    tracked.base[b"unknown"] = b"x"
    write = written(tracked)
    assert write is not None
    assert write.record is not None
    assert (b"x", []) == (write.record[b"unknown"], removed(write))


def test_what_took_the_place_of_another_expects_its_version():
    """All that the other had and this one lacks goes."""
    base = stored(PLAIN) | {b"unknown": b"x"}
    write = written(Tracked(User(age=1), PLAIN, b"7", base))
    assert write is not None
    assert (AtVersion(OLD), [b"unknown"]) == (write.check, removed(write))


# --- put, and deletions by key ---------------------------------------------------------------


def put(version: str | None = None, **attributes: Any) -> Tracked:
    """A user that is put."""
    options = {"over_any": version is None, "over_version": version}
    return Tracked(User(**attributes), PLAIN, b"7", **options)


def test_a_put_over_nothing_is_an_insert():
    """It must still be absent."""
    write = written(put())
    assert write is not None
    assert (Absent(), None) == (write.check, write.base)


def test_a_put_over_a_record_replaces_it():
    """As it was read just now; fields that it has not are removed."""
    over = stored(PLAIN, age=1) | {b"unknown": b"x"}
    write = written(put(), over)
    assert write is not None
    assert (AtVersion(OLD), over, [b"unknown"]) == (write.check, write.base, removed(write))


def test_a_put_over_its_equal_writes_nothing():
    """It stands there already."""
    assert written(put(), stored(PLAIN)) is None


def test_a_put_with_a_version_expects_it():
    """Whatever stands there."""
    for over in (None, stored(PLAIN, age=1)):
        write = written(put(version="u"), over)
        assert write is not None
        assert AtVersion(b"u") == write.check


def test_a_put_with_another_version_is_not_passed_over():
    """Though the content is the same, the version is not the one that was asked for."""
    assert written(put(version="u"), stored(PLAIN)) is not None
    assert written(put(version="v"), stored(PLAIN)) is None


def test_a_deletion_by_key_expects_what_was_read():
    """And is nothing where nothing is."""
    pending = Pending(PLAIN, b"7")
    over = stored(PLAIN)
    expected = EntityWrite.of(PLAIN, b"7", AtVersion(OLD), over, None)
    assert expected == write_of(pending, {pending.place: over}, NEW)
    assert write_of(pending, {pending.place: None}, NEW) is None


@pytest.mark.parametrize(
    ("tracked", "expected"),
    [
        (put(), True),
        (put(version="v"), True),
        (Tracked(User(), PLAIN, b"7"), False),
        (loaded(PLAIN), False),
        (loaded(mapped_with("fields")), False),
        (loaded(mapped_with("overwrite")), True),
        (Tracked(User(), mapped_with("overwrite"), b"7"), False),
        (Tracked(User(), PLAIN, None, over_any=True), False),
    ],
    ids=["put", "version", "new", "loaded", "fields", "overwrite", "new overwrite", "no key"],
)
def test_what_is_written_over_anything_is_read_before(
    tracked: Tracked,
    expected: bool,  # noqa: FBT001 - a case
):
    """Its entries are changed by difference to what stands there."""
    assert expected == is_blind(tracked)


def test_a_deletion_by_key_is_written_over_anything():
    """Nobody has loaded what stands there."""
    assert Pending(PLAIN, b"7").blind


# --- what changes ----------------------------------------------------------------------------


@attrs.define
class Levelled:
    """An entity with a default that is not None, where None is said by a field of its own."""

    name: str = "Ann"
    email: str | None = None
    level: int | None = 1
    tags: list[str] = attrs.field(factory=list)
    id: int | None = 7


def levelled(conflict: str) -> MappedClass:
    """Its mapper with a policy."""
    namespace = {"id": Key[int]()}
    mapper = types.new_class(
        "Levels", (Mapper[Levelled],), {"conflict": conflict}, lambda said: said.update(namespace)
    )
    return MapperRegistry(mapper).mapped(Levelled)


LEVELLED = {conflict: levelled(conflict) for conflict in ("version", "fields", "overwrite")}
levels = st.builds(
    Levelled,
    st.sampled_from(["Ann", "Bob"]),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, 1, 2]),
    st.lists(st.sampled_from(["x", "y"]), max_size=2),
)


def level_write(mapped: MappedClass, before: Levelled, after: Levelled) -> EntityWrite | None:
    """The write of one that was loaded as `before` and has become `after`."""
    base = mapped.encode(before, b"7") | {b"@": OLD}
    found = mapped.construct(base, b"7")
    tracked = Tracked(found, mapped, b"7", base, mapped.snapshot(found))
    for name in ("name", "email", "level", "tags"):
        setattr(found, name, getattr(after, name))
    return written(tracked, base)


@pytest.mark.parametrize("conflict", LEVELLED)
@given(before=levels, after=levels)
@example(before=Levelled(level=2), after=Levelled(level=3))
def test_changes_are_what_differs_from_the_base(conflict: str, before: Levelled, after: Levelled):
    """The version among them; whatever the policy is."""
    write = level_write(LEVELLED[conflict], before, after)
    assert (before == after) == (write is None)
    if write is not None:
        mapped, key, check, base, record, _ = write
        assert EntityWrite.of(mapped, key, check, base, record) == write


GENERAL = levelled("version")
object.__setattr__(GENERAL, "plain", False)


@given(before=levels, after=levels)
def test_a_plain_change_is_what_the_general_way_makes_of_it(before: Levelled, after: Levelled):
    """It only takes fewer steps."""
    general = level_write(GENERAL, before, after)
    plain = level_write(LEVELLED["version"], before, after)
    assert (True, False) == (LEVELLED["version"].plain, GENERAL.plain)
    assert (general and general._replace(mapped=LEVELLED["version"])) == plain


def test_an_insert_changes_every_field_but_the_key():
    """Which is in no change."""
    write = written(Tracked(User(), PLAIN, b"7"))
    assert write is not None
    expected = {b"name": b"Ann", b"email": b"a@x.io", b"age": b"30", b"city": b"", b"@": NEW}
    assert expected == write.changes


def test_a_deletion_changes_no_field():
    """All of them go."""
    tracked = loaded(PLAIN)
    tracked.deleted = True
    write = written(tracked)
    assert write is not None
    assert {} == write.changes


def test_what_is_planned_again_begins_anew():
    """A second plan of the same object is not made of the first one."""
    (pending,) = pending_of(put())
    first = write_of(pending, {}, b"first")
    second = write_of(pending, {pending.place: stored(PLAIN, age=1)}, b"second")
    assert first is not None
    assert second is not None
    assert (b"first", b"second") == (first.changes[b"@"], second.changes[b"@"])
    assert {b"age": b"30", b"@": b"second"} == second.changes


def test_a_number_that_a_sequence_gave_is_the_key_of_the_record():
    """The object was encoded before it had one."""
    (pending,) = pending_of(Tracked(User(id=None), PLAIN, None))
    assert (True, b"") == (pending.waits, pending.key)
    pending.key = b"12"
    write = write_of(pending, {}, NEW)
    assert write is not None
    assert write.record is not None
    assert (b"12", b"12") == (write.key, write.record[b"id"])
    assert b"id" not in write.changes


# --- conflict="overwrite" --------------------------------------------------------------------


def test_overwrite_lays_its_changes_over_what_stands_there():
    """Somebody else's other fields stay."""
    mapped = mapped_with("overwrite")
    over = stored(mapped, age=1, city="there") | {b"@": b"theirs"}
    write = written(loaded(mapped, age=31), over)
    expected = stored(mapped, age=31, city="there") | {b"@": NEW}
    assert EntityWrite.of(mapped, b"7", AtVersion(b"theirs"), over, expected) == write


def test_overwrite_computes_from_the_mixture():
    """Of its own fields and somebody else's, so that the index agrees with the record."""
    both = Computed[str](lambda user: f"{user.name} of {user.city}")
    mapped = mapped_with("overwrite", both=both, by_both=Lookup(both))
    write = written(loaded(mapped, name="Bob"), stored(mapped, city="there"))
    assert write is not None
    assert write.record is not None
    assert b"Bob of there" == write.record[b"=both"]


def test_overwrite_writes_what_is_gone_anew():
    """The last one wins."""
    mapped = mapped_with("overwrite")
    write = written(loaded(mapped, age=31), None)
    expected = EntityWrite.of(mapped, b"7", Absent(), None, stored(mapped, age=31) | {b"@": NEW})
    assert expected == write


# --- conflict="fields" -----------------------------------------------------------------------


def compared(mapped: MappedClass, **changes: Any) -> dict[str, bytes | None]:
    """The fields that are compared for such changes."""
    write = written(loaded(mapped, **changes))
    assert write is not None
    assert isinstance(write.check, AtFields)
    return {name.decode(): value for name, value in write.check.fields}


def test_fields_compares_what_it_writes():
    """As it was loaded."""
    assert {"age": b"30"} == compared(mapped_with("fields"), age=31)


def test_fields_compares_the_index_that_changes():
    """All of its fields; those of other indexes not."""
    age, city, name = Field[int](), Field[str](), Field[str]()
    mapped = mapped_with(
        "fields", age=age, city=city, name=name, by_x=Ordered(age, city), by_name=Ordered(name)
    )
    assert {"age": b"30", "city": b""} == compared(mapped, age=31)


def test_fields_deletes_what_nobody_has_changed():
    """A deletion is of the whole entity; the version may be that of a merged commit of our own."""
    tracked = loaded(mapped_with("fields"))
    tracked.deleted = True
    write = written(tracked)
    assert write is not None
    assert isinstance(write.check, AtFields)
    assert {"name", "email", "age", "city"} == {name.decode() for name, _ in write.check.fields}


def computed(function: Callable[[Any], Any]) -> MappedClass:
    """A mapper with an indexed Computed."""
    it = Computed[str](function)
    return mapped_with("fields", it=it, by_it=Lookup(it))


def test_fields_compares_what_a_changed_computed_was_made_from():
    """And its own stored value."""
    mapped = computed(lambda user: f"{user.name} of {user.city}")
    expected = {"name": b"Ann", "city": b"", "=it": b"Ann of "}
    assert expected == compared(mapped, name="Bob")


def test_fields_compares_what_a_computed_was_made_from_though_it_is_the_same():
    """It may not be the same once somebody else's fields come in."""
    mapped = computed(lambda user: user.name[:1] + user.city)
    assert {"name": b"Ann", "city": b""} == compared(mapped, name="Anna")


def test_fields_leaves_out_a_computed_that_is_not_concerned():
    """Disjoint edits both land."""
    mapped = computed(lambda user: user.email.partition("@")[2])
    assert {"age": b"30"} == compared(mapped, age=31)


def branching(user: User) -> str:
    """Reads the city only of those without a name."""
    return user.name or user.city


def test_fields_compares_what_a_computed_only_mentions():
    """Another branch may be taken once somebody else's fields come in."""
    assert {"city": b"", "name": b"Ann"} == compared(computed(branching), city="there")


@pytest.mark.parametrize(
    "function",
    [
        str,
        lambda user: f"{user}",
        lambda user: user.domain,
        lambda user: "@".join(attrs.asdict(user)),
        lambda user: str(isinstance(user, User)),
        lambda user: str(bool(user)),
    ],
    ids=["str", "format", "property", "asdict", "isinstance", "bool"],
)
def test_fields_compares_everything_where_a_computed_may_read_anything(
    function: Callable[[Any], Any],
):
    """A property, a method, what the language does: they can not be looked into."""
    expected = {"name", "email", "age", "city"}
    assert expected == {name for name in compared(computed(function), age=31) if name != "=it"}
