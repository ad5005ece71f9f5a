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
    """Records behind from which on a group of no replicas gets its first."""
    polling_interval: Some = 30
    """Seconds between two looks at the lag."""
    cooldown_period: Some = 300
    """Seconds without lag before the last replica goes, with `minReplicas` 0."""
    exclude_persistent_lag: bool = True
    """A partition that is held does not ask for more replicas, which could not help it."""
    authentication_ref: str = ""
    """An existing TriggerAuthentication, with `sasl` and `tls` in it, instead of one made from `kafka`."""


class ConsumerAutoscaling(Part):
    """At most as many replicas as the topics have Kafka partitions: more would idle."""

    kind: Literal["none", "hpa", "keda"] = "none"
    """`hpa` scales by CPU, `keda` by the group's lag."""
    min_replicas: Count = 1
    """At least 1 is advised: a group of none has no committed offset to measure lag by. With 0 and `keda` the alert
    AssetBridgeGone is left out."""
    max_replicas: Some = 3
    """The most replicas."""
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """Of `hpa`: average use of the requested CPU."""
    keda: Keda = Keda()


class Consumer(Component):
    """`asset-bridge consume`: events from Kafka."""

    autoscaling: ConsumerAutoscaling = ConsumerAutoscaling()


class HttpAutoscaling(Part):
    """By CPU."""

    kind: Literal["none", "hpa"] = "none"
    """`hpa` scales by CPU."""
    min_replicas: Some = 1
    """The fewest replicas."""
    max_replicas: Some = 3
    """The most replicas."""
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """Average use of the requested CPU."""


class Service(Part):
    """Where posts go; probes and metrics are on another port, which no Service shows."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """How it can be reached; posts from outside the cluster better come by an ingress."""
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    """The Service's port."""
    annotations: Labels = {}
    """Annotations of the Service: a load balancer's, say."""


class Ingress(Part):
    """Keys protect against strangers, not against listeners: give it TLS."""

    enabled: bool = False
    """Whether there is one."""
    class_name: str = ""
    """The ingress class; empty: the cluster's default."""
    annotations: Labels = {}
    """Annotations of the Ingress: its controller's settings."""
    hosts: list[str] = []
    """Names under which posts arrive."""
    tls: Objects = []
    """`secretName` and `hosts` of each certificate."""


class Auth(Part):
    """API keys of those who post (`docs/keys.md`). None: `config.http.allow_anonymous` must say so."""

    existing_secret: str = ""
    """The Secret with the keys."""
    key: SecretKey = "api-keys"
    """The Secret's key that holds the list."""


class ClientAuthority(Part):
    """Given, nobody connects without a certificate of it; probes and metrics are on another port, without TLS."""

    existing_secret: str = ""
    """The Secret with the authority's certificate."""
    key: SecretKey = "ca.crt"
    """The Secret's key of the certificate, in PEM."""


class HttpTls(Part):
    """HTTPS of the pods themselves, as cert-manager's Secrets have it; a renewed certificate needs no restart."""

    existing_secret: str = ""
    """The Secret with certificate and private key. An ingress then needs to be told that its backend speaks HTTPS."""
    cert_key: SecretKey = "tls.crt"
    """The Secret's key of the certificate, in PEM."""
    key_key: SecretKey = "tls.key"
    """The Secret's key of the private key, in PEM and without a passphrase."""
    client_ca: ClientAuthority = ClientAuthority()


class Http(Component):
    """`asset-bridge serve`: events by HTTP."""

    enabled: bool = False
    """Whether it is installed."""
    autoscaling: HttpAutoscaling = HttpAutoscaling()
    pre_stop_seconds: Count = 5
    """How long a pod that is to end still takes posts, until everybody knows that it is gone."""
    service: Service = Service()
    ingress: Ingress = Ingress()
    auth: Auth = Auth()
    tls: HttpTls = HttpTls()


class NetworkPolicy(Part):
    """Who may reach the pods, and where they may go."""

    enabled: bool = False
    """Whether there are policies."""
    http_from: Objects = []
    """Peers that may post; empty: all."""
    management_from: Objects = []
    """Peers that may ask for metrics; empty: all. Kubelets always may."""
    egress: Objects = []
    """Rules to Kafka and PostgreSQL; DNS is added. Empty: egress is not restricted."""


class Monitor(Part):
    """For the Prometheus Operator."""

    enabled: bool = False
    """Whether there is one."""
    labels: Labels = {}
    """Labels by which your Prometheus chooses its monitors."""
    interval: Annotated[str, Field(pattern=r"^(\d+(ms|s|m|h))*$")] = "30s"
    """How often metrics are asked for."""
    scrape_timeout: Annotated[str, Field(pattern=r"^(\d+(ms|s|m|h))*$")] = ""
    """When an answer is too late; empty: Prometheus' own default."""


class Thresholds(Part):
    """Above which number an alert fires; for seconds take one at which a bucket of the metric ends."""

    restarting: Annotated[Count, Field(alias="AssetBridgeRestarting")] = 2
    """Starts within half an hour."""
    fenced: Annotated[Count, Field(alias="AssetBridgeFenced")] = 3
    """Batches refused within a quarter of an hour."""
    transactions_long: Annotated[float, Field(alias="AssetBridgeTransactionsLong", gt=0)] = 0.5
    """Seconds from lock to commit, of one transaction in a hundred."""
    lock_contended: Annotated[float, Field(alias="AssetBridgeLockContended", gt=0)] = 1
    """Seconds of waiting for the writers' lock, of one transaction in a hundred."""
    too_slow: Annotated[Count, Field(alias="AssetBridgeTooSlow")] = 10000
    """Records behind, of one partition."""
    stalled: Annotated[Count, Field(alias="AssetBridgeStalled")] = 120
    """Seconds since the loop has turned last."""
    records_old: Annotated[Count, Field(alias="AssetBridgeRecordsOld")] = 900
    """Seconds that a record may wait."""
    refuses_posts: Annotated[float, Field(alias="AssetBridgeRefusesPosts", gt=0, lt=1)] = 0.05
    """Share of the posts that are answered 5xx."""
    unauthorized: Annotated[Count, Field(alias="AssetBridgeUnauthorized")] = 50
    """Requests refused for their key within a quarter of an hour."""
    rebalances: Annotated[Count, Field(alias="AssetBridgeRebalances")] = 20
    """Times within half an hour that consumers have given partitions away."""


class Rules(Part):
    """Alerts (`docs/operate.md`); on for one release of those that one Prometheus watches, or they fire twice."""

    enabled: bool = False
    """Whether there are rules."""
    labels: Labels = {}
    """Labels by which your Prometheus chooses its rules."""
    runbook_url: Annotated[str, Field(pattern=r"^(https?://[^\s#]+)?$")] = ""
    """Where you show `docs/operate.md`, to be clicked at in an alert. Empty: its path alone."""
    thresholds: Thresholds = Thresholds()
    disabled: list[str] = []
    """Names of alerts to leave out."""
    additional_groups: Objects = []
    """Groups of rules of your own."""


class Dashboard(Part):
    """A ConfigMap for Grafana's sidecar; on for one release of those that one Grafana shows: its address is fixed."""

    enabled: bool = False
    """Whether there is one."""
    labels: Labels = {"grafana_dashboard": "1"}
    """Labels by which the sidecar finds it."""
    annotations: Labels = {}
    """Annotations of the ConfigMap: the sidecar's folder, say."""


class Metrics(Part):
    """One of the two monitors at most; a PodMonitor needs no Service."""

    pod_monitor: Monitor = Monitor()
    service_monitor: Monitor = Monitor()
    prometheus_rule: Rules = Rules()
    dashboard: Dashboard = Dashboard()


class StrimziTopics(Part):
    """The topics of `config.kafka.topics` and their dead-letter topics; kept when the release goes."""

    enabled: bool = False
    """Whether they are made."""
    partitions: Some = 6
    """Partitions of each input topic: the most replicas of the consumer."""
    replicas: Some = 3
    """Brokers that have each partition."""
    config: Object = {}
    """Given, or: `min.insync.replicas` follows from `replicas`, `max.message.bytes` from `config.max_event_bytes`."""
    dead_letter_partitions: Some = 3
    """Partitions of each dead-letter topic."""
    dead_letter_config: Object = {"cleanup.policy": "delete", "retention.ms": 2592000000}
    """Kept for 30 days. Unless given, `max.message.bytes` is the input's and the room that a letter's headers need."""


class StrimziUser(Part):
    """A KafkaUser with the least rights; its Secret, of the same name, goes into `kafka.tls.client` or `kafka.sasl`."""

    enabled: bool = False
    """Whether it is made."""
    authentication: Literal["tls", "scram-sha-512"] = "scram-sha-512"
    """What its Secret holds: a certificate, or a password."""


class Strimzi(Part):
    """Resources of the Strimzi operator, for the cluster of this name."""

    cluster: str = ""
    """The name of the Kafka resource."""
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
    """Whether it runs."""


class Values(Part):
    """All values."""

    name_override: ObjectName = ""
    """Instead of the chart's name, in names and labels."""
    fullname_override: ObjectName = ""
    """Instead of the release's and the chart's name, in names."""
    common_labels: Labels = {}
    """Labels of every object."""
    common_annotations: Labels = {}
    """Annotations of every object."""
    image: Image = Image()
    image_pull_secrets: Objects = []
    """Secrets for the registry: `[{name: …}]`."""
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
    """Of every pod: fits the *restricted* Pod Security Standard."""
    security_context: Object = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    """Of every container of ours: fits the *restricted* Pod Security Standard."""
    extra_objects: Objects = []
    """Whole objects to install with the release; templates in them are rendered."""
