"""The contract, kept by the real service: a process of its own, asked over HTTP."""
