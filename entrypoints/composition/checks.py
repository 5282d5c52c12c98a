"""Readiness checks by name, for each group of adapters."""

from collections.abc import Mapping
from typing import NewType

from entrypoints.observability.readiness import Check

StorageChecks = NewType("StorageChecks", Mapping[str, Check])
CacheChecks = NewType("CacheChecks", Mapping[str, Check])
BusChecks = NewType("BusChecks", Mapping[str, Check])
