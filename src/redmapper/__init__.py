"""redmapper: a data mapper with a unit of work for Redis.

Plain attrs classes, mappers that describe them from outside, and a unit of work that writes all of
its changes in one atomic commit. Everything public is importable from here.
"""

from redmapper.errors import (
    AlreadyExists,
    BadToken,
    CommitUnknown,
    ConcurrentUse,
    Conflict,
    ConnectionLost,
    CorruptRecord,
    DanglingReference,
    ForeignType,
    IdentityConflict,
    KeyChanged,
    MappingError,
    MultipleResults,
    NoIndex,
    NotDurable,
    NotFound,
    NotMapped,
    OutOfMemory,
    QueryError,
    ReadOnlyUnit,
    RedmapperError,
    Referenced,
    SchemaMismatch,
    SlotMoving,
    Stale,
    StoreError,
    StoreReadOnly,
    Taken,
    UnitActive,
    UnitClosed,
    UnitError,
    UnitTooLarge,
    UnknownField,
    UnsupportedQuery,
    ValidationFailed,
    ValueRefused,
)
from redmapper.faces.aio.bulk import AsyncBulk
from redmapper.faces.aio.query import AsyncQuery
from redmapper.faces.aio.store import AsyncStore
from redmapper.faces.aio.unit import AsyncUnitOfWork
from redmapper.faces.sync.bulk import Bulk
from redmapper.faces.sync.query import Query
from redmapper.faces.sync.store import Store
from redmapper.faces.sync.unit import UnitOfWork
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.predicates import Predicate
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.explain import Explanation, Use
from redmapper.query.page import Page
from redmapper.strategies.lua.strategy import LuaIndexStrategy
from redmapper.strategies.memory import MemoryIndexStrategy
from redmapper.wire import BatchReport
from redmapper.work.changes import Change
from redmapper.work.strategy import BoundStrategy, Capabilities, IndexStrategy

__all__ = [
    "AlreadyExists",
    "AsyncBulk",
    "AsyncQuery",
    "AsyncStore",
    "AsyncUnitOfWork",
    "BadToken",
    "BatchReport",
    "BoundStrategy",
    "Bulk",
    "Capabilities",
    "Change",
    "CommitUnknown",
    "Computed",
    "ConcurrentUse",
    "Conflict",
    "ConnectionLost",
    "CorruptRecord",
    "DanglingReference",
    "Explanation",
    "Field",
    "ForeignType",
    "IdentityConflict",
    "IndexStrategy",
    "Key",
    "KeyChanged",
    "Lookup",
    "LuaIndexStrategy",
    "Mapper",
    "MapperRegistry",
    "MappingError",
    "MemoryIndexStrategy",
    "MultipleResults",
    "NoIndex",
    "NotDurable",
    "NotFound",
    "NotMapped",
    "Ordered",
    "OutOfMemory",
    "Page",
    "Predicate",
    "Query",
    "QueryError",
    "ReadOnlyUnit",
    "RedmapperError",
    "Referenced",
    "SchemaMismatch",
    "SlotMoving",
    "Stale",
    "Store",
    "StoreError",
    "StoreReadOnly",
    "Taken",
    "Unique",
    "UnitActive",
    "UnitClosed",
    "UnitError",
    "UnitOfWork",
    "UnitTooLarge",
    "UnknownField",
    "UnsupportedQuery",
    "Use",
    "ValidationFailed",
    "ValueRefused",
]
