"""Every value of the chart, its default and its meaning: `chart_files.py` makes the chart's own files of it.

The part under `config` is the settings model's, so that a setting the code does not know is refused by Helm.
"""

from __future__ import annotations

from typing import Annotated, Literal

from chart_values_parts import (
    Component,
    Count,
    Dagster,
    Image,
    Kafka,
    Labels,
    Object,
    ObjectName,
    Objects,
    Part,
    SecretKey,
    ServiceAccount,
    Some,
)
from pydantic import Field


class Keda(Part):
    """KEDA asks the brokers for the group's lag, with the credentials of `kafka`."""

    lag_threshold: Some = 1000
    """Records behind for which one replica is thought to be enough."""
    activation_lag_threshold: Count = 0
    polling_interval: Some = 30
    cooldown_period: Some = 300
    exclude_persistent_lag: bool = True
    """A partition that is held does not ask for more replicas, which could not help it."""
    authentication_ref: str = ""
    """An existing TriggerAuthentication, with `sasl` and `tls` in it, instead of one made from `kafka`."""


class ConsumerAutoscaling(Part):
    """At most as many replicas as the topics have Kafka partitions: more would idle."""

    kind: Literal["none", "hpa", "keda"] = "none"
    min_replicas: Count = 1
    """At least 1 is advised: a group of none has no committed offset to measure lag by."""
    max_replicas: Some = 3
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """Of `hpa`: average use of the requested CPU."""
    keda: Keda = Keda()


class Consumer(Component):
    """`asset-bridge consume`: events from Kafka."""

    autoscaling: ConsumerAutoscaling = ConsumerAutoscaling()


class HttpAutoscaling(Part):
    """By CPU."""

    kind: Literal["none", "hpa"] = "none"
    min_replicas: Some = 1
    max_replicas: Some = 3
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 80


class Service(Part):
    """Where posts go; probes and metrics are on another port, which no Service shows."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    annotations: Labels = {}


class Ingress(Part):
    """Keys protect against strangers, not against listeners: give it TLS."""

    enabled: bool = False
    class_name: str = ""
    annotations: Labels = {}
    hosts: list[str] = []
    tls: Objects = []


class Auth(Part):
    """API keys of those who post, one a line (`docs/http.md`). None: `config.http.allow_anonymous` must say so."""

    existing_secret: str = ""
    key: SecretKey = "api-keys"


class Http(Component):
    """`asset-bridge serve`: events by HTTP."""

    enabled: bool = False
    autoscaling: HttpAutoscaling = HttpAutoscaling()
    pre_stop_seconds: Count = 5
    """How long a pod that is to end still takes posts, until everybody knows that it is gone."""
    service: Service = Service()
    ingress: Ingress = Ingress()
    auth: Auth = Auth()


class NetworkPolicy(Part):
    """Who may reach the pods, and where they may go."""

    enabled: bool = False
    http_from: Objects = []
    """Peers that may post; empty: all."""
    management_from: Objects = []
    """Peers that may ask for metrics; empty: all. Kubelets always may."""
    egress: Objects = []
    """Rules to Kafka and PostgreSQL; DNS is added. Empty: egress is not restricted."""


class Monitor(Part):
    """For the Prometheus Operator."""

    enabled: bool = False
    labels: Labels = {}
    interval: Annotated[str, Field(pattern=r"^(\d+(ms|s|m|h))*$")] = "30s"
    scrape_timeout: Annotated[str, Field(pattern=r"^(\d+(ms|s|m|h))*$")] = ""


class Rules(Part):
    """Alerts (`docs/operate.md`)."""

    enabled: bool = False
    labels: Labels = {}
    disabled: list[str] = []
    """Names of alerts to leave out."""
    additional_groups: Objects = []


class Dashboard(Part):
    """A ConfigMap for Grafana's sidecar."""

    enabled: bool = False
    labels: Labels = {"grafana_dashboard": "1"}
    annotations: Labels = {}


class Metrics(Part):
    """One of the two monitors at most; a PodMonitor needs no Service."""

    pod_monitor: Monitor = Monitor()
    service_monitor: Monitor = Monitor()
    prometheus_rule: Rules = Rules()
    dashboard: Dashboard = Dashboard()


class StrimziTopics(Part):
    """The topics of `config.kafka.topics` and their dead-letter topics; kept when the release goes."""

    enabled: bool = False
    partitions: Some = 6
    replicas: Some = 3
    config: Object = {}
    """Given, or: `min.insync.replicas` follows from `replicas`, `max.message.bytes` from `config.max_event_bytes`."""
    dead_letter_partitions: Some = 3
    dead_letter_config: Object = {"cleanup.policy": "delete", "retention.ms": 2592000000}
    """Kept for 30 days. Unless given, `max.message.bytes` is the input's and the room that a letter's headers need."""


class StrimziUser(Part):
    """A KafkaUser with the least rights; its Secret, of the same name, goes into `kafka.tls.client` or `kafka.sasl`."""

    enabled: bool = False
    authentication: Literal["tls", "scram-sha-512"] = "scram-sha-512"


class Strimzi(Part):
    """Resources of the Strimzi operator, for the cluster of this name."""

    cluster: str = ""
    namespace: str = ""
    """Where its operators look for topics and users; empty: the release's. A user's Secret is made there: copy it."""
    topics: StrimziTopics = StrimziTopics()
    user: StrimziUser = StrimziUser()


class Check(Part):
    """Before an install or upgrade, run `asset-bridge check` with the new settings, and stop where it refuses them.

    It runs as the account `default` where `serviceAccount.create` makes one, which is not there yet. A sidecar that is
    injected must end with it: a native one does.
    """

    enabled: bool = False


class Values(Part):
    """All values."""

    name_override: ObjectName = ""
    fullname_override: ObjectName = ""
    common_labels: Labels = {}
    common_annotations: Labels = {}
    image: Image = Image()
    image_pull_secrets: Objects = []
    bind_address: Literal["0.0.0.0", "::"] = "0.0.0.0"
    """Where the pods listen: `::` in a cluster of IPv6 alone."""
    service_account: ServiceAccount = ServiceAccount()
    config: Object = {}
    """Settings by their names in a file (`docs/settings.md`); those that the chart sets itself are not taken."""
    dagster: Dagster = Dagster()
    kafka: Kafka = Kafka()
    consumer: Consumer = Consumer()
    http: Http = Http()
    check: Check = Check()
    metrics: Metrics = Metrics()
    network_policy: NetworkPolicy = NetworkPolicy()
    strimzi: Strimzi = Strimzi()
    pod_security_context: Object = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    security_context: Object = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    extra_objects: Objects = []
    """Whole objects to install with the release; templates in them are rendered."""
