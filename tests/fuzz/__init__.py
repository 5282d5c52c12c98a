"""A mutation fuzzer of the HTTP API: `python -m tests.fuzz.fuzz_http`. docs/fuzzing.md says how."""
