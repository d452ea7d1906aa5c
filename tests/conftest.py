"""What holds for every test."""

from hypothesis import settings

# A deadline measures the machine, not the code: two busy cores would fail a good test.
settings.register_profile("redmapper", deadline=None, print_blob=True)
settings.load_profile("redmapper")
