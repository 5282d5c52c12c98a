"""A mutation fuzzer of the HTTP API: `python -m tests.fuzz.fuzz_http`. See docs/fuzzing.md."""
