"""Two units, step by step in every order: what comes of them is what some serial order gives.

A program is up to four steps of one unit, a commit being the last. Two programs are run in every
order of their steps. Where both commits land, the store must be as if one program had run after the
other; where one is refused by a `Conflict`, as if only the other had run. So no update is lost, no
value has two owners, and no guard is slipped past, wherever one unit stands when the other commits.
"""

import itertools
import random
import secrets
from collections.abc import Callable, Iterator

import attrs
import pytest

from redmapper import (
    Conflict,
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    NotFound,
    Ordered,
    Store,
    Unique,
    UnitOfWork,
)
from servers import Server

ON_A_SERVER = 250
"""Pairs and orders that are tried on each server; in memory it is all of them."""


@attrs.define
class Seat:
    """One of two that both programs want."""

    id: int
    owner: str | None = None
    count: int = 0
    log: list[str] = attrs.field(factory=list)


class Seats(Mapper[Seat]):
    """Its mapper."""

    id = Key[int]()
    owner = Field[str | None]()
    count = Field[int]()
    log = Field[list[str]]()

    by_owner = Unique(owner)
    by_count = Ordered(count)
    by_log = Lookup(log)


REGISTRY = MapperRegistry(Seats)
State = list[Seat]
Step = Callable[[UnitOfWork, str], object]
Program = tuple[Step, ...]


def seat(uow: UnitOfWork, key: int) -> Seat:
    """A seat; whoever read it before has it already."""
    return uow.require(Seat, key)


def read(uow: UnitOfWork, _: str) -> None:
    """Know both seats as they are now, where they are there."""
    uow.get_many(Seat, [1, 2])


def count(uow: UnitOfWork, _: str) -> None:
    """Read, add one, write."""
    seat(uow, 1).count += 1


def move(uow: UnitOfWork, _: str) -> None:
    """From one seat to the other."""
    first, second = seat(uow, 1), seat(uow, 2)
    first.count, second.count = first.count - 1, second.count + 1


def sign(uow: UnitOfWork, name: str) -> None:
    """Change a list in place."""
    seat(uow, 2).log.append(name)


def swap(uow: UnitOfWork, _: str) -> None:
    """Of unique values."""
    first, second = seat(uow, 1), seat(uow, 2)
    first.owner, second.owner = second.owner, first.owner


def claim(uow: UnitOfWork, _: str) -> None:
    """A value that nobody has at first."""
    seat(uow, 1).owner = "new"


def claim_other(uow: UnitOfWork, _: str) -> None:
    """The same value, by the other seat."""
    seat(uow, 2).owner = "new"


def leave(uow: UnitOfWork, _: str) -> None:
    """Give a value up."""
    seat(uow, 1).owner = None


def insert(uow: UnitOfWork, name: str) -> None:
    """One that the other may insert too, with a value that a seat had."""
    uow.add(Seat(3, "ann", log=[name]))


def delete(uow: UnitOfWork, _: str) -> None:
    """The seat that others change."""
    uow.delete(seat(uow, 1))


def replace(uow: UnitOfWork, name: str) -> None:
    """Delete and add under the same key."""
    uow.delete(seat(uow, 1))
    uow.add(Seat(1, "ann", log=[name]))


def go_if_both_are_there(uow: UnitOfWork, name: str) -> None:
    """The write skew: read both, write one's own, and guard the other."""
    own, other = (1, 2) if name == "first" else (2, 1)
    uow.guard(seat(uow, other))
    if seat(uow, other).count >= 0:
        seat(uow, own).count = -1


def ensure(uow: UnitOfWork, name: str) -> None:
    """Get or add."""
    uow.get_or_add(Seats.by_owner, "new", factory=lambda: Seat(4, "new", log=[name])).count += 1


def commit(uow: UnitOfWork, _: str) -> None:
    """In the middle, and at the end."""
    uow.commit()


PROGRAMS: tuple[Program, ...] = (
    (count,),
    (read, count),
    (read, move),
    (sign, count),
    (read, swap),
    (read, claim),
    (claim_other, sign),
    (read, leave, count),
    (leave, insert),
    (read, delete),
    (delete, insert),
    (read, replace),
    (read, go_if_both_are_there),
    (ensure,),
    (read, ensure, sign),
    (read, swap, claim),
)


@attrs.define
class Run:
    """One program under way: its unit, and whether it was refused."""

    name: str
    unit: UnitOfWork
    steps: Iterator[Step]
    failed: bool = False

    @classmethod
    def of(cls, store: Store, program: Program, name: str) -> "Run":
        """At its beginning."""
        return cls(name, store.unit().__enter__(), iter((*program, commit)))

    def step(self) -> None:
        """The next one; one that was refused, or found nothing, does nothing any more."""
        if self.failed:
            return
        try:
            next(self.steps)(self.unit, self.name)
        except (Conflict, NotFound):
            self.failed = True

    def end(self) -> None:
        """Leave the block; what is not committed by then is nothing."""
        self.unit.rollback()
        self.unit.__exit__(None, None, None)


def begin(store: Store) -> None:
    """Two seats, and no other."""
    with store.unit() as uow:
        for key in range(1, 5):
            uow.delete_by_key(Seat, key)
    with store.unit() as uow:
        uow.add_all([Seat(1, "ann"), Seat(2, "bob")])


def state_of(store: Store) -> State:
    """All that is stored, and proof that its entries say the same."""
    seats = store.query(Seat).all()
    for each in seats:
        assert each.owner is None or each == store.get_by(Seats.by_owner, each.owner)
        assert each in store.query(Seat).where(Seats.count == each.count)
        assert all(each in store.query(Seat).where(Seats.log.has(name)) for name in each.log)
    for name in ("ann", "bob", "new"):
        owners = [each for each in seats if name == each.owner]
        found = store.get_by(Seats.by_owner, name)
        assert owners == ([] if found is None else [found])
    return seats


def run(store: Store, programs: tuple[Program, Program], order: str) -> tuple[State, str]:
    """Carry the steps out in an order of `a` and `b`; what is stored, and whose commits landed."""
    begin(store)
    runs = {
        name: Run.of(store, program, title)
        for name, program, title in zip("ab", programs, ("first", "second"), strict=True)
    }
    try:
        for name in order:
            runs[name].step()
    finally:
        for each in runs.values():
            each.end()
    landed = "".join(name for name in "ab" if not runs[name].failed)
    return state_of(store), landed


def orders(programs: tuple[Program, Program]) -> Iterator[str]:
    """Every order of the steps of both, the commits among them."""
    first, second = (len(program) + 1 for program in programs)
    for places in itertools.combinations(range(first + second), first):
        yield "".join("a" if place in places else "b" for place in range(first + second))


def serial(store: Store, programs: tuple[Program, Program]) -> dict[str, list[State]]:
    """What may come of it, by whose commits landed: both in either order, or one alone."""
    first, second = (len(program) + 1 for program in programs)
    after = [
        run(store, programs, order)
        for order in ("a" * first + "b" * second, "b" * second + "a" * first)
    ]
    allowed: dict[str, list[State]] = {"a": [], "b": [], "ab": [], "": []}
    for state, landed in after:
        allowed[landed].append(state)
    allowed["a"].append(run(store, programs, "a" * first)[0])
    allowed["b"].append(run(store, programs, "b" * second)[0])
    return allowed


PAIRS = list(itertools.product(PROGRAMS, repeat=2))


def title(program: Program) -> str:
    """A program by the names of its steps."""
    return "+".join(step.__name__ for step in program)


@pytest.mark.parametrize("first", PROGRAMS, ids=title)
def test_every_order_in_memory(first: Program):
    """Each program beside every other one, in every order of their steps."""
    store = Store(REGISTRY)
    for second in PROGRAMS:
        programs = (first, second)
        allowed = serial(store, programs)
        for order in orders(programs):
            state, landed = run(store, programs, order)
            assert landed, (title(second), order)
            assert state in allowed[landed], (title(second), order, landed)


def test_some_orders_on_a_server(server: Server):
    """The same on the Lua strategy, of pairs and orders drawn with a fixed seed."""
    every = [(programs, order) for programs in PAIRS for order in orders(programs)]
    drawn = random.Random(7).sample(every, ON_A_SERVER)
    memory = Store(REGISTRY)
    with Store(REGISTRY, server.url, namespace=f"orders-{secrets.token_hex(4)}") as store:
        for programs, order in drawn:
            expected = run(memory, programs, order)
            assert expected == run(store, programs, order), (*map(title, programs), order)


def test_there_are_programs_of_every_length():
    """With the commit up to four steps; together thousands of orders."""
    assert {2, 3, 4} == {len(program) + 1 for program in PROGRAMS}
    assert 6_000 < sum(sum(1 for _ in orders(programs)) for programs in PAIRS)
