"""PostgreSQL as the storage. No other part of the composition root depends on it."""
