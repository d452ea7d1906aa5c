"""What a store tells of its batches: a line to the log, values to nobody but `echo`."""

from __future__ import annotations

import logging

import attrs

from redmapper.wire import Argument, Batch, BatchReport, OnBatch

logger = logging.getLogger("redmapper")

LONGEST_WORD = 80


@attrs.frozen
class Observer:
    """Where the reports of a store go."""

    echo: bool = False
    on_batch: OnBatch | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody is interested."""
        return not (self.echo or self.on_batch or logger.isEnabledFor(logging.DEBUG))

    def report(self, batch: Batch, seconds: float) -> None:
        """Tell of one batch."""
        report = BatchReport(batch.verb, len(batch.commands), batch.keys, seconds * 1000)
        logger.debug("%s", report)
        self._hand_over(report)
        if self.echo:
            print(f"redmapper {report}")  # noqa: T201 - what echo is for
            hidden = batch.hidden()
            for command in batch.commands:
                print("   ", " ".join(_shown(word, hidden) for word in command.words))  # noqa: T201

    def _hand_over(self, report: BatchReport) -> None:
        """A failing observer must not look like a failed commit: the batch has been carried."""
        if self.on_batch is None:
            return
        try:
            self.on_batch(report)
        except Exception:
            logger.exception("on_batch failed")


def _shown(word: Argument, hidden: frozenset[Argument]) -> str:
    if word in hidden:
        return "..."
    text = repr(word)[1:] if isinstance(word, bytes) else str(word)
    return text if len(text) <= LONGEST_WORD else f"{text[: LONGEST_WORD - 3]}..."
