"""Event consumers, tasks and the AsyncAPI document."""
