"""Tests of the contract against the real service, as a separate process, over HTTP."""
