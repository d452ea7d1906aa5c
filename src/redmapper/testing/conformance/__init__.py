"""The conformance suite: what holds for a store, whatever strategy stands behind it.

The classes of this package are tests for pytest, which collects them where they are imported. A
module that runs all of them gives them a fixture `open_store`, and imports them:

    import pytest

    from redmapper import AsyncStore, Store
    from redmapper.testing.conformance import *  # every class of tests
    from redmapper.testing.conformance import store_opener
    from my_package import MyStrategy


    @pytest.fixture(params=[Store, AsyncStore])
    def open_store(request):
        strategy = MyStrategy()  # empty: each test has a place of its own

        def make(registry, **options):
            return request.param(registry, strategy=strategy, **options)

        with store_opener(make) as open_store:
            yield open_store

A strategy with a server takes its address and a `namespace` of its own in place of a strategy that
keeps the data. The text of a case is written once: with an `AsyncStore` the same verbs run on an
event loop, behind a front that waits for them.

The first line of a case says what is true. A number at its beginning is that of a point in the list
of what a unit of work must do, which the project keeps.
"""
# ruff: noqa: E402 - pytest must know the modules before they are imported, to show what asserts see

try:
    import pytest
except ImportError as missing:
    message = "the conformance suite runs under pytest, which is not installed: pip install pytest"
    raise ImportError(message) from missing

# --- the rooms -----------------------------------------------------------------------------------

ROOMS = (
    "asking",
    "bulk",
    "committing",
    "conflicts",
    "events",
    "guards",
    "living",
    "overlays",
    "pieces",
    "queries",
    "registering",
    "schemas",
    "sequences",
    "shapes",
    "texts",
    "tracking",
    "uniques",
    "validation",
    "values",
)
pytest.register_assert_rewrite(*(f"{__name__}.{room}" for room in ROOMS))

from redmapper.testing.conformance.asking import (
    TestDamage,
    TestExactness,
    TestExplanations,
    TestKeysAndValues,
    TestPages,
    TestValuesWithoutPlace,
)
from redmapper.testing.conformance.bulk import (
    TestBulk,
    TestStream,
)
from redmapper.testing.conformance.committing import (
    TestCommit,
    TestMiddle,
)
from redmapper.testing.conformance.conflicts import (
    TestFieldsPolicy,
    TestOverwritePolicy,
    TestPickling,
    TestTransact,
    TestVersionPolicy,
)
from redmapper.testing.conformance.events import (
    TestEvents,
    TestHandlersThatRaise,
    TestRegisteringHandlers,
)
from redmapper.testing.conformance.faces import (
    OpenStore,
    store_opener,
)
from redmapper.testing.conformance.guards import (
    TestGetOrAdd,
    TestGuard,
    TestSizes,
)
from redmapper.testing.conformance.living import (
    TestKindsOfUnits,
    TestPartitions,
    TestSecrets,
    TestStores,
    TestUnits,
)
from redmapper.testing.conformance.overlays import (
    TestOverlay,
)
from redmapper.testing.conformance.pieces import (
    TestPieces,
    TestPiecesOfTwo,
)
from redmapper.testing.conformance.queries import (
    TestComposites,
    TestConditions,
    TestOrder,
    TestQueriesOnUnits,
    TestReadable,
    TestRefusedQueries,
    TestTextsInOrder,
    TestWindow,
)
from redmapper.testing.conformance.registering import (
    TestAdd,
    TestDelete,
    TestKeys,
    TestPut,
    TestRefresh,
    TestReplace,
    TestReplacement,
    TestUntrack,
)
from redmapper.testing.conformance.schemas import (
    TestOlderRecords,
    TestSchemas,
    TestUnknownFields,
)
from redmapper.testing.conformance.sequences import (
    TestMadeKeys,
    TestSequences,
)
from redmapper.testing.conformance.shapes import (
    TestShapes,
    TestShapesAtWork,
)
from redmapper.testing.conformance.texts import (
    TestRefusedValues,
    TestTexts,
)
from redmapper.testing.conformance.tracking import (
    TestChanges,
    TestIdentity,
    TestMany,
    TestRefusedObjects,
    TestStates,
    TestVersions,
)
from redmapper.testing.conformance.uniques import (
    TestHandOver,
    TestTaken,
    TestUniqueValues,
    TestViolations,
)
from redmapper.testing.conformance.validation import (
    TestValidateKeyword,
    TestValidationAtCommit,
)
from redmapper.testing.conformance.values import (
    TestNested,
    TestSameValues,
    TestScalars,
    TestValues,
)

__all__ = [
    "OpenStore",
    "TestAdd",
    "TestBulk",
    "TestChanges",
    "TestCommit",
    "TestComposites",
    "TestConditions",
    "TestDamage",
    "TestDelete",
    "TestEvents",
    "TestExactness",
    "TestExplanations",
    "TestFieldsPolicy",
    "TestGetOrAdd",
    "TestGuard",
    "TestHandOver",
    "TestHandlersThatRaise",
    "TestIdentity",
    "TestKeys",
    "TestKeysAndValues",
    "TestKindsOfUnits",
    "TestMadeKeys",
    "TestMany",
    "TestMiddle",
    "TestNested",
    "TestOlderRecords",
    "TestOrder",
    "TestOverlay",
    "TestOverwritePolicy",
    "TestPages",
    "TestPartitions",
    "TestPickling",
    "TestPieces",
    "TestPiecesOfTwo",
    "TestPut",
    "TestQueriesOnUnits",
    "TestReadable",
    "TestRefresh",
    "TestRefusedObjects",
    "TestRefusedQueries",
    "TestRefusedValues",
    "TestRegisteringHandlers",
    "TestReplace",
    "TestReplacement",
    "TestSameValues",
    "TestScalars",
    "TestSchemas",
    "TestSecrets",
    "TestSequences",
    "TestShapes",
    "TestShapesAtWork",
    "TestSizes",
    "TestStates",
    "TestStores",
    "TestStream",
    "TestTaken",
    "TestTexts",
    "TestTextsInOrder",
    "TestTransact",
    "TestUniqueValues",
    "TestUnits",
    "TestUnknownFields",
    "TestUntrack",
    "TestValidateKeyword",
    "TestValidationAtCommit",
    "TestValues",
    "TestValuesWithoutPlace",
    "TestVersionPolicy",
    "TestVersions",
    "TestViolations",
    "TestWindow",
    "store_opener",
]
