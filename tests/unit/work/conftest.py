"""What tests of units share."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from redmapper.strategies.memory import BoundMemory
from redmapper.work.plan import FlushPlan


@pytest.fixture
def plans() -> Iterator[list[FlushPlan]]:
    """What has been committed."""
    found: list[FlushPlan] = []
    commit = BoundMemory.commit

    def noting(self: BoundMemory, plan: FlushPlan) -> Any:
        found.append(plan)
        return commit(self, plan)

    with patch.object(BoundMemory, "commit", noting):
        yield found
