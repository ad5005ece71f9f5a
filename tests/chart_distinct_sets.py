"""Sets of values in which every value is another than by default, and another than its neighbours."""

from __future__ import annotations

from chart_value_sets import HTTP, INLINE_DAGSTER, LEAST, SASL, TLS, Values, merged, with_kafka

COMPONENTS = "consumer", "http"


def component(name: str, first: int) -> Values:
    """Everything that both components have, distinct."""
    probes = {
        probe: {"periodSeconds": number, "timeoutSeconds": number + 1, "failureThreshold": number + 2}
        for number, probe in zip(range(first, first + 30, 10), ("startup", "liveness", "readiness"), strict=True)
    }
    return {
        "replicas": first + 31,
        "resources": {"requests": {"cpu": f"{first}m", "memory": "1Mi"}, "limits": {"memory": f"{first}Mi"}},
        "probes": probes,
        "pdb": {"maxUnavailable": first + 32},
        "terminationGracePeriodSeconds": first + 33,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": first, "maxUnavailable": 0}},
        "minReadySeconds": first + 34,
        "revisionHistoryLimit": first + 35,
        "annotations": {"deployment": name},
        "podAnnotations": {"pod": name},
        "podLabels": {"pod": name},
        "priorityClassName": name,
        "nodeSelector": {"for": name},
        "tolerations": [{"key": name}],
        "affinity": {"nodeAffinity": {"for": name}},
        "topologySpreadConstraints": [{"topologyKey": name}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": [name]}],
        "dnsConfig": {"searches": [name]},
        "extraArgs": [f"--{name}"],
        "extraEnv": [{"name": "EXTRA", "value": name}],
        "extraEnvFrom": [{"configMapRef": {"name": name}}],
        "extraVolumes": [{"name": "extra", "secret": {"secretName": name}}],
        "extraVolumeMounts": [{"name": "extra", "mountPath": f"/{name}"}],
        "extraContainers": [{"name": "side", "image": f"{name}:1"}],
        "initContainers": [{"name": "first", "image": f"{name}:1"}],
    }


PEERS: Values = {
    "httpFrom": [{"podSelector": {"matchLabels": {"may": "post"}}}],
    "managementFrom": [{"podSelector": {"matchLabels": {"may": "scrape"}}}],
    "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
}

PLAIN: Values = merged(
    LEAST,
    {
        "commonLabels": {"team": "data"},
        "commonAnnotations": {"owner": "us"},
        "image": {"repository": "registry.example/bridge", "tag": "1.2.3", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "serviceAccount": {"name": "account", "annotations": {"identity": "role"}, "automount": True},
        "dagster": {
            "home": "/srv/home",
            "instance": {"key": "instance.key"},
            "postgresql": {"existingSecret": "pg-secret", "passwordKey": "pg.password", "usernameKey": "pg.username"},
            "workspace": {"existingConfigMap": "workspace-map", "key": "workspace.key"},
        },
        "kafka": {
            "tls": {
                "enabled": True,
                "ca": {"existingSecret": "ca-secret", "key": "ca.key"},
                "client": {"existingSecret": "client-secret", "certKey": "client.cert", "keyKey": "client.key"},
            },
            "sasl": {
                "mechanism": "SCRAM-SHA-512", "username": "somebody", "existingSecret": "sasl-secret",
                "passwordKey": "sasl.key",
            },
            "secretProperties": {"ssl.key.password": {"existingSecret": "more-secret", "key": "more.key"}},
        },
        "consumer": component("consumer", 100),
        "http": {
            **component("http", 200),
            "enabled": True,
            "preStopSeconds": 17,
            "service": {"type": "NodePort", "port": 8018, "annotations": {"service": "ours"}},
            "ingress": {
                "enabled": True, "className": "nginx", "annotations": {"ingress": "ours"}, "hosts": ["a.example"],
                "tls": [{"secretName": "tls-secret", "hosts": ["a.example"]}],
            },
            "auth": {"existingSecret": "key-secret", "key": "key.key"},
            "tls": {
                "existingSecret": "https-secret", "certKey": "https.cert", "keyKey": "https.key",
                "clientCa": {"existingSecret": "clients-secret", "key": "clients.cert"},
            },
        },
        "check": {"enabled": True},
        "metrics": {
            "podMonitor": {"enabled": True, "labels": {"pod": "monitor"}, "interval": "31s", "scrapeTimeout": "13s"},
            "dashboard": {"enabled": True, "labels": {"dash": "board"}, "annotations": {"folder": "Dagster"}},
            "prometheusRule": {"enabled": True, "labels": {"rule": "ours"}},
        },
        "networkPolicy": {"enabled": True, **PEERS},
        "podSecurityContext": {"runAsUser": 1234},
        "securityContext": {"runAsGroup": 1235},
        "extraObjects": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "extra", "namespace": "data"}}],
    },
)  # fmt: skip

SCALED: Values = merged(
    LEAST,
    HTTP,
    {
        "nameOverride": "named",
        "fullnameOverride": "whole",
        "bindAddress": "::",
        "image": {"digest": f"sha256:{'a' * 64}"},
        "dagster": {
            "instance": {"existingConfigMap": None, "config": INLINE_DAGSTER}, "postgresql": {"existingSecret": "pg"},
        },
        "kafka": {
            "tls": TLS,
            "sasl": {
                "mechanism": "SCRAM-SHA-512", "existingSecret": "s",
                "usernameKey": "name.key", "passwordKey": "word.key",
            },
        },
        "consumer": {
            "pdb": {"minAvailable": 2, "maxUnavailable": None},
            "autoscaling": {
                "kind": "keda", "minReplicas": 3, "maxReplicas": 1_000_001,
                "keda": {
                    "lagThreshold": 2_000_000, "activationLagThreshold": 3_000_000, "pollingInterval": 4_000_000,
                    "cooldownPeriod": 5_000_000, "excludePersistentLag": False,
                },
            },
        },
        "http": {
            "pdb": {"minAvailable": "40%", "maxUnavailable": None},
            "autoscaling": {"kind": "hpa", "minReplicas": 4, "maxReplicas": 14, "cpuPercent": 44},
        },
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"a": "b"}, "interval": "32s", "scrapeTimeout": "14s"},
        },
        "networkPolicy": {"enabled": True},
        "strimzi": {
            "cluster": "cluster", "namespace": "kafka",
            "topics": {
                "enabled": True, "partitions": 61, "replicas": 5, "config": {"preallocate": True},
                "deadLetterPartitions": 62, "deadLetterConfig": {"preallocate": False},
            },
            "user": {"enabled": True, "authentication": "tls"},
        },
    },
)  # fmt: skip

BY_CPU: Values = merged(
    with_kafka(tls={"enabled": True}),
    {
        "consumer": {
            "autoscaling": {"kind": "hpa", "minReplicas": 5, "maxReplicas": 15, "cpuPercent": 55},
            "strategy": {"type": "Recreate"},
        }
    },
)
SCRAM_256: Values = merged(
    with_kafka(sasl={"mechanism": "SCRAM-SHA-256", "username": "somebody", "existingSecret": "s"}),
    {"consumer": {"autoscaling": {"kind": "keda"}}, "config": {"kafka": {"start": "latest"}}},
)
MUTUAL: Values = merged(
    with_kafka(
        sasl={**SASL, "mechanism": "PLAIN"},
        tls={**TLS, "client": {"existingSecret": "client", "certKey": "my.crt", "keyKey": "my.key"}},
    ),
    {"consumer": {"autoscaling": {"kind": "keda"}}},
)
THEIRS: Values = merged(
    with_kafka(tls=TLS),
    {"config": {"kafka": {"group_id": "theirs-too"}}},
    {"consumer": {"autoscaling": {"kind": "keda", "keda": {"authenticationRef": "theirs"}}}},
)
