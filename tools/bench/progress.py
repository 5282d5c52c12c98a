"""A progress bar on standard error."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Steps:
    """Shows the current step of a known number of steps. Use it as a context manager."""

    def __init__(self) -> None:
        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("bench", total=None)
        self._begun = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, steps: int) -> None:
        """Set the number of steps."""
        self._progress.update(self._task, total=steps)

    def show(self, text: str) -> None:
        """Begin the next step."""
        self._progress.update(self._task, completed=self._begun, description=text)
        self._begun += 1
