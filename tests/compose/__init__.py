"""Test the running stack from compose.yaml: `make test-compose`. Not part of `make test`.

pytest only collects `stack_tests.py` if you pass its path.
"""
