"""Event delivery: relay, requeue, dead letters, replay, purge and audit."""
