"""Tests of the HTTP layer, including its documents, parsers and problems."""
