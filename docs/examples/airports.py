"""28,298 airports on Redis: plain objects, indexes that hold, and conflicts that are found.

`make demo` runs this on a Redis of its own. `REDIS_URL=redis://localhost:6379/0 make demo` runs it
on yours, in a namespace of its own, and deletes all that it wrote. It ends with an error when an
answer is not the one that the list of airports gives.
"""

import os
import sys
import time
from collections.abc import Iterable
from typing import NoReturn
from uuid import uuid4

import airportsdata
import attrs
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table

from redis_server import running_redis
from redmapper import (
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    Ordered,
    Stale,
    Store,
    Taken,
    Unique,
)

# --- what an airport is: a class that knows nothing of Redis -----------------------------------


@attrs.define
class Airport:
    """An airport, as its clerks know it."""

    icao: str
    iata: str | None
    name: str
    city: str
    country: str
    elevation: float  # feet


# --- how airports are stored: the only place that knows ----------------------------------------


class Airports(Mapper[Airport]):
    """Airports by their ICAO code."""

    icao = Key[str]()
    iata = Field[str | None]()
    name = Field[str]()
    country = Field[str]()
    elevation = Field[float]()

    by_iata = Unique(iata)  # an airport without a code, None, takes nobody's
    by_name = Ordered(name)
    by_country = Lookup(country)
    by_elevation = Ordered(elevation)
    by_country_and_elevation = Ordered(country, elevation)


registry = MapperRegistry(Airports)

UNIT = 1_000  # airports a commit
PAGE = 150
console = Console()


def main() -> None:
    """Write all airports, ask about some, and let clerks get into each other's way."""
    airports = read_airports()
    with running_redis() as url:
        namespace = f"airports-demo-{uuid4().hex[:8]}"
        with Store(registry, url, namespace=namespace) as store:
            try:
                write(store, airports)
                ask(store, airports)
                page_through_france(store, airports)
                explain(store, airports)
                rename_twice(store)
                steal_a_code(store)
                rotate_codes(store)
            finally:
                if "REDIS_URL" in os.environ:
                    delete(store, airports)
    console.print("\n[green]Everything came out as expected.[/green]")


# --- writing -----------------------------------------------------------------------------------


def read_airports() -> list[Airport]:
    """The airports of the package `airportsdata`; in it, no code is empty text."""
    return [
        Airport(
            icao=row["icao"],
            iata=row["iata"] or None,
            name=row["name"],
            city=row["city"],
            country=row["country"],
            elevation=row["elevation"],
        )
        for row in airportsdata.load("ICAO").values()
    ]


def write(store: Store, airports: list[Airport]) -> None:
    """Each unit is one atomic commit: 1,000 airports with all their index entries, or nothing."""
    title("Writing")
    began = time.perf_counter()
    with progress_bar() as progress:
        task = progress.add_task("airports", total=len(airports))
        for start in range(0, len(airports), UNIT):
            with store.unit() as uow:
                uow.add_all(airports[start : start + UNIT])
            progress.advance(task, len(airports[start : start + UNIT]))
    seconds = time.perf_counter() - began

    count = store.query(Airport).count()
    rate = count / seconds
    console.print(f"{count:,} airports stored in {seconds:.1f} s: {rate:,.0f} a second.")
    expect(len(airports), count)


def delete(store: Store, airports: list[Airport]) -> None:
    """Delete every airport, whichever were written; a missing one is no error."""
    for start in range(0, len(airports), UNIT):
        with store.unit() as uow:
            for airport in airports[start : start + UNIT]:
                uow.delete_by_key(Airport, airport.icao)
    console.print(f"\nDeleted them again: {store.query(Airport).count()} airports are left.")


# --- asking ------------------------------------------------------------------------------------


def ask(store: Store, airports: list[Airport]) -> None:
    """Three questions, each answered by an index in one round trip."""
    with store.unit() as uow:
        paris = uow.get_by(Airports.by_iata, "CDG")
        highest = (
            uow.query(Airport)
            .where(Airports.country == "NP")
            .order_by(Airports.elevation.desc())
            .limit(10)
            .all()
        )
        saints = (
            uow.query(Airport)
            .where(Airports.name.startswith("Saint"))
            .order_by(Airports.name)
            .all()
        )

    title("The airport with IATA code CDG")
    show([paris] if paris else [])
    expect([a for a in airports if a.iata == "CDG"], [paris])

    title("The ten highest of Nepal")
    show(highest)
    nepal = [a for a in airports if a.country == "NP"]
    expect(sorted(nepal, key=lambda a: (a.elevation, a.icao), reverse=True)[:10], highest)

    title('Names that begin with "Saint"')
    show(saints)
    named = [a for a in airports if a.name.startswith("Saint")]
    expect(sorted(named, key=lambda a: (a.name, a.icao)), saints)


def page_through_france(store: Store, airports: list[Airport]) -> None:
    """All of France by name, a page at a time; each token is where the next page begins."""
    query = store.query(Airport).where(Airports.country == "FR").order_by(Airports.name)
    title(f"The {query.count()} airports of France, {PAGE} a page")
    table = table_of("page", "from", "to")
    names, page = [], query.page(PAGE)
    while page.items:
        names += [airport.name for airport in page.items]
        table.add_row(str(table.row_count + 1), page.items[0].name, page.items[-1].name)
        if page.next is None:
            break
        page = query.page(PAGE, after=page.next)
    console.print(table)
    expect(sorted(a.name for a in airports if a.country == "FR"), names)


def explain(store: Store, airports: list[Airport]) -> None:
    """How three queries were answered: by which index, and what was left to do."""
    title("How queries are answered")
    france = store.query(Airport).where(Airports.country == "FR")
    saints = france.where(Airports.name.contains("Saint"))
    for query in (
        france.order_by(Airports.elevation.desc()).limit(5),
        france.order_by(Airports.name).limit(5),
        saints,
    ):
        console.print(escape(str(query.explain(analyze=True))), "\n", highlight=False)
    count = sum(a.country == "FR" and "Saint" in a.name for a in airports)
    expect(count, saints.count())


# --- clerks ------------------------------------------------------------------------------------


def rename_twice(store: Store) -> None:
    """Two clerks load one airport and rename it; the second to commit is told what happened."""
    title("Two clerks rename one airport")
    try:
        with store.unit() as anns:
            lukla = anns.require(Airport, "VNLK")
            with store.unit() as bobs:
                bobs.require(Airport, "VNLK").name = "Tenzing-Hillary Airport"
            lukla.name = "Gateway to Everest"
    except Stale as stale:
        console.print("Bob was first. Ann gets [bold]Stale[/bold], with all she needs to decide:")
        versions = {"base": stale.base, "mine": stale.mine, "stored": stale.stored}
        meanings = ("as Ann loaded it", "as she would have written it", "as Bob left it")
        table = table_of("", "name", "")
        for (label, airport), meaning in zip(versions.items(), meanings, strict=True):
            table.add_row(label, name_of(airport), meaning)
        console.print(table)
        names = ["Lukla Airport", "Gateway to Everest", "Tenzing-Hillary Airport"]
        expect(names, [name_of(airport) for airport in versions.values()])
    else:
        fail("both renamings were committed, and one was lost")
    expect("Tenzing-Hillary Airport", store.require(Airport, "VNLK").name)


def steal_a_code(store: Store) -> None:
    """A clerk gives Orly the code of Charles de Gaulle."""
    title("A clerk steals an IATA code")
    try:
        with store.unit() as uow:
            uow.require(Airport, "LFPO").iata = "CDG"
    except Taken as taken:
        owner = store.require(Airport, taken.owner)
        console.print(f"[bold]Taken[/bold]: {escape(str(taken))}\n")
        console.print(f"{taken.value} belongs to {taken.owner}, {owner.name}.")
        expect(("by_iata", "CDG", "LFPG"), (taken.index, taken.value, taken.owner))
    else:
        fail("two airports have one IATA code")
    expect("ORY", store.require(Airport, "LFPO").iata)


def rotate_codes(store: Store) -> None:
    """Three airports pass their codes round: no order of single steps could do it."""
    title("Three airports rotate their IATA codes in one commit")
    keys = ["LFPG", "EGLL", "EDDF"]
    with store.unit() as uow:
        airports = [uow.require(Airport, key) for key in keys]
        before = [airport.iata for airport in airports]
        for airport, code in zip(airports, before[1:] + before[:1], strict=True):
            airport.iata = code

    table = table_of("airport", "before", "after")
    for airport, code in zip(airports, before, strict=True):
        table.add_row(airport.name, code, airport.iata)
    console.print(table)
    with store.unit() as uow:
        owners = [uow.get_by(Airports.by_iata, code) for code in ("LHR", "FRA", "CDG")]
    expect(keys, [owner and owner.icao for owner in owners])


# --- saying it ---------------------------------------------------------------------------------


def title(text: str) -> None:
    """Begin a chapter."""
    console.print()
    console.rule(f"[bold]{text}", align="left")


def show(airports: Iterable[Airport]) -> None:
    """Print airports as a table, one line each."""
    table = table_of("ICAO", "IATA", "name", "country")
    table.add_column("elevation", justify="right", no_wrap=True)
    for a in airports:
        table.add_row(a.icao, a.iata, a.name, a.country, f"{a.elevation:,.0f} ft")
    console.print(table)


def table_of(*headings: str) -> Table:
    """An empty table whose long texts are cut rather than wrapped."""
    return Table(*(Column(heading, no_wrap=True) for heading in headings), box=box.SIMPLE_HEAD)


def progress_bar() -> Progress:
    """A bar with a count."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console)


def name_of(airport: object) -> str | None:
    """The name of an airport that an error carries, None where it carries none."""
    return airport.name if isinstance(airport, Airport) else None


def expect(expected: object, actual: object) -> None:
    """End with an error unless the two are equal."""
    if expected != actual:
        fail(f"expected {expected!r}, got {actual!r}")


def fail(message: str) -> NoReturn:
    """End with an error."""
    sys.exit(f"Not as it should be: {message}")


if __name__ == "__main__":
    main()
