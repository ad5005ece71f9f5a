"""What the chart's values are made of, from the innermost parts outwards; a docstring is the comment in values.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Labels: TypeAlias = dict[str, str]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Some: TypeAlias = Annotated[int, Field(ge=1)]
Object: TypeAlias = dict[str, Any]
"""Part of a Kubernetes object, passed on as it is."""
Objects: TypeAlias = list[Object]
ObjectName: TypeAlias = Annotated[str, Field(pattern=r"^([a-z]([-a-z0-9]*[a-z0-9])?)?$", max_length=40)]
"""What a name may begin with that the chart puts something behind; a Service takes no others."""
SecretKey: TypeAlias = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]*$", max_length=253)]
"""A key of a Secret or ConfigMap, which Kubernetes restricts to these characters."""


class Part(BaseModel):
    """A group of values: no unknown names; camel case, as Helm's users expect."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, validate_by_name=True, use_attribute_docstrings=True
    )


class Image(Part):
    """The image of both components."""

    repository: Annotated[str, Field(min_length=1)] = "dagster-asset-bridge"
    """Where you have pushed what the Dockerfile builds."""
    tag: str = ""
    """Empty: the chart's appVersion."""
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """Wins over the tag."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When a node asks the registry although it has the image."""


class ServiceAccount(Part):
    """The pods talk to no Kubernetes API: no token is mounted."""

    create: bool = True
    """Whether the chart makes the account; false: it is there already."""
    name: str = ""
    """Empty: the release's name where one is created, else `default`."""
    annotations: Labels = {}
    """Where a cloud's identity for the pods stands, say."""
    automount: bool = False
    """Whether its token is mounted; nothing of ours needs it."""


class Instance(Part):
    """`dagster.yaml`: in the ConfigMap of your Dagster release (`dagster-instance`, `<release>-dagster-instance`)."""

    existing_config_map: str = ""
    """Its name."""
    key: SecretKey = "dagster.yaml"
    """The ConfigMap's key that holds the file."""
    config: Object = {}
    """The content of `dagster.yaml`, instead of an existing ConfigMap."""


class Postgresql(Part):
    """The Secret of your Dagster release with the password, for `DAGSTER_PG_PASSWORD`."""

    existing_secret: str = ""
    """Its name; empty: no password in the environment, and `dagster.yaml` must do without."""
    password_key: SecretKey = "postgresql-password"
    """The Secret's key of the password."""
    username_key: SecretKey = ""
    """Given: the key of the user's name, for `DAGSTER_PG_USERNAME`."""


class Workspace(Part):
    """`workspace.yaml` (`<release>-dagster-workspace-yaml`), where not every target is accepted."""

    existing_config_map: str = ""
    """Its name; needed by `config.targets` other than the defaults."""
    key: SecretKey = "workspace.yaml"
    """The ConfigMap's key that holds the file."""


class Dagster(Part):
    """Where events are recorded: the instance that Dagster's own webserver and daemon use."""

    home: Annotated[str, Field(pattern="^(/[^/]+)+$")] = "/opt/dagster/dagster_home"
    """`DAGSTER_HOME`, an empty folder but for `dagster.yaml`."""
    instance: Instance = Instance()
    postgresql: Postgresql = Postgresql()
    workspace: Workspace = Workspace()


class CertificateAuthority(Part):
    """Whom to trust; none: the image's own authorities. Strimzi: `<cluster>-cluster-ca-cert`."""

    existing_secret: str = ""
    """The Secret with the authority's certificate."""
    key: SecretKey = "ca.crt"
    """The Secret's key of the certificate, in PEM."""


class ClientCertificate(Part):
    """Who we are, for mutual TLS. Strimzi: the user's Secret, `user.crt` and `user.key`."""

    existing_secret: str = ""
    """The Secret with our certificate and its key."""
    cert_key: SecretKey = "tls.crt"
    """The Secret's key of the certificate, in PEM."""
    key_key: SecretKey = "tls.key"
    """The Secret's key of the private key, in PEM and without a passphrase."""


class Tls(Part):
    """Encryption towards the brokers."""

    enabled: bool = False
    """Whether to connect by TLS."""
    ca: CertificateAuthority = CertificateAuthority()
    client: ClientCertificate = ClientCertificate()


class Sasl(Part):
    """Authentication towards the brokers by name and password."""

    mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    """Empty: none. For OAUTHBEARER see `kafka.secretProperties`."""
    username: str = ""
    """The name, where it is no secret."""
    existing_secret: str = ""
    """The Secret with the password."""
    username_key: SecretKey = ""
    """The Secret's key of the name, instead of `username`."""
    password_key: SecretKey = "password"
    """The Secret's key of the password."""


class SecretProperty(Part):
    """Where a librdkafka property's value is."""

    existing_secret: Annotated[str, Field(min_length=1)]
    key: Annotated[SecretKey, Field(min_length=1)]


class Kafka(Part):
    """What the consumer needs of Kafka besides settings: its secrets. Brokers and topics: `config.kafka`."""

    tls: Tls = Tls()
    sasl: Sasl = Sasl()
    secret_properties: dict[str, SecretProperty] = {}
    """Any other secret property, by its librdkafka name: `sasl.oauthbearer.client.secret: {existingSecret, key}`."""


class DisruptionBudget(Part):
    """How many pods may be away during a node drain; unready ones never hold a drain up."""

    enabled: bool = True
    """Whether there is a budget."""
    min_available: int | str | None = None
    """Pods that must stay, a number or percent, instead of `maxUnavailable`, which is then null."""
    max_unavailable: int | str | None = 1
    """Pods that may be away, a number or percent."""


class Probe(Part):
    """Of the management port; `/livez` depends on nothing outside the process."""

    period_seconds: Some = 10
    """Seconds between two probes."""
    timeout_seconds: Some = 5
    """Seconds until an answer is too late."""
    failure_threshold: Some = 3
    """Failures in a row that count."""


class Probes(Part):
    """The startup probe asks `/livez` too: a broker or database that is not there yet restarts nobody."""

    startup: Probe = Probe(period_seconds=2, failure_threshold=60)
    liveness: Probe = Probe()
    readiness: Probe = Probe()


class Variable(Part):
    """A variable of the environment."""

    name: Annotated[str, Field(min_length=1)]
    value: str = ""
    value_from: Object = {}


class Component(Part):
    """What both components have."""

    enabled: bool = True
    """Whether it is installed."""
    replicas: Count = 1
    """Left out of the template where an autoscaler is on."""
    resources: Object = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}
    """Requests and limits; sizing is in `docs/deploy.md`."""
    pdb: DisruptionBudget = DisruptionBudget()
    probes: Probes = Probes()
    termination_grace_period_seconds: Some = 40
    """Must hold the time that an orderly end takes; the chart refuses less."""
    strategy: Object = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    """How new pods replace old ones."""
    min_ready_seconds: Count = 0
    """Seconds a new pod must be ready before the next one is replaced."""
    revision_history_limit: Count = 5
    """How many old ReplicaSets are kept to roll back to."""
    annotations: Labels = {}
    """Annotations of the Deployment."""
    pod_annotations: Labels = {}
    """Annotations of its pods."""
    pod_labels: Labels = {}
    """Labels of its pods, besides the chart's own."""
    priority_class_name: str = ""
    """The pods' priority class, which must exist."""
    node_selector: Labels = {}
    """Labels of the nodes that pods may run on."""
    tolerations: Objects = []
    """Taints of nodes that pods put up with."""
    affinity: Object = {}
    """Which nodes and neighbours pods prefer."""
    topology_spread_constraints: Objects = []
    """Empty: spread over nodes where possible."""
    host_aliases: Objects = []
    """Lines for the pods' `/etc/hosts`, as for brokers that no DNS knows."""
    dns_config: Object = {}
    """The pods' DNS settings."""
    extra_args: list[str] = []
    """Arguments behind the chart's own."""
    extra_env: list[Variable] = []
    """Variables that are no settings: those stand under `config`."""
    extra_env_from: Objects = []
    """ConfigMaps and Secrets whose keys become variables."""
    extra_volumes: Objects = []
    """Volumes of the pods."""
    extra_volume_mounts: Objects = []
    """Where the container has them."""
    extra_containers: Objects = []
    """Sidecars."""
    init_containers: Objects = []
    """Containers that run before."""
