"""PostgreSQL as the storage; no other part of the composition root depends on it."""
