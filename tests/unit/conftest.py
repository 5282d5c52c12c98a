"""Hypothesis on a busy machine: slowness is judged by the suite's time, never by one example's."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "with_generous_deadlines",
    settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("with_generous_deadlines")
