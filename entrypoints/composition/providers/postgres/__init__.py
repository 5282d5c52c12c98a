"""PostgreSQL as the storage: the only place in the composition root that knows PostgreSQL."""
