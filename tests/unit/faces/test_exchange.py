"""What both runners do with a batch."""

from typing import Any

import pytest
from redis import exceptions as theirs

from redmapper import ForeignType, OutOfMemory
from redmapper.faces.exchange import MANY_WORDS, accepted, packed, unknown_script
from redmapper.wire import Argument, Batch, Command, Packed, Script, call

SCRIPT = Script("one", "return 1")
BATCH = Batch(
    "find",
    b"home",
    (Command(("GET", b"k\0")), call(SCRIPT, [b"a"], [b"\xff", "ü", 12])),
)
CALL = Batch("find", b"home", (call(SCRIPT, [b"a"], []),))


def resp(*words: bytes) -> bytes:
    """A command as the protocol has it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def test_a_batch_is_packed_for_one_sending():
    """Bytes as they are, text as UTF-8, numbers as digits, scripts by their digest."""
    sha = b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    calling = (b"EVALSHA", sha, b"1", b"a", b"\xff", "ü".encode(), b"12")
    assert [resp(b"GET", b"k\0") + resp(*calling)] == list(packed(BATCH, in_full=False))


def test_a_batch_is_packed_with_its_scripts_in_full():
    """For a server that does not know them."""
    calling = (b"EVAL", b"return 1", b"1", b"a", b"\xff", "ü".encode(), b"12")
    assert [resp(b"GET", b"k\0") + resp(*calling)] == list(packed(BATCH, in_full=True))


@pytest.mark.parametrize("last", [b"", b"\xff" * 5000, "ü", 2**70], ids=repr)
@pytest.mark.parametrize("count", [MANY_WORDS, MANY_WORDS + 1, 3 * MANY_WORDS])
def test_a_command_of_many_words_is_packed_in_parts(last: Argument, count: int):
    """Whatever the words are; the parts are one command."""
    words = ("EVALSHA", 12, *[b"%d" % number for number in range(count - 3)], last)
    batch = Batch("commit", b"home", (Command(words),))
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    parts = list(packed(batch, in_full=False))
    assert resp(*encoded) == b"".join(parts)
    assert -(-count // MANY_WORDS) == len(parts)


@pytest.mark.parametrize("last", [b"", b"\xff" * 5000, "ü", 2**70], ids=repr)
def test_any_word_is_packed(last: Argument):
    """Of a command of few words, in one piece."""
    encoded = last if isinstance(last, bytes) else str(last).encode()
    batch = Batch("commit", b"home", (Command((b"EVALSHA", 12, last)),))
    assert [resp(b"EVALSHA", b"12", encoded)] == list(packed(batch, in_full=False))


def test_what_is_packed_is_sent_as_it_is():
    """Unless it must go in full, or beside others."""
    said = Packed(resp(b"EVALSHA", SCRIPT.sha.encode(), b"1", b"k\r\n"), 1, SCRIPT)
    assert [said.packed] == list(packed(Batch("find", b"home", (said,)), in_full=False))
    in_full = resp(b"EVAL", b"return 1", b"1", b"k\r\n")
    assert [in_full] == list(packed(Batch("find", b"home", (said,)), in_full=True))
    both = Batch("find", b"home", (said, Command(("GET", b"a"))))
    assert [said.packed + resp(b"GET", b"a")] == list(packed(both, in_full=False))


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([theirs.NoScriptError("No matching script")], True),
        ([theirs.ResponseError("ERR")], False),
        ([b"x"], False),
    ],
    ids=repr,
)
def test_a_forgotten_script_is_noticed(replies: list[Any], expected: bool):  # noqa: FBT001 - a case
    """After a SCRIPT FLUSH, a restart, a failover."""
    assert expected == unknown_script(CALL, replies)


@pytest.mark.parametrize("replies", [[], [theirs.NoScriptError("No matching script")]], ids=repr)
def test_a_batch_without_a_script_has_none_to_be_forgotten(replies: list[Any]):
    """There is nothing to send in full."""
    assert not unknown_script(Batch("load", b"home", (Command(("GET", b"a")),)), replies)


def test_replies_are_accepted():
    """As they are."""
    replies = [b"x", 1, None, [b"y"], []]
    assert replies == accepted(replies)


def test_the_first_error_among_replies_is_raised():
    """As ours; redis-py's own is its cause."""
    wrong = theirs.ResponseError("WRONGTYPE no")
    with pytest.raises(ForeignType) as refused:
        accepted([b"x", wrong, theirs.OutOfMemoryError("full")])
    assert wrong is refused.value.__cause__
    with pytest.raises(OutOfMemory):
        accepted([theirs.OutOfMemoryError("full"), wrong])
