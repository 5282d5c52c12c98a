"""Retention: what nobody will need again, swept."""

from typing import Final

#: Seconds between two rounds.
PERIOD: Final = 3600.0
