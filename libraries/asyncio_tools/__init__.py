"""Tools for asyncio: cancellation, time budgets and heartbeats."""
