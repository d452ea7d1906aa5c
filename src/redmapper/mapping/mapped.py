"""A domain class as a registry has it: its columns, its indexes and its generated codec."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from redmapper.errors import CorruptRecord, NotMapped, ValueRefused
from redmapper.mapping.columns import VERSION, Column, Record
from redmapper.mapping.construction import Attribute
from redmapper.mapping.entries import EntryValue, EntryValues, key_tail
from redmapper.mapping.fields import Key
from redmapper.mapping.indexes import Index, Unique
from redmapper.mapping.inline import ColumnOf, generate_column
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.records import (
    Changed,
    Columns,
    FieldChanges,
    RecordCodec,
    Snapshot,
    compare_by_column,
    encode_by_column,
    first_corrupt,
    named,
    refuse_unset,
)
from redmapper.mapping.scalars import Scalar, shown

_FROZEN = attrs.make_class("_FROZEN", (), frozen=True)

KeyBytes: TypeAlias = bytes
"""A key as it is stored: the identity of an entity within its mapper."""

_SHORT_KEY = 10**18
"""Integer keys below it need no look at their length."""

_SHORT_DIGITS = 18
"""Bytes of a key that is surely below it."""


@attrs.frozen(repr=False, eq=False, slots=False)
class MappedIndex:
    """An index of a mapped class, and the functions that give a record's values in it.

    `one` gives the only value, or None; an index over a collection may have many, and is asked for
    its `values`.
    """

    index: Index
    columns: tuple[Column, ...]
    one: EntryValue
    values: EntryValues

    @cached_property
    def terms(self) -> tuple[tuple[Column, bool], ...]:
        """Its columns, and whether they descend."""
        pairs = zip(self.columns, self.index.terms, strict=True)
        return tuple((column, term.descending) for column, term in pairs)

    @cached_property
    def column(self) -> Callable[[ColumnOf], list[bytes]]:
        """The function that gives what `one` does of many records, each of which has a value."""
        return generate_column(self.terms)

    @cached_property
    def stored(self) -> frozenset[bytes]:
        """Every stored field that has a say in it."""
        return frozenset(name for column in self.columns for name in column.names)

    @property
    def name(self) -> str:
        """Its name, which is part of the stored format."""
        return self.index.name

    def __repr__(self) -> str:
        return repr(self.index)

    def describe(self) -> str:
        """What the stored entries depend on, as text: a change of it is a change of schema."""
        parts = [
            f"{column.name}:{_codec_name(column)}"
            f"{'~' if column.norm else ''}{' desc' if term.descending else ''}"
            for term, column in zip(self.index.terms, self.columns, strict=True)
        ]
        nulls = " nulls" if isinstance(self.index, Unique) and self.index.nulls else ""
        return f"{type(self.index).__name__}({', '.join(parts)}){nulls}"


def _codec_name(column: Column) -> str:
    if column.kind.elements is not None:
        return f"[{column.kind.elements.name}]"
    return column.kind.scalar.name if column.kind.scalar else "nested"


@attrs.frozen(slots=False)
class KeyColumn:
    """The key of a mapped class."""

    declared: Key[Any]
    attribute: Attribute
    scalar: Scalar

    @cached_property
    def listed(self) -> Column:
        """The key as the listing of all keys is ordered: by its stored bytes, made sortable."""
        encode, tail = self.scalar.encode, key_tail(self.scalar)
        scalar = attrs.evolve(
            self.scalar, order=lambda value: tail(encode(value)), none=b"", width=0
        )
        column = self.attribute.column
        return attrs.evolve(column, kind=attrs.evolve(column.kind, codec=scalar))

    @cached_property
    def stored(self) -> bytes:
        """The name of its field."""
        return self.attribute.column.stored

    @cached_property
    def sequential(self) -> bool:
        """Whether missing keys come from a sequence."""
        return self.scalar.type is int and self.declared.new is None


@attrs.frozen(eq=False, slots=False)
class MappedClass:
    """All that redmapper knows of one domain class. Made by the registry, never changed."""

    mapper: type[Mapper[Any]]
    domain: type
    name: str
    conflict: str
    key: KeyColumn
    attributes: tuple[Attribute, ...]
    columns: dict[str, Column]
    computed: tuple[tuple[Column, Callable[[Any], Any]], ...]
    indexes: dict[str, MappedIndex]
    codec: RecordCodec
    validated: tuple[Any, ...] = ()  # attributes of attrs whose validators run at the commit

    @cached_property
    def normed(self) -> tuple[Column, ...]:
        """The columns that have a norm."""
        return tuple(column for column in self.columns.values() if column.norm)

    @cached_property
    def every_column(self) -> tuple[Column, ...]:
        """Those of the attributes and those of Computed values."""
        return (
            *(each.column for each in self.attributes),
            *(column for column, _ in self.computed),
        )

    @cached_property
    def loaded(self) -> tuple[bytes, ...]:
        """The stored fields that an object is made of, the version where there are none."""
        held = [attribute.column.stored for attribute in self.attributes]
        marks = [b"!" + each.column.stored for each in self.attributes if not each.none_is_absent]
        return (*held, *marks) or (VERSION,)

    @cached_property
    def uniques(self) -> tuple[MappedIndex, ...]:
        """The unique indexes."""
        return tuple(each for each in self.indexes.values() if isinstance(each.index, Unique))

    @cached_property
    def unique_fields(self) -> frozenset[bytes]:
        """Every stored field that has a say in one of them."""
        return frozenset().union(*(index.stored for index in self.uniques))

    @cached_property
    def derives(self) -> bool:
        """Whether more is stored than the attributes, or must be looked at before it is."""
        return bool(self.computed or self.normed or self.unsure)

    @cached_property
    def plain(self) -> bool:
        """Whether a change is written as it is, and checked by the version."""
        return self.conflict == "version" and not self.derives

    @cached_property
    def unsure(self) -> tuple[Column, ...]:
        """Indexed columns with values that can be stored but have no order: NaN."""
        indexed = {column.name: column for each in self.indexes.values() for column in each.columns}
        return tuple(column for column in indexed.values() if column.unsure)

    @cached_property
    def description(self) -> str:
        """What the stored format depends on, as JSON: a change of it is a change of schema."""
        indexes = {name: index.describe() for name, index in sorted(self.indexes.items())}
        facts = {"format": 3, "key": self.key.scalar.name, "indexes": indexes}
        return json.dumps(facts, sort_keys=True)

    @cached_property
    def fingerprint(self) -> str:
        """A short digest of the description."""
        return hashlib.blake2b(self.description.encode(), digest_size=8).hexdigest()

    @cached_property
    def hidden(self) -> frozenset[bytes]:
        """The stored fields that logs and messages must not show."""
        columns = [self.key.attribute.column, *self.every_column]
        secret = [column for column in columns if column.secret]
        return frozenset(name for column in secret for name in (column.stored, column.shadow))

    @cached_property
    def frozen(self) -> bool:
        """Whether the class is frozen: told by the method that attrs gives such a class."""
        return self.domain.__setattr__ is _FROZEN.__setattr__

    @cached_property
    def key_frozen(self) -> bool:
        """Whether an object must bring its key, because it can not be set."""
        own = attrs.fields_dict(self.domain)[self.key.attribute.name].on_setattr
        every = getattr(getattr(self.domain, "__attrs_props__", None), "on_setattr_hook", None)
        return self.frozen or attrs.setters.frozen in (own, every)

    @property
    def hides_key(self) -> bool:
        """Whether the key is not shown either."""
        return self.key.attribute.column.hidden

    def __repr__(self) -> str:
        return f"<mapped {self.domain.__name__} by {self.mapper.__name__}>"

    # --- keys ---

    @cached_property
    def key_of(self) -> Callable[[object], Any]:
        """The function that gives the value of an entity's key attribute."""
        return operator.attrgetter(self.key.attribute.name)

    @cached_property
    def _counts(self) -> bool:
        """Whether keys are integers."""
        return self.key.scalar.type is int

    def encode_key(self, key: object) -> KeyBytes:
        """A key as stored bytes; ValueRefused names the class where it can not be one."""
        if type(key) is int and self._counts and -_SHORT_KEY < key < _SHORT_KEY:
            return b"%d" % key
        try:
            encoded = self.key.scalar.encode(key)
            key_tail(self.key.scalar)(encoded)
        except ValueRefused as refused:
            path = f"{self.domain.__name__} key"
            if self.hides_key:
                message = f"this {type(key).__name__} can not be the key; it is not shown"
                raise ValueRefused(message, path=path) from None
            raise ValueRefused(refused.reason, path=path, value=key) from refused
        return encoded

    def encode_keys(self, keys: Iterable[object]) -> list[KeyBytes]:
        """The same for many: integers that are short need no call each."""
        given: list[Any] = list(keys)
        if self._counts and set(map(type, given)) == {int}:
            encoded = [b"%d" % key for key in given]
            if max(map(len, encoded)) <= _SHORT_DIGITS:
                return encoded
        return [self.encode_key(key) for key in given]

    def shown_key(self, key: object) -> str:
        """A key as messages show it."""
        return "..." if self.hides_key else shown(key)

    @cached_property
    def decode_key(self) -> Callable[[KeyBytes], Any]:
        """The function that gives a key as the domain class has it."""
        return int if self.key.scalar.type is int else self.key.scalar.decode

    def title(self, key: KeyBytes | None) -> str:
        """An entity as messages call it: `User(7)`."""
        if key is None:
            return f"{self.domain.__name__}(new)"
        try:
            title = self.shown_key(self.decode_key(key))
        except ValueError:
            title = self.shown_key(key)
        return f"{self.domain.__name__}({title})"

    # --- entity <-> record ---

    def encode(self, entity: object, key: KeyBytes | None = None) -> Record:
        """The whole record of an entity: its fields, what is derived from them, and its key.

        Without a version, and without the key where there is none yet.
        """
        record = self.encode_fields(entity, key)
        if key is not None:
            record[self.key.stored] = key
        return record

    def encode_fields(self, entity: object, key: KeyBytes | None) -> Record:
        """The same but for the key, which is only named where a value is refused."""
        try:
            record = self._encode_attributes(entity)
            if self.derives:
                self._derive(entity, record)
        except ValueRefused as refused:
            raise named(refused, self.title(key)) from refused
        return record

    def encode_columns(self, entities: Sequence[object]) -> Columns | None:
        """What `encode_fields` gives of many, where nothing is derived, by field.

        None where that must be asked: a value is None, or of a subclass, or refused.
        """
        try:
            return self.codec.columns(entities)
        except (ValueRefused, ValueError, AttributeError):
            return None

    def changed_columns(
        self, entities: Sequence[object], snapshots: Sequence[Snapshot]
    ) -> Changed | None:
        """What differs in all of them from their snapshots, by field: as `compare` tells of each.

        None where the same fields do not differ in all, or `compare` must be asked.
        """
        try:
            return self.codec.changed(entities, snapshots)
        except (ValueRefused, ValueError, AttributeError):
            return None

    def _encode_attributes(self, entity: object) -> Record:
        try:
            return self.codec.encode(entity)
        except ValueRefused:
            raise
        except (ValueError, AttributeError):  # a surrogate, too long for `%d`, or not set
            return encode_by_column(self.attributes, entity)

    def compare(self, entity: object, snapshot: Snapshot, key: KeyBytes) -> FieldChanges:
        """The attributes that differ from the snapshot, as stored bytes."""
        try:
            return self._compare(entity, snapshot)
        except ValueRefused as refused:
            raise named(refused, self.title(key)) from refused
        except AttributeError:
            self._refuse_unset(entity, key)
            raise

    def _refuse_unset(self, entity: object, key: KeyBytes) -> None:
        try:
            refuse_unset(self.attributes, entity)
        except ValueRefused as refused:
            raise named(refused, self.title(key)) from None

    def _compare(self, entity: object, snapshot: Snapshot) -> FieldChanges:
        try:
            return self.codec.compare(entity, snapshot)
        except ValueRefused:
            raise
        except ValueError:  # as in _encode_attributes
            changes = compare_by_column(self.attributes, entity, snapshot)
            new, old = (
                None if key is None else self.encode_key(key)
                for key in (self.key_of(entity), snapshot[0])
            )
            return changes if new == old else {self.key.stored: new, **changes}

    def changed_record(
        self, entity: object, base: Record, changes: FieldChanges, key: KeyBytes
    ) -> Record:
        """The base with the changes laid over it, and what is derived from them."""
        record = overlaid(base, changes)
        try:
            if self.derives:
                self._derive(entity, record)
        except ValueRefused as refused:
            raise named(refused, self.title(key)) from refused
        return record

    def _derive(self, entity: object, record: Record) -> None:
        for column, compute in self.computed:
            _place(record, column.stored, self._computed_bytes(column, compute, entity))
        for column in self.normed:
            value = column.normed(getattr(entity, column.name))
            encoded = None if value is None else column.encode(value)
            _place(record, column.shadow, None if encoded == record.get(column.stored) else encoded)
        for column in self.unsure:
            column.check_order(record)

    def _computed_bytes(
        self, column: Column, compute: Callable[[Any], Any], entity: object
    ) -> bytes | None:
        """The value of a Computed. It may be made of what is hidden: then errors do not tell it."""
        try:
            value = compute(entity)
        except Exception as error:  # noqa: BLE001 - the function is the user's
            reason = type(error).__name__ if self.hidden else f"{type(error).__name__}: {error}"
            message = f"computing it failed with {reason}"
            cause = None if self.hidden else error
            raise ValueRefused(message, path=f".{column.name}") from cause
        careful = attrs.evolve(column, hidden=True) if self.hidden else column
        return None if value is None else careful.encode_checked(value)

    def construct(self, record: Record, key: KeyBytes) -> Any:  # noqa: ANN401 - an entity
        """The entity, by its class's own `__init__`; CorruptRecord names what can not be read."""
        try:
            return self.codec.construct(record, self.decode_key(key))
        except Exception as error:  # noqa: BLE001 - the class's own __init__ runs
            unreadable, cause = self._unreadable(record, key, error)
            raise unreadable from cause

    def _unreadable(
        self, record: Record, key: KeyBytes, error: Exception
    ) -> tuple[CorruptRecord, Exception | None]:
        """The error for a record that is damaged, or that the class does not take; its cause."""
        corrupt = first_corrupt(self.attributes, record)
        if isinstance(error, CorruptRecord) or corrupt is not None:
            return CorruptRecord(
                f"{self.title(key)}: {corrupt or error}; mend the record or the mapper"
            ), None
        reason = type(error).__name__ if self.hidden else f"{type(error).__name__}: {error}"
        message = (
            f"{self.title(key)}: its class refuses the stored values: {reason}; "
            "mend the record or the class"
        )
        return CorruptRecord(message), None if self.hidden else error

    @cached_property
    def snapshot(self) -> Callable[[Any], Snapshot]:
        """The function that gives what `compare` needs to know of an entity as it is now."""
        return self.codec.snapshot


def overlaid(base: Record, changes: FieldChanges) -> Record:
    """A record with changes applied; None removes a field."""
    record: dict[bytes, Any] = {**base, **changes}  # no `cast`, which is a call
    if None in changes.values():
        for name in [name for name, value in changes.items() if value is None]:
            del record[name]
    return record


def differences(base: Record, record: Record) -> FieldChanges:
    """From one record to another, None for a field that goes."""
    changes: FieldChanges = {
        name: value for name, value in record.items() if base.get(name) != value
    }
    for name in base:
        if name not in record:
            changes[name] = None
    return changes


def version_of(record: Record) -> str:
    """The version token of a stored record."""
    return record.get(VERSION, b"").decode()


def _place(record: Record, name: bytes, value: bytes | None) -> None:
    if value is None:
        record.pop(name, None)
    else:
        record[name] = value


def nearest_domain(domain: type, mapped: Iterable[MappedClass]) -> NotMapped:
    """The error for a class that has no mapper, naming the nearest that has one."""
    known = {each.domain for each in mapped}
    parent = next((kind for kind in domain.__mro__[1:] if kind in known), None)
    if parent is not None:
        cure = f"its base {parent.__name__} has one, but a subclass needs its own"
    else:
        names = ", ".join(sorted(kind.__name__ for kind in known))
        cure = f"mapped are: {names or 'none'}"
    return NotMapped(f"{domain.__name__} has no mapper in this registry; {cure}")
