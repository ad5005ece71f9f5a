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


class ServiceAccount(Part):
    """The pods talk to no Kubernetes API: no token is mounted."""

    create: bool = True
    name: str = ""
    """Empty: the release's name where one is created, else `default`."""
    annotations: Labels = {}
    automount: bool = False


class Instance(Part):
    """`dagster.yaml`: in the ConfigMap of your Dagster release (`dagster-instance`, `<release>-dagster-instance`)."""

    existing_config_map: str = ""
    key: SecretKey = "dagster.yaml"
    config: Object = {}
    """The content of `dagster.yaml`, instead of an existing ConfigMap."""


class Postgresql(Part):
    """The Secret of your Dagster release with the password, for `DAGSTER_PG_PASSWORD`."""

    existing_secret: str = ""
    password_key: SecretKey = "postgresql-password"
    username_key: SecretKey = ""
    """Given: the key of the user's name, for `DAGSTER_PG_USERNAME`."""


class Workspace(Part):
    """`workspace.yaml` (`<release>-dagster-workspace-yaml`), where not every target is accepted."""

    existing_config_map: str = ""
    key: SecretKey = "workspace.yaml"


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
    key: SecretKey = "ca.crt"


class ClientCertificate(Part):
    """Who we are, for mutual TLS. Strimzi: the user's Secret, `user.crt` and `user.key`."""

    existing_secret: str = ""
    cert_key: SecretKey = "tls.crt"
    key_key: SecretKey = "tls.key"


class Tls(Part):
    """Encryption towards the brokers."""

    enabled: bool = False
    ca: CertificateAuthority = CertificateAuthority()
    client: ClientCertificate = ClientCertificate()


class Sasl(Part):
    """Authentication towards the brokers by name and password."""

    mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    """Empty: none. For OAUTHBEARER see `kafka.secretProperties`."""
    username: str = ""
    existing_secret: str = ""
    username_key: SecretKey = ""
    """The Secret's key of the name, instead of `username`."""
    password_key: SecretKey = "password"


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
    min_available: int | str | None = None
    max_unavailable: int | str | None = 1


class Probe(Part):
    """Of the management port; `/livez` depends on nothing outside the process."""

    period_seconds: Some = 10
    timeout_seconds: Some = 5
    failure_threshold: Some = 3


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
    replicas: Count = 1
    """Left out of the template where an autoscaler is on."""
    resources: Object = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}
    pdb: DisruptionBudget = DisruptionBudget()
    probes: Probes = Probes()
    termination_grace_period_seconds: Some = 40
    """Must hold the time that an orderly end takes; the chart refuses less."""
    strategy: Object = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    min_ready_seconds: Count = 0
    revision_history_limit: Count = 5
    annotations: Labels = {}
    pod_annotations: Labels = {}
    pod_labels: Labels = {}
    priority_class_name: str = ""
    node_selector: Labels = {}
    tolerations: Objects = []
    affinity: Object = {}
    topology_spread_constraints: Objects = []
    """Empty: spread over nodes where possible."""
    host_aliases: Objects = []
    dns_config: Object = {}
    extra_args: list[str] = []
    extra_env: list[Variable] = []
    """Variables that are no settings: those stand under `config`."""
    extra_env_from: Objects = []
    extra_volumes: Objects = []
    extra_volume_mounts: Objects = []
    extra_containers: Objects = []
    init_containers: Objects = []
