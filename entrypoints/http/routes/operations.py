"""The routes of those who run the service."""

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
#: What every Prometheus reads, whatever it would rather have.
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


@get("/health")
@operation(
    description="A server that is out of reach is no reason: a restart would not bring it back.",
    answers=(Answer(200, "It serves, and works.", schemas.Health, {"alive": examples.HEALTHY}),),
    errors=(NotAlive("relay has made no progress for 60 s"),),
)
async def is_alive(supervisor: FromDishka[Supervisor]) -> Response[bytes]:
    """Whether the process serves and each of its loops makes progress (liveness)."""
    if problems := supervisor.problems():
        raise NotAlive("; ".join(problems))
    return Response(_HEALTHY, media_type="application/json")


@get("/health/ready")
@operation(
    description="Without Redis or Kafka the service is degraded: every route answers all the same.",
    answers=(
        Answer(
            200,
            "It can do its work, if degraded.",
            schemas.ReadinessSchema,
            {"ok": examples.READY, "degraded": examples.DEGRADED},
        ),
        Answer(
            503,
            "PostgreSQL is out of reach.",
            schemas.ReadinessSchema,
            {"down": examples.DOWN},
            ("Retry-After",),
        ),
    ),
)
async def is_ready(readiness: FromDishka[Readiness]) -> Response[bytes]:
    """Whether the service can do its work, and how each of its dependencies is (readiness)."""
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
        "Prometheus's text format, version 0.0.4. What cannot be asked within a second is left"
        " out; with several workers their counts are added up."
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
