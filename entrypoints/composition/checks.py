"""What each group of adapters depends on, for readiness."""

from collections.abc import Mapping
from typing import NewType

from entrypoints.observability.readiness import Check

StorageChecks = NewType("StorageChecks", Mapping[str, Check])
CacheChecks = NewType("CacheChecks", Mapping[str, Check])
BusChecks = NewType("BusChecks", Mapping[str, Check])
