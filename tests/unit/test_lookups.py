"""No class of the package has its attributes looked up the long way."""

import inspect
import pkgutil
from importlib import import_module

import redmapper


def test_cached_properties_stand_in_a_dict():
    """With slots attrs makes them by a `__getattr__`, and then every attribute costs a call."""
    modules = [
        import_module(each.name) for each in pkgutil.walk_packages(redmapper.__path__, "redmapper.")
    ]
    classes = [
        each for module in modules for each in vars(module).values() if inspect.isclass(each)
    ]
    ours = {
        each
        for each in classes
        if each.__module__.startswith("redmapper.")
        and not each.__module__.startswith("redmapper.testing.")  # entities of its own
    }
    assert len(ours) > 100
    slotted = {each.__name__ for each in ours if "__slots__" in vars(each)}
    assert set() == {each.__name__ for each in ours if "__getattr__" in vars(each)} & slotted
