"""What a store tells of its batches."""

import logging

import pytest

from redmapper import BatchReport
from redmapper.faces.observe import LONGEST_WORD, Observer
from redmapper.wire import Batch, Command, Script, call

BATCH = Batch(
    "commit",
    b"home",
    (
        Command(("HGETALL", b"{s}:User:7")),
        call(Script("x", "return 1"), [b"a", b"b"], ["text", 12, b"\0\xff", b"hush", "k" * 100]),
    ),
    lambda: frozenset({b"hush"}),
)


def test_a_batch_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture):
    """Verb, commands, keys and time; never a value."""
    with caplog.at_level(logging.DEBUG, logger="redmapper"):
        Observer().report(BATCH, 0.001234)
    assert [("redmapper", logging.DEBUG, "commit: 2 commands, 3 keys, 1.23 ms")] == (
        caplog.record_tuples
    )


def test_a_batch_is_handed_over():
    """As a value."""
    reports: list[BatchReport] = []
    Observer(on_batch=reports.append).report(BATCH, 0.5)
    assert [BatchReport("commit", 2, 3, 500.0)] == reports


def test_a_failing_observer_is_logged(caplog: pytest.LogCaptureFixture):
    """The batch has been carried: a commit must not look as if it had failed."""

    def fail(_: BatchReport) -> None:
        raise ValueError

    Observer(on_batch=fail).report(BATCH, 0.5)
    assert ["on_batch failed"] == [record.message for record in caplog.records]


def test_an_echo_prints_values(capsys: pytest.CaptureFixture[str]):
    """Hidden ones as `...`; long ones cut."""
    Observer(echo=True).report(BATCH, 0.5)
    sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    long = "k" * (LONGEST_WORD - 3) + "..."
    expected = [
        "redmapper commit: 2 commands, 3 keys, 500.00 ms",
        "    HGETALL '{s}:User:7'",
        rf"    EVALSHA {sha} 2 'a' 'b' text 12 '\x00\xff' ... {long}",
    ]
    assert expected == capsys.readouterr().out.splitlines()


def test_what_is_hidden_is_asked_for_once(capsys: pytest.CaptureFixture[str]):
    """And only by an echo: nothing else shows a value."""
    asked = []
    batch = BATCH._replace(hidden=lambda: frozenset(asked.append(1) or [b"hush"]))
    Observer(on_batch=lambda _: None).report(batch, 0.5)
    assert [] == asked
    Observer(echo=True).report(batch, 0.5)
    assert [1] == asked
    assert "hush" not in capsys.readouterr().out


def test_nothing_is_printed_unless_asked(capsys: pytest.CaptureFixture[str]):
    """The log has its own handlers."""
    Observer().report(BATCH, 0.5)
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("observer", "expected"),
    [(Observer(), True), (Observer(echo=True), False), (Observer(on_batch=print), False)],
    ids=["nobody", "echo", "on_batch"],
)
def test_nobody_measures_for_nobody(observer: Observer, expected: bool):  # noqa: FBT001 - a case
    """Then a batch is carried without looking at the clock."""
    assert expected == observer.idle


def test_a_log_at_debug_is_somebody(caplog: pytest.LogCaptureFixture):
    """It is asked each time."""
    with caplog.at_level(logging.DEBUG, logger="redmapper"):
        assert not Observer().idle
