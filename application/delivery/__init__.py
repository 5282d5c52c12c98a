"""Event delivery: the relay, requeueing, dead letters, replays, purging and the audit."""
