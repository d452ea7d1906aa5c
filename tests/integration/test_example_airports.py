"""docs/examples/airports.py, run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

from servers import Server

PROGRAM = Path(__file__).parents[2] / "docs" / "examples" / "airports.py"


def run(**variables: str) -> str:
    """Run it to its end and return what it prints; it must end well."""
    environment = {**os.environ, "COLUMNS": "120", **variables}
    done = subprocess.run(
        [sys.executable, PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_it_runs_on_a_server_of_its_own(monkeypatch):
    """As `make demo` does: every answer is there, and the program has checked each."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    said = run()
    assert "28,298 airports" in said
    assert "Charles de Gaulle" in said
    assert "airports of France" in said
    assert "walk backward Airports.by_country_and_elevation: Airports.country == 'FR'" in said
    assert "Everything came out as expected." in said


def test_it_runs_on_the_users_server_and_cleans_up(empty_server: Server):
    """With REDIS_URL it takes a namespace of its own, and leaves only bookkeeping there."""
    with empty_server.client() as client:
        client.set("mine", "untouched")
        said = run(REDIS_URL=empty_server.url)
        assert "0 airports are left" in said
        assert b"untouched" == client.get("mine")
        assert client.dbsize() < 20
