"""Looking at answers."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

PLACES = ("pointer", "parameter", "header")


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that the answer is, with every member that RFC 9457 and we promise."""
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


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """Where the input was invalid, and how: every place once."""
    errors = answer.json()["errors"]
    assert all(error["detail"] for error in errors)
    found = [
        (error[place], error["code"]) for error in errors for place in PLACES if place in error
    ]
    assert len(found) == len(set(found)) == len(errors)
    return set(found)


def digits(answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON with every number as it was written."""
    read: dict[str, Any] = json.loads(answer.text, parse_float=str, parse_int=str)
    return read


def at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """What the calls return, made at the same time."""
    calls = list(calls)
    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result() for each in [threads.submit(call) for call in calls]]
