"""What the core may say to a server."""

import hashlib

import hiredis
import pytest

from redmapper.testing import drive
from redmapper.wire import (
    Batch,
    BatchReport,
    Command,
    Packed,
    Script,
    ask,
    call,
    keys_of,
)

SCRIPT = Script("one", "return 1")


def test_a_script_is_known_by_its_digest():
    """As a server computes it."""
    assert hashlib.sha1(b"return 1").hexdigest() == SCRIPT.sha  # noqa: S324 - Redis's own choice
    assert Script("ü", "return 'ü'").sha == hashlib.sha1("return 'ü'".encode()).hexdigest()  # noqa: S324 - the same


def test_a_script_prints_without_its_text():
    """Which is long."""
    assert "Script(name='one')" == repr(SCRIPT)


def test_a_call_says_its_keys_and_arguments():
    """By the digest; the number of keys stands before them."""
    command = call(SCRIPT, [b"a", b"b"], [1, "x"])
    assert ("EVALSHA", SCRIPT.sha, 2, b"a", b"b", 1, "x") == command.words
    assert (2, SCRIPT) == (command.keys, command.script)


def test_a_call_in_full_has_the_text():
    """In place of the digest."""
    full = call(SCRIPT, [b"a"], ["x"]).in_full()
    assert (("EVAL", "return 1", 1, b"a", "x"), 1) == (full.words, full.keys)


def test_another_command_is_in_full_already():
    """It has no script."""
    command = Command(("GET", b"a"))
    assert command is command.in_full()


def test_a_packed_call_tells_its_words():
    """All of them as bytes, whatever is in them."""
    command = call(SCRIPT, [b"a\r\n$1", b""], [1, "ü", b"\0" * 70_000])
    packed = Packed(hiredis.pack_command(command.words), command.keys, SCRIPT)  # type: ignore[arg-type]
    expected = (b"a\r\n$1", b"", b"1", "ü".encode(), b"\0" * 70_000)
    assert (b"EVALSHA", SCRIPT.sha.encode(), b"2", *expected) == packed.words
    assert [b"a\r\n$1", b""] == keys_of(packed) == keys_of(command)


def test_a_packed_call_in_full_has_the_text():
    """In place of the digest, as any other."""
    command = call(SCRIPT, [b"a"], [b"x"])
    full = Packed(hiredis.pack_command(command.words), 1, SCRIPT).in_full()  # type: ignore[arg-type]
    assert (("EVAL", "return 1", b"1", b"a", b"x"), 1) == (full.words, full.keys)


def test_a_batch_counts_its_keys():
    """Over all of its commands."""
    batch = Batch("x", b"home", (Command(("GET", b"a")), call(SCRIPT, [b"a", b"b"], [])))
    assert 3 == batch.keys
    assert 0 == Batch("x", b"home", ()).keys


def test_a_batch_can_not_be_changed():
    """Whoever carries it."""
    with pytest.raises(AttributeError):
        Batch("x", b"home", ()).verb = "y"


def test_a_command_can_not_be_changed():
    """Nor can the words of it."""
    command = Command(("GET", b"a"))
    with pytest.raises(AttributeError):
        command.words = ()
    assert isinstance(command.words, tuple)


def test_a_batch_hides_nothing_unless_it_says_so():
    """What it hides is worked out when somebody asks."""
    assert frozenset() == Batch("x", b"home", ()).hidden()


def test_a_report_is_one_line():
    """Verb, commands, keys, milliseconds."""
    assert "find: 1 commands, 2 keys, 0.35 ms" == str(BatchReport("find", 1, 2, 0.3451))


def test_asking_is_a_flow_of_one_batch():
    """Its result are the replies."""
    batch = Batch("x", b"home", (Command(("GET", b"a")),))
    driven = drive(ask(batch), [[b"1"]])
    assert ([b"1"], (batch,)) == (driven.result, driven.batches)
