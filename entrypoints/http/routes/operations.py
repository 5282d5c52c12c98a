"""The routes of those who run the service."""

from typing import Final

import msgspec
from litestar import Response, Router, get

from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.messages.schemas import Health
from entrypoints.http.problems.errors import NotAlive
from entrypoints.http.responses.options import with_options

_HEALTHY = msgspec.json.encode(Health("ok"))
#: What every Prometheus reads, whatever it would rather have.
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


@get("/health")
async def is_alive(request: ApiRequest) -> Response[bytes]:
    """Whether the process serves and each of its loops makes progress (liveness)."""
    if problems := request.services.problems():
        raise NotAlive("; ".join(problems))
    return Response(_HEALTHY, media_type="application/json")


@get("/health/ready")
async def is_ready(request: ApiRequest) -> Response[bytes]:
    """Whether the service can do its work, and how each of its dependencies is (readiness)."""
    report = await request.services.readiness()
    status = 503 if report.status == "down" else 200
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(
        msgspec.json.encode(report),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


@get("/metrics")
async def read_metrics(request: ApiRequest) -> Response[bytes]:
    """Read the metrics of the process, for Prometheus."""
    page = await request.services.metrics()
    return Response(page, headers={"Content-Type": _PROMETHEUS, "Cache-Control": "no-store"})


routes = Router(
    "/", route_handlers=with_options(is_alive, is_ready, read_metrics), tags=["Operations"]
)
