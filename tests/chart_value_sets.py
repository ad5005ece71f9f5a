"""Sets of values that people give, from the least to everything: each must render, and make what works."""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]

DAGSTER: Values = {"dagster": {"instance": {"existingConfigMap": "dagster-instance"}}}
LEAST: Values = {**DAGSTER, "config": {"kafka": {"bootstrap_servers": "broker:9092"}}}
INLINE_DAGSTER: Values = {
    "storage": {
        "postgres": {
            "postgres_db": {
                "hostname": "db", "db_name": "dagster", "username": "dagster",
                "password": {"env": "DAGSTER_PG_PASSWORD"},
            }
        }
    }
}  # fmt: skip
HTTP: Values = {"http": {"enabled": True, "auth": {"existingSecret": "keys"}}}
SASL: Values = {"mechanism": "SCRAM-SHA-512", "username": "bridge", "existingSecret": "bridge-user"}
TLS: Values = {"enabled": True, "ca": {"existingSecret": "cluster-cluster-ca-cert"}}
PEER: Values = {"podSelector": {"matchLabels": {"app": "x"}}}


def merged(*parts: Values) -> Values:
    """All of them, the later ones over the earlier ones, group by group."""
    whole: Values = {}
    for part in parts:
        for name, value in part.items():
            known = whole.get(name)
            whole[name] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return whole


def with_consumer(**values: Any) -> Values:
    return merged(LEAST, {"consumer": values})


def with_http(**values: Any) -> Values:
    return merged(LEAST, HTTP, {"http": values})


def with_settings(**values: Any) -> Values:
    return merged(LEAST, {"config": values})


def with_kafka(**values: Any) -> Values:
    return merged(LEAST, {"kafka": values})


EVERYTHING: Values = merged(
    LEAST,
    HTTP,
    {
        "image": {"repository": "registry.example/bridge", "tag": "1.2.3"},
        "imagePullSecrets": [{"name": "pull"}],
        "commonLabels": {"team": "data"},
        "commonAnnotations": {"owner": "data@example.org"},
        "config": {
            "kafka": {
                "topics": ["dagster.asset-events", {"name": "Quality_Results", "event_type": "asset_check"}],
                "librdkafka": {"fetch.min.bytes": 1024, "check.crcs": True},
                "batch_max_records": 500,
            },
            "max_event_bytes": 2097152,
            "log_level": "DEBUG",
        },
        "dagster": {
            "postgresql": {"existingSecret": "dagster-postgresql-secret"},
            "workspace": {"existingConfigMap": "dagster-workspace-yaml"},
        },
        "kafka": {
            "tls": {**TLS, "client": {"existingSecret": "bridge-user", "certKey": "user.crt", "keyKey": "user.key"}},
        },
        "consumer": {
            "autoscaling": {"kind": "keda", "maxReplicas": 6},
            "priorityClassName": "high",
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "podLabels": {"x": "y"},
            "podAnnotations": {"a": "b"},
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "extraEnvFrom": [{"configMapRef": {"name": "more", "optional": True}}],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["broker"]}],
            "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
        },
        "http": {
            "autoscaling": {"kind": "hpa", "minReplicas": 2},
            "ingress": {"enabled": True, "className": "nginx", "hosts": ["bridge.example"], "tls": [{"hosts": []}]},
        },
        "check": {"enabled": True},
        "metrics": {
            "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True},
            "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Dagster"}},
        },
        "networkPolicy": {"enabled": True, "httpFrom": [PEER], "managementFrom": [PEER], "egress": [{"to": [PEER]}]},
    },
)
STRIMZI: Values = {
    "strimzi": {"cluster": "cluster", "topics": {"enabled": True}, "user": {"enabled": True, "authentication": "tls"}}
}

SETS: dict[str, Values] = {
    "the least": LEAST,
    "everything": EVERYTHING,
    "everything, with Strimzi's topics and user": merged(EVERYTHING, STRIMZI, {"check": {"enabled": False}}),
    "both components": merged(LEAST, HTTP),
    "HTTP alone": merged(DAGSTER, HTTP, {"consumer": {"enabled": False}}),
    "HTTP for anybody": merged(LEAST, {"http": {"enabled": True}, "config": {"http": {"allow_anonymous": True}}}),
    "an instance of its own": {
        "config": LEAST["config"],
        "dagster": {
            "instance": {"config": INLINE_DAGSTER}, "postgresql": {"existingSecret": "pg", "usernameKey": "user"},
        },
    },
    "Dagster's secret": merged(LEAST, {"dagster": {"postgresql": {"existingSecret": "dagster-postgresql-secret"}}}),
    "another home": merged(LEAST, {"dagster": {"home": "/srv/dagster", "instance": {"key": "other.yaml"}}}),
    "targets checked": merged(
        LEAST,
        {"config": {"targets": {"unknown_assets": "reject"}}, "dagster": {"workspace": {"existingConfigMap": "w"}}},
    ),
    "HTTPS": with_http(tls={"existingSecret": "https"}),
    "HTTPS with client certificates": with_http(
        tls={"existingSecret": "https", "clientCa": {"existingSecret": "clients"}}
    ),
    "TLS by the image's authorities": with_kafka(tls={"enabled": True}),
    "TLS by an authority": with_kafka(tls=TLS),
    "mutual TLS": with_kafka(tls={**TLS, "client": {"existingSecret": "client"}}),
    "SCRAM": with_kafka(sasl=SASL),
    "SCRAM over TLS": with_kafka(sasl=SASL, tls=TLS),
    "PLAIN, both from a secret": with_kafka(
        sasl={"mechanism": "PLAIN", "existingSecret": "s", "usernameKey": "u"}, tls={"enabled": True}
    ),
    "OAUTHBEARER": merged(
        with_settings(kafka={"librdkafka": {
            "security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": "bridge", "sasl.oauthbearer.token.endpoint.url": "https://issuer.example/token",
        }}),
        {"kafka": {"tls": TLS, "secretProperties": {
            "sasl.oauthbearer.client.secret": {"existingSecret": "oidc", "key": "secret"},
        }}},
    ),
    "CPU scales the consumer": with_consumer(autoscaling={"kind": "hpa"}),
    "lag scales the consumer": with_consumer(autoscaling={"kind": "keda"}),
    "lag over SCRAM and TLS": merged(
        with_kafka(sasl=SASL, tls=TLS), {"consumer": {"autoscaling": {"kind": "keda", "minReplicas": 0}}}
    ),
    "lag over PLAIN from a secret": merged(
        with_kafka(sasl={"mechanism": "PLAIN", "existingSecret": "s", "usernameKey": "u"}, tls={"enabled": True}),
        {"consumer": {"autoscaling": {"kind": "keda"}}},
    ),
    "lag by somebody's authentication": merged(
        with_kafka(sasl=SASL), {"consumer": {"autoscaling": {"kind": "keda", "keda": {"authenticationRef": "theirs"}}}}
    ),
    "CPU scales HTTP": with_http(autoscaling={"kind": "hpa", "maxReplicas": 9}),
    "an ingress": with_http(ingress={"enabled": True, "hosts": ["a.example", "b.example"]}),
    "a load balancer": with_http(service={"type": "LoadBalancer", "port": 8080, "annotations": {"lb": "internal"}}),
    "pod monitors": merged(LEAST, HTTP, {"metrics": {"podMonitor": {"enabled": True, "scrapeTimeout": "10s"}}}),
    "service monitors": merged(LEAST, HTTP, {"metrics": {"serviceMonitor": {"enabled": True}}}),
    "alerts and a dashboard": merged(
        LEAST, {"metrics": {"prometheusRule": {"enabled": True}, "dashboard": {"enabled": True}}}
    ),
    "a network policy without limits": merged(LEAST, HTTP, {"networkPolicy": {"enabled": True}}),
    "Strimzi's topics in the operator's namespace, not replicated": merged(
        LEAST, {"strimzi": {"cluster": "c", "namespace": "kafka", "topics": {"enabled": True, "replicas": 1}}}
    ),
    "Strimzi's topics of large events": merged(
        with_settings(max_event_bytes=8388608), {"strimzi": {"cluster": "c", "topics": {"enabled": True}}}
    ),
    "one dead-letter topic for two": merged(
        with_settings(kafka={"topics": "a,b", "dead_letter_topic": "dead"}),
        {"strimzi": {"cluster": "c", "topics": {"enabled": True}, "user": {"enabled": True}}},
    ),
    "a check before": merged(LEAST, {"check": {"enabled": True}, "serviceAccount": {"create": False}}),
    "a check before, with an instance of its own": merged(
        {"config": LEAST["config"], "check": {"enabled": True}},
        {"dagster": {"instance": {"config": INLINE_DAGSTER}, "postgresql": {"existingSecret": "pg"}}},
    ),
    "by digest": merged(LEAST, {"image": {"digest": f"sha256:{'0' * 64}"}}),
    "a name of its own": merged(LEAST, HTTP, {"nameOverride": "events", "fullnameOverride": "a" * 40}),
    "IPv6 alone": merged(LEAST, HTTP, {"bindAddress": "::"}),
    "all at once": with_consumer(strategy={"type": "Recreate"}),
    "a long shutdown": merged(
        with_settings(kafka={"shutdown_deadline_s": 90.5}), {"consumer": {"terminationGracePeriodSeconds": 96}}
    ),
    "many replicas, a budget in percent": with_consumer(
        replicas=4, pdb={"minAvailable": "50%", "maxUnavailable": None}
    ),
    "no budget": with_consumer(pdb={"enabled": False}),
    "spread and affinity of their own": with_consumer(
        topologySpreadConstraints=[{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"a": "b"}},
        }],
        affinity={"nodeAffinity": {}},
    ),
    "a sidecar and an init container": with_consumer(
        extraContainers=[{"name": "side", "image": "side:1"}], initContainers=[{"name": "first", "image": "first:1"}]
    ),
    "more objects": merged(
        LEAST,
        {"extraObjects": [{
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": '{{ include "asset-bridge.fullname" . }}-more'},
        }]},
    ),
    "KIP-848 and many settings": with_settings(
        kafka={"group_protocol": "consumer", "group_id": "g", "start": "latest", "client_id": "c"},
        storage={"deadline_s": 2.5, "idempotency_retention_days": 30}, event_time="record", log_format="json",
    ),
}  # fmt: skip
"""By what they are about."""
