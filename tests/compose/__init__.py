"""Tests of the running stack of compose.yaml: `make test-compose`. Not part of `make test`.

pytest collects `stack_tests.py` only if the command names it.
"""
