"""The routes for operators: liveness, readiness and metrics."""

from typing import Final

import msgspec
from dishka import FromDishka
from litestar import Response, get

from entrypoints.http.errors import NotAlive
from entrypoints.http.messages import schemas
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import TEXT, Answer, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.observability.metrics.scrape import Metrics
from entrypoints.observability.readiness import Readiness
from entrypoints.processes.supervisor import Supervisor

_HEALTHY = msgspec.json.encode(schemas.Health("ok"))
#: Every version of Prometheus can read this format, so `Accept` is ignored.
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


@get("/health")
@operation(
    description=(
        "This check does not fail if PostgreSQL, Redis or Kafka is unreachable, because restarting"
        " the service would not help."
    ),
    answers=(
        Answer(
            200,
            "The process is serving requests, and its loops are making progress.",
            schemas.Health,
            {"alive": examples.HEALTHY},
        ),
    ),
    errors=(NotAlive("relay has made no progress for 60 s"),),
)
async def is_alive(supervisor: FromDishka[Supervisor]) -> Response[bytes]:
    """Check that the process serves requests and its loops are making progress (liveness)."""
    if problems := supervisor.problems():
        raise NotAlive("; ".join(problems))
    return Response(_HEALTHY, media_type="application/json")


@get("/health/ready")
@operation(
    description="Without Redis or Kafka the service is degraded, but every route still works.",
    answers=(
        Answer(
            200,
            "The service is ready, although it may be degraded.",
            schemas.ReadinessSchema,
            {"ok": examples.READY, "degraded": examples.DEGRADED},
        ),
        Answer(
            503,
            "PostgreSQL is unreachable.",
            schemas.ReadinessSchema,
            {"down": examples.DOWN},
            ("Retry-After",),
        ),
    ),
)
async def is_ready(readiness: FromDishka[Readiness]) -> Response[bytes]:
    """Check whether the service and each of its dependencies are ready (readiness)."""
    report = await readiness()
    status = 503 if report.status == "down" else 200
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(
        msgspec.json.encode(report),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


@get("/metrics")
@operation(
    description=(
        "Prometheus text format, version 0.0.4. Metrics that cannot be collected within a second"
        " are left out. If there are several workers, their counts are added up."
    ),
    answers=(
        Answer(
            200,
            "The metrics.",
            str,
            {"some": examples.METRICS},
            ("Cache-Control",),
            media_type=TEXT,
        ),
    ),
)
async def read_metrics(metrics: FromDishka[Metrics]) -> Response[bytes]:
    """Read the metrics of the process, for Prometheus."""
    page = await metrics()
    return Response(page, headers={"Content-Type": _PROMETHEUS, "Cache-Control": "no-store"})


ROUTES: Final = Routes("Operations", (is_alive, is_ready, read_metrics))
