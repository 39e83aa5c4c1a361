"""What Prometheus reads from `/metrics`; one registry an app, nothing global."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from sparktts_onnx import SpeechInfo
from sparktts_onnx.server.admission import Admission

_SECONDS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_REAL_TIME = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)


class Metrics:
    """Counters of one server."""

    def __init__(self, admission: Admission) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        ours: dict[str, Any] = {"namespace": "spark_tts", "registry": self.registry}
        times = {"buckets": _SECONDS, **ours}
        self.requests = Counter("requests", "Requests by route and status", ("route", "status"), **ours)
        self.request_seconds = Histogram("request_seconds", "Arrival to the last byte, by route", ("route",), **times)
        self.first_audio_seconds = Histogram("time_to_first_audio_seconds", "Arrival to the first sound", **times)
        self.queue_seconds = Histogram("queue_seconds", "Time spent waiting for a place", **times)
        faster = "Seconds of audio for each second of work; above 1 is faster than real time"
        self.real_time_factor = Histogram("real_time_factor", faster, buckets=_REAL_TIME, **ours)
        self.tokens = Counter("tokens", "Semantic tokens spoken", **ours)
        self.audio_seconds = Counter("audio_seconds", "Seconds of audio spoken", **ours)
        self.retries = Counter("segment_retries", "Segments tried again because a guard rejected them", **ours)
        self.abandoned = Counter("abandoned", "Answers whose client left before the end", **ours)
        Gauge("queue_depth", "Requests waiting for a place", **ours).set_function(lambda: admission.waiting)
        Gauge("active_streams", "Answers in work", **ours).set_function(lambda: admission.active)

    def spoken(self, info: SpeechInfo) -> None:
        """One more answer is complete."""
        self.real_time_factor.observe(info.real_time_factor)
        self.tokens.inc(info.tokens)
        self.audio_seconds.inc(info.duration_seconds)
        self.retries.inc(sum(segment.retries for segment in info.segments))
