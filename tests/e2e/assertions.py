"""Assertions about responses."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

LOCATIONS = ("pointer", "parameter", "header")


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that the response is this problem and has all promised members (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert problem["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert problem["title"]
    assert problem["detail"]
    return problem


def field_errors(answer: httpx.Response) -> set[tuple[str, str]]:
    """Return the location and code of each error. Assert that all locations are different."""
    errors = answer.json()["errors"]
    assert all(error["detail"] for error in errors)
    found = [
        (error[location], error["code"])
        for error in errors
        for location in LOCATIONS
        if location in error
    ]
    assert len(found) == len(set(found)) == len(errors)
    return set(found)


def digits(answer: httpx.Response) -> dict[str, Any]:
    """Return the response's JSON with every number as text."""
    read: dict[str, Any] = json.loads(answer.text, parse_float=str, parse_int=str)
    return read


def concurrently(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Run all calls concurrently and return their results."""
    calls = list(calls)
    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result() for each in [threads.submit(call) for call in calls]]
