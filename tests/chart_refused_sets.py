"""Sets of values that cannot work, each with what Helm says to them."""

from __future__ import annotations

from chart_value_sets import (
    DAGSTER,
    HTTP,
    INLINE_DAGSTER,
    LEAST,
    SASL,
    SETS,
    TLS,
    Values,
    merged,
    with_consumer,
    with_http,
    with_kafka,
)
from chart_value_sets import with_settings as settings

KEDA: Values = {"consumer": {"autoscaling": {"kind": "keda"}}}
ANYBODY: Values = merged(LEAST, {"http": {"enabled": True}, "config": {"http": {"allow_anonymous": True}}})


def own_instance(storage: Values) -> Values:
    return {"config": LEAST["config"], "dagster": {"instance": {"config": {"storage": storage}}}}


SENTENCES: dict[str, tuple[Values, str]] = {
    "nothing to install": (with_consumer(enabled=False), "set consumer.enabled or http.enabled"),
    "no instance": ({"config": LEAST["config"]}, "dagster.instance.existingConfigMap is needed"),
    "two instances": (
        merged(LEAST, {"dagster": {"instance": {"config": {"storage": {}}}}}),
        "dagster.instance.existingConfigMap and dagster.instance.config exclude each other",
    ),
    "an instance without a storage": (
        {"config": LEAST["config"], "dagster": {"instance": {"config": {"telemetry": {"enabled": False}}}}},
        "dagster.instance.config names no storage",
    ),
    "no brokers": (DAGSTER, "config.kafka.bootstrap_servers is needed"),
    "HTTP without keys": (merged(LEAST, {"http": {"enabled": True}}), "http.auth.existingSecret is needed"),
    "SASL without a secret": (
        with_kafka(sasl={"mechanism": "PLAIN", "username": "u"}), "kafka.sasl.existingSecret is needed",
    ),
    "SASL without a name": (
        with_kafka(sasl={"mechanism": "PLAIN", "existingSecret": "s"}), "kafka.sasl.username or kafka.sasl.usernameKey",
    ),
    "SASL with two names": (
        with_kafka(sasl={**SASL, "usernameKey": "u"}), "kafka.sasl.username and kafka.sasl.usernameKey exclude",
    ),
    "an authority of clients without TLS": (
        merged(LEAST, {"http": {"tls": {"clientCa": {"existingSecret": "s"}}}}), "anybody could connect",
    ),
    "a password for all to read": (
        with_kafka(sasl={**SASL, "mechanism": "PLAIN"}), "kafka.tls.enabled is needed with kafka.sasl.mechanism=PLAIN",
    ),
    "a password for nothing": (with_kafka(sasl={"existingSecret": "s"}), "made without authentication"),
    "certificates for nothing": (with_kafka(tls={**TLS, "enabled": False}), "made without encryption"),
    **{
        f"{name} twice": (
            merged(settings(kafka={"librdkafka": {name: "x"}}), {"kafka": {"sasl": SASL}}),
            f"{name} follows from kafka.tls and kafka.sasl",
        )
        for name in ("security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username")
    },
    "a password in values": (
        settings(kafka={"librdkafka": {"ssl.key.password": "CANARYVALUE"}}),
        "ssl.key.password is a secret, and values are none",
    ),
    **{
        f"{name} twice": (
            merged(settings(kafka={"librdkafka": {name: "/x"}}), {"kafka": {"tls": TLS}}),
            f"{name} follows from kafka.tls",
        )
        for name in ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
    },
    "encrypted and not": (
        merged(settings(kafka={"librdkafka": {"security.protocol": "plaintext"}}), {"kafka": {"tls": TLS}}),
        "contradict each other",
    ),
    "targets without a workspace": (
        settings(targets={"unknown_checks": "warn"}), "dagster.workspace.existingConfigMap is needed",
    ),
    "partitions added without a workspace": (
        settings(targets={"add_dynamic_partitions": True}), "dagster.workspace.existingConfigMap is needed",
    ),
    "no time to drain": (with_consumer(terminationGracePeriodSeconds=24), "must be at least 25"),
    "a longer shutdown": (settings(kafka={"shutdown_deadline_s": 35.5}), "must be at least 41"),
    "no time for requests": (with_http(terminationGracePeriodSeconds=24), "must be at least 25"),
    "two monitors": (
        merged(LEAST, {"metrics": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}}),
        "metrics.podMonitor and metrics.serviceMonitor exclude each other",
    ),
    "an ingress to nowhere": (with_http(ingress={"enabled": True}), "http.ingress.hosts is needed"),
    "an ingress for nobody": (
        merged(LEAST, {"http": {"ingress": {"enabled": True, "hosts": ["a.example"]}}}), "needs http.enabled",
    ),
    "a user of Strimzi's with a login that it has not": (
        merged(
            LEAST,
            {
                "strimzi": {"cluster": "c", "user": {"enabled": True}},
                "kafka": {"sasl": {"mechanism": "SCRAM-SHA-256", "existingSecret": "s", "username": "u"}},
            },
        ),
        "must be SCRAM-SHA-512, or empty",
    ),
    "Strimzi without a cluster": (
        merged(LEAST, {"strimzi": {"topics": {"enabled": True}}}), "strimzi.cluster is needed",
    ),
    "fewer at most than at least": (
        with_consumer(autoscaling={"kind": "keda", "minReplicas": 4}), "maxReplicas must not be below minReplicas",
    ),
    "none by CPU": (
        with_consumer(autoscaling={"kind": "hpa", "minReplicas": 0}), "minReplicas must be at least 1",
    ),
    "a share of nothing": (
        merged(LEAST, HTTP, {"http": {"autoscaling": {"kind": "hpa"}, "resources": {"requests": {"cpu": None}}}}),
        "http.resources.requests.cpu is needed",
    ),
    "two budgets": (with_consumer(pdb={"minAvailable": 1}), "set the other one to null"),
    "no budget at all": (with_consumer(pdb={"maxUnavailable": None}), "or set consumer.pdb.enabled=false"),
    "no pod may go": (with_consumer(pdb={"maxUnavailable": 0}), "would let no pod be evicted"),
    "no pod of all may go": (with_consumer(pdb={"maxUnavailable": "0%"}), "would let no pod be evicted"),
    "the only pod may not go": (
        with_consumer(pdb={"minAvailable": 1, "maxUnavailable": None}), "of 1 replicas at least one must be free to go",
    ),
    "half of two pods and more may not go": (
        merged(LEAST, HTTP, {"http": {
            "pdb": {"minAvailable": "51%", "maxUnavailable": None}, "autoscaling": {"kind": "hpa", "minReplicas": 2},
        }}),
        "http.pdb would let no pod be evicted",
    ),
    "Strimzi's topics looked for before they are made": (
        merged(LEAST, {"strimzi": {"cluster": "c", "topics": {"enabled": True}}, "check": {"enabled": True}}),
        "the check runs before Strimzi's topics and user are made",
    ),
    "Strimzi's user asked before it is made": (
        merged(LEAST, {"strimzi": {"cluster": "c", "user": {"enabled": True}}, "check": {"enabled": True}}),
        "the check runs before Strimzi's topics and user are made",
    ),
    "more replicas in sync than there are": (
        merged(LEAST, {"strimzi": {"cluster": "c", "topics": {
            "enabled": True, "replicas": 1, "deadLetterConfig": {"min.insync.replicas": 2},
        }}}),
        "min.insync.replicas must not be above strimzi.topics.replicas",
    ),
    "letters that do not fit": (
        merged(LEAST, {"strimzi": {"cluster": "c", "topics": {
            "enabled": True,
            "config": {"max.message.bytes": 2000000}, "deadLetterConfig": {"max.message.bytes": 2000000},
        }}}),
        "max.message.bytes must be at least 2065536",
    ),
    "KEDA without the login": (
        merged(SETS["OAUTHBEARER"], KEDA),
        "consumer.autoscaling.keda.authenticationRef is needed with sasl.",
    ),
    "KEDA without the encryption": (
        merged(settings(kafka={"librdkafka": {"security.protocol": "ssl"}}), KEDA),
        "consumer.autoscaling.keda.authenticationRef is needed with security.protocol",
    ),
    "KEDA without the password of a key": (
        merged(
            with_kafka(tls=TLS, secretProperties={"ssl.key.password": {"existingSecret": "s", "key": "k"}}),
            KEDA,
        ),
        "consumer.autoscaling.keda.authenticationRef is needed with ssl.key.password",
    ),
    "two passwords": (
        with_kafka(sasl=SASL, secretProperties={"sasl.password": {"existingSecret": "s", "key": "k"}}),
        "sasl.password follows from kafka.sasl",
    ),
    "a home in the scratch folder": (
        merged(LEAST, {"dagster": {"home": "/tmp"}}), "dagster.home must be a folder of its own",  # noqa: S108
    ),
    "a home among our files": (
        merged(LEAST, {"dagster": {"home": "/etc/asset-bridge/config"}}), "dagster.home must be a folder of its own",
    ),
    "a topic twice": (settings(kafka={"topics": "a,b,a"}), "config.kafka.topics must name each topic once"),
    "letters into an input": (
        settings(kafka={"topics": "a,b", "dead_letter_topic": "b"}),
        "must differ from every topic that is read: b is one",
    ),
    "a home twice": (
        with_consumer(extraEnv=[{"name": "DAGSTER_HOME", "value": "/x"}]),
        "consumer.extraEnv: DAGSTER_HOME is there already",
    ),
    "a setting past the looks at it": (
        with_consumer(extraEnv=[{"name": "ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S", "value": "300"}]),
        "SHUTDOWN_DEADLINE_S is a setting; give it under config",
    ),
    "a deadline from elsewhere": (
        with_http(extraEnv=[{"name": "ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S", "valueFrom": {"fieldRef": {}}}]),
        "SHUTDOWN_DEADLINE_S is a setting; give it under config",
    ),
    "keys and nobody asked for them": (
        merged(LEAST, HTTP, {"config": {"http": {"allow_anonymous": True}}}), "exclude each other",
    ),
    "anybody from outside by an ingress": (
        merged(ANYBODY, {"http": {"ingress": {"enabled": True, "hosts": ["a.example"]}}}), "would let anybody report",
    ),
    "anybody from outside by a load balancer": (
        merged(ANYBODY, {"http": {"service": {"type": "LoadBalancer"}}}), "would let anybody report",
    ),
    "a password in a config map": (
        own_instance({"postgres": {"postgres_db": {"hostname": "db", "password": "CANARYVALUE"}}}),
        "dagster.instance.config: password is a secret, and would stand in a ConfigMap",
    ),
    "a password that nobody gives": (
        own_instance(INLINE_DAGSTER["storage"]), "dagster.postgresql.existingSecret is needed",
    ),
    "a password in an address in a config map": (
        own_instance({"postgres": {"postgres_url": "postgresql://u:CANARYVALUE@db/d"}}),
        "dagster.instance.config: postgres_url is a secret",
    ),
    "a property written as in the environment": (
        settings(kafka={"librdkafka": {"ssl_key_pem": "CANARYVALUE"}}), "write ssl_key_pem with dots",
    ),
}  # fmt: skip

NAMES: dict[str, tuple[Values, str]] = {
    "an unknown value": (merged(LEAST, {"replicas": 2}), "replicas"),
    "an unknown value of a component": (with_consumer(replicaCount=2), "replicaCount"),
    "an unknown setting": (settings(kafka={"bootstrap_server": "b"}), "bootstrap_server"),
    "a setting of the chart": (settings(management={"port": 1}), "management"),
    "a path of the chart": (settings(http={"api_keys_file": "/keys"}), "api_keys_file"),
    "a setting out of its range": (settings(kafka={"batch_max_records": 0}), "batch_max_records"),
    "a setting that is no number": (settings(max_event_bytes="much"), "max_event_bytes"),
    "a word that is none of those": (settings(event_time="now"), "event_time"),
    "a property the promises rest on": (settings(kafka={"librdkafka": {"acks": "1"}}), "acks"),
    "an unknown autoscaler": (with_consumer(autoscaling={"kind": "vpa"}), "kind"),
    "lag scales HTTP": (with_http(autoscaling={"kind": "keda"}), "kind"),
    "an unknown mechanism": (with_kafka(sasl={**SASL, "mechanism": "GSSAPI"}), "mechanism"),
    "a wrong digest": (merged(LEAST, {"image": {"digest": "sha256:abc"}}), "digest"),
    "a port that is none": (with_http(service={"port": 70_000}), "port"),
    "replicas in words": (with_consumer(replicas="two"), "replicas"),
    "a secret property without a key": (
        with_kafka(secretProperties={"sasl.oauthbearer.client.secret": {"existingSecret": "s"}}), "key",
    ),
    "a secret property in the place of a certificate": (
        with_kafka(secretProperties={"tls.key": {"existingSecret": "s", "key": "k"}}), "tls.key",
    ),
    "a secret property that is no secret": (
        with_kafka(secretProperties={"sasl.mechanism": {"existingSecret": "s", "key": "k"}}), "sasl.mechanism",
    ),
    "a name with capitals": (merged(LEAST, {"fullnameOverride": "My-App"}), "fullnameOverride"),
    "a name with a slash": (merged(LEAST, {"nameOverride": "my/app"}), "nameOverride"),
    "a name that is too long": (merged(LEAST, {"fullnameOverride": "a" * 41}), "fullnameOverride"),
    "a variable that is a number": (with_consumer(extraEnv=[{"name": "A", "value": 5}]), "value"),
    "the whole disk as a home": (merged(LEAST, {"dagster": {"home": "/"}}), "home"),
    "no settings": (merged(LEAST, {"config": None}), "config"),
    "no Kafka": (merged(LEAST, {"kafka": None}), "kafka"),
    "no group of SASL": (with_kafka(sasl=None), "sasl"),
    "no group of a budget": (with_consumer(pdb=None), "pdb"),
    "no resources to take a share of": (with_consumer(autoscaling={"kind": "hpa"}, resources=None), "resources"),
    "no group of a probe": (with_consumer(probes={"startup": None}), "startup"),
    "no group of a monitor": (merged(LEAST, {"metrics": {"podMonitor": None}}), "podMonitor"),
}  # fmt: skip
"""What the schema of the values refuses: its words differ between Helm 3 and Helm 4, what is named does not."""
