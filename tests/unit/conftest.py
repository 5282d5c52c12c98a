"""Hypothesis settings for busy machines. A single slow example does not mean anything there."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "with_generous_deadlines",
    settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("with_generous_deadlines")
