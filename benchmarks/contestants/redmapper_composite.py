"""redmapper with two indexes more: each has the fields of a query and nothing else."""

from __future__ import annotations

from datetime import datetime

from contestants import redmapper_lua
from contestants.redmapper_lua import User
from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Store, Unique

ABOUT = "as redmapper, with an index by city and time and one by city and age"


class Users(Mapper[User]):
    """Seven indexes."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str]()
    age = Field[int]()
    city = Field[str]()
    created = Field[datetime]()

    by_email = Unique(email)
    by_name = Lookup(name)
    by_city = Lookup(city)
    by_age = Ordered(age)
    by_created = Ordered(created)
    by_city_created = Ordered(city, created.desc())
    by_city_age = Ordered(city, age)


class Contestant(redmapper_lua.Contestant):
    """What the workloads ask for: the same, of this mapper."""

    USERS = Users


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    return Contestant(Store(MapperRegistry(Users), url, namespace="shop"))
