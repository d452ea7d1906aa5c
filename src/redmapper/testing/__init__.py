"""Public test tools: stores for tests, flows without a server, and a suite for strategies.

- `stores(registry, url)`: fresh stores to run tests with, in memory and on a server.
- `drive(flow, replies)`: a flow run to its end without a server.
- `redmapper.testing.conformance`: what holds for every strategy, as tests for pytest. It is the
  only part that needs pytest, and is imported by its own name.
"""

from redmapper.testing.flows import Answer, Driven, WrongReplies, drive
from redmapper.testing.fresh import FreshStore, stores

__all__ = [
    "Answer",
    "Driven",
    "FreshStore",
    "WrongReplies",
    "drive",
    "stores",
]
