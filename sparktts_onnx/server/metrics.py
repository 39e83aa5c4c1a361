"""What Prometheus reads from `/metrics`; one registry an app, nothing global."""

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
        self.requests = Counter(
            "spark_tts_requests_total", "Requests by route and status", ("route", "status"), registry=self.registry
        )
        self.request_seconds = self._histogram("request_seconds", "Arrival to the last byte, by route", ("route",))
        self.first_audio_seconds = self._histogram("time_to_first_audio_seconds", "Arrival to the first sound")
        self.queue_seconds = self._histogram("queue_seconds", "Time spent waiting for a place")
        self.real_time_factor = Histogram(
            "spark_tts_real_time_factor",
            "Seconds of audio for each second of work; above 1 is faster than real time",
            buckets=_REAL_TIME,
            registry=self.registry,
        )
        self.tokens = self._counter("tokens", "Semantic tokens spoken")
        self.audio_seconds = self._counter("audio_seconds", "Seconds of audio spoken")
        self.retries = self._counter("segment_retries", "Segments tried again because a guard rejected them")
        self.abandoned = self._counter("abandoned", "Answers whose client left before the end")
        self._gauge("queue_depth", "Requests waiting for a place").set_function(lambda: admission.waiting)
        self._gauge("active_streams", "Answers in work").set_function(lambda: admission.active)

    def spoken(self, info: SpeechInfo) -> None:
        """One more answer is complete."""
        self.real_time_factor.observe(info.real_time_factor)
        self.tokens.inc(info.tokens)
        self.audio_seconds.inc(info.duration_seconds)
        self.retries.inc(sum(segment.retries for segment in info.segments))

    def _histogram(self, name: str, help_text: str, labels: tuple[str, ...] = ()) -> Histogram:
        return Histogram(f"spark_tts_{name}", help_text, labels, buckets=_SECONDS, registry=self.registry)

    def _counter(self, name: str, help_text: str) -> Counter:
        return Counter(f"spark_tts_{name}_total", help_text, registry=self.registry)

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(f"spark_tts_{name}", help_text, registry=self.registry)
