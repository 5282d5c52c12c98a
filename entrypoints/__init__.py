"""The driving side: HTTP, the command line, the loops of the roles, settings and composition.

The entrypoints call the use cases. Only `entrypoints.composition` imports adapters.
"""

from libraries.lean_imports import import_lean

import_lean()  # here, because every process imports this package first
