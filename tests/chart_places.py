"""Where the values of the distinct sets must arrive in what is rendered, and what must stand there besides.

A place is the kind of an object, the end of its name (`*`: any), and the way to the field, separated by spaces; an item
of a list goes by its number or by its name.
"""

from __future__ import annotations

from typing import Any

import yaml
from chart_distinct_sets import BY_CPU, COMPONENTS, MUTUAL, PLAIN, SCALED, SCRAM_256, THEIRS
from chart_value_sets import INLINE_DAGSTER, Values
from chart_values import Thresholds
from charts import Rendered

DEPLOYED = "Deployment -{c} spec template spec"
MAIN = f"{DEPLOYED} containers {{c}}"
VOLUMES = "Deployment -{c} spec template spec volumes".format
PODS = [DEPLOYED, "Job -check-{c} spec template spec", "Pod -test-{c} spec"]
RUNNING = [MAIN, *(f"{pod} containers check" for pod in PODS[1:])]
LABELED = ["Deployment -{c} spec template metadata", "Job -check-{c} spec template metadata", "Pod -test-{c} metadata"]
TRIGGER = "ScaledObject * spec triggers 0 metadata"
TOPICS = "KafkaTopic -ae3c6b67", "KafkaTopic -3d5872e3"

OF_COMPONENTS: dict[str, list[str]] = {
    "replicas": ["Deployment -{c} spec replicas"],
    "pdb.maxUnavailable": ["PodDisruptionBudget -{c} spec maxUnavailable"],
    "strategy": ["Deployment -{c} spec strategy"],
    "minReadySeconds": ["Deployment -{c} spec minReadySeconds"],
    "revisionHistoryLimit": ["Deployment -{c} spec revisionHistoryLimit"],
    "annotations.deployment": ["Deployment -{c} metadata annotations deployment"],
    "podAnnotations.pod": [f"{pod} annotations pod" for pod in LABELED],
    "podLabels.pod": [f"{pod} labels pod" for pod in LABELED],
    "extraArgs.0": [f"{MAIN} args 3"],
    "extraContainers.0": [f"{DEPLOYED} containers side"],
    "extraVolumes.0.secret": [f"{pod} volumes extra secret" for pod in PODS],
    "resources": [f"{container} resources" for container in RUNNING],
    "extraEnv.0.value": [f"{container} env EXTRA value" for container in RUNNING],
    "extraEnvFrom": [f"{container} envFrom" for container in RUNNING],
    "extraVolumeMounts.0.mountPath": [f"{container} volumeMounts extra mountPath" for container in RUNNING],
    **{
        f"probes.{probe}.{name}": [f"{MAIN} {probe}Probe {name}"]
        for probe in ("startup", "liveness", "readiness")
        for name in ("periodSeconds", "timeoutSeconds", "failureThreshold")
    },
    "terminationGracePeriodSeconds": [f"{DEPLOYED} terminationGracePeriodSeconds"],
    "affinity": [f"{DEPLOYED} affinity"],
    "topologySpreadConstraints": [f"{DEPLOYED} topologySpreadConstraints"],
    **{
        name: [f"{pod} {name}" for pod in PODS]
        for name in ("priorityClassName", "nodeSelector", "tolerations", "hostAliases", "dnsConfig", "initContainers")
    },
}  # fmt: skip
OF_ALL: dict[str, list[str]] = {
    "image.pullPolicy": [f"{container} imagePullPolicy" for container in RUNNING],
    "imagePullSecrets": [f"{pod} imagePullSecrets" for pod in PODS],
    "serviceAccount.name": [f"{pod} serviceAccountName" for pod in (PODS[0], PODS[2])],
    "serviceAccount.automount": [f"{pod} automountServiceAccountToken" for pod in PODS],
    "podSecurityContext.runAsUser": [f"{pod} securityContext runAsUser" for pod in PODS],
    "securityContext.runAsGroup": [f"{container} securityContext runAsGroup" for container in RUNNING],
    "dagster.home": [f"{container} env DAGSTER_HOME value" for container in RUNNING],
    "dagster.instance.existingConfigMap": [f"{pod} volumes dagster-instance configMap name" for pod in PODS],
    "dagster.instance.key": [f"{pod} volumes dagster-instance configMap items 0 key" for pod in PODS],
    "dagster.workspace.existingConfigMap": [f"{pod} volumes workspace configMap name" for pod in PODS],
    "dagster.workspace.key": [f"{pod} volumes workspace configMap items 0 key" for pod in PODS],
    "dagster.postgresql.existingSecret": [
        f"{container} env {name} valueFrom secretKeyRef name"
        for container in RUNNING
        for name in ("DAGSTER_PG_PASSWORD", "DAGSTER_PG_USERNAME")
    ],
    "dagster.postgresql.passwordKey": [f"{one} env DAGSTER_PG_PASSWORD valueFrom secretKeyRef key" for one in RUNNING],
    "dagster.postgresql.usernameKey": [f"{one} env DAGSTER_PG_USERNAME valueFrom secretKeyRef key" for one in RUNNING],
}
KAFKA = f"{VOLUMES(c='consumer')} kafka projected sources"
USERNAME = "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__SASL_USERNAME"

TAKEN: dict[str, tuple[Values, dict[str, list[str]]]] = {
    "plain": (
        PLAIN,
        {
            **{
                f"{c}.{path}": [one.format(c=c) for one in places]
                for c in COMPONENTS
                for path, places in OF_COMPONENTS.items()
            },
            **{path: [one.format(c=c) for c in COMPONENTS for one in places] for path, places in OF_ALL.items()},
            "commonLabels.team": [f"{one.format(c='http')} labels team" for one in ("Service * metadata", *LABELED)],
            "commonAnnotations.owner": [
                f"{one.format(c='http')} annotations owner" for one in ("Ingress * metadata", *LABELED)
            ],
            "serviceAccount.annotations.identity": ["ServiceAccount account metadata annotations identity"],
            "kafka.tls.ca.existingSecret": [f"{KAFKA} 0 secret name"],
            "kafka.tls.ca.key": [f"{KAFKA} 0 secret items 0 key"],
            "kafka.tls.client.existingSecret": [f"{KAFKA} 1 secret name"],
            "kafka.tls.client.certKey": [f"{KAFKA} 1 secret items 0 key"],
            "kafka.tls.client.keyKey": [f"{KAFKA} 1 secret items 1 key"],
            "kafka.sasl.existingSecret": [f"{KAFKA} 2 secret name"],
            "kafka.sasl.passwordKey": [f"{KAFKA} 2 secret items 0 key"],
            "kafka.sasl.username": [f"{MAIN} env {USERNAME} value".format(c="consumer")],
            "http.preStopSeconds": [f"{MAIN} lifecycle preStop sleep seconds".format(c="http")],
            "http.service.type": ["Service * spec type"],
            "http.service.port": ["Service * spec ports http port"],
            "http.service.annotations.service": ["Service * metadata annotations service"],
            "http.ingress.className": ["Ingress * spec ingressClassName"],
            "http.ingress.annotations.ingress": ["Ingress * metadata annotations ingress"],
            "http.ingress.hosts.0": ["Ingress * spec rules 0 host"],
            "http.ingress.tls": ["Ingress * spec tls"],
            "http.auth.existingSecret": [f"{VOLUMES(c='http')} api-keys secret secretName"],
            "http.auth.key": [f"{VOLUMES(c='http')} api-keys secret items 0 key"],
            "http.tls.existingSecret": [f"{VOLUMES(c='http')} http-tls projected sources 0 secret name"],
            "http.tls.certKey": [f"{VOLUMES(c='http')} http-tls projected sources 0 secret items 0 key"],
            "http.tls.keyKey": [f"{VOLUMES(c='http')} http-tls projected sources 0 secret items 1 key"],
            "http.tls.clientCa.existingSecret": [f"{VOLUMES(c='http')} http-tls projected sources 1 secret name"],
            "http.tls.clientCa.key": [f"{VOLUMES(c='http')} http-tls projected sources 1 secret items 0 key"],
            "metrics.podMonitor.labels.pod": ["PodMonitor -http metadata labels pod"],
            "metrics.podMonitor.interval": ["PodMonitor -http spec podMetricsEndpoints 0 interval"],
            "metrics.podMonitor.scrapeTimeout": ["PodMonitor -http spec podMetricsEndpoints 0 scrapeTimeout"],
            "metrics.prometheusRule.labels.rule": ["PrometheusRule * metadata labels rule"],
            "metrics.dashboard.labels.dash": ["ConfigMap -dashboard metadata labels dash"],
            "metrics.dashboard.annotations.folder": ["ConfigMap -dashboard metadata annotations folder"],
            "networkPolicy.httpFrom.0": ["NetworkPolicy -http spec ingress 0 from 0"],
            "networkPolicy.managementFrom": [
                "NetworkPolicy -http spec ingress 1 from", "NetworkPolicy -consumer spec ingress 0 from",
            ],
            "networkPolicy.egress.0": [
                *(f"NetworkPolicy -{one} spec egress 1" for one in ("consumer", "http", "check")),
                "NetworkPolicy -test spec egress 2",
            ],
            "extraObjects.0": ["Secret extra"],
        },
    ),
    "scaled": (
        SCALED,
        {
            "consumer.pdb.minAvailable": ["PodDisruptionBudget -consumer spec minAvailable"],
            "http.pdb.minAvailable": ["PodDisruptionBudget -http spec minAvailable"],
            "consumer.autoscaling.minReplicas": ["ScaledObject * spec minReplicaCount"],
            "consumer.autoscaling.maxReplicas": ["ScaledObject * spec maxReplicaCount"],
            "consumer.autoscaling.keda.pollingInterval": ["ScaledObject * spec pollingInterval"],
            "consumer.autoscaling.keda.cooldownPeriod": ["ScaledObject * spec cooldownPeriod"],
            "http.autoscaling.minReplicas": ["HorizontalPodAutoscaler * spec minReplicas"],
            "http.autoscaling.maxReplicas": ["HorizontalPodAutoscaler * spec maxReplicas"],
            "kafka.sasl.usernameKey": [
                f"{MAIN} env {USERNAME} valueFrom secretKeyRef key".format(c="consumer"),
                "TriggerAuthentication * spec secretTargetRef 0 key",
            ],
            "kafka.sasl.passwordKey": ["TriggerAuthentication * spec secretTargetRef 1 key"],
            "kafka.tls.ca.existingSecret": ["TriggerAuthentication * spec secretTargetRef 2 name"],
            "metrics.serviceMonitor.labels.a": ["ServiceMonitor -http metadata labels a"],
            "metrics.serviceMonitor.interval": ["ServiceMonitor -http spec endpoints 0 interval"],
            "metrics.serviceMonitor.scrapeTimeout": ["ServiceMonitor -http spec endpoints 0 scrapeTimeout"],
            "strimzi.cluster": [f"{one} metadata labels strimzi.io/cluster" for one in (*TOPICS, "KafkaUser *")],
            "strimzi.namespace": [f"{one} metadata namespace" for one in (*TOPICS, "KafkaUser *")],
            "strimzi.topics.partitions": [f"{TOPICS[0]} spec partitions"],
            "strimzi.topics.deadLetterPartitions": [f"{TOPICS[1]} spec partitions"],
            "strimzi.topics.replicas": [f"{one} spec replicas" for one in TOPICS],
            "strimzi.topics.config.preallocate": [f"{TOPICS[0]} spec config preallocate"],
            "strimzi.topics.deadLetterConfig.preallocate": [f"{TOPICS[1]} spec config preallocate"],
            "strimzi.user.authentication": ["KafkaUser * spec authentication type"],
        },
    ),
}  # fmt: skip

NAMES = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
HOOK = "metadata annotations helm.sh/hook"


def by_cpu(container: str, percent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "ContainerResource", "containerResource": {"container": container, "name": "cpu", "target": target}}


SAID: dict[str, tuple[Values, dict[str, Any]]] = {
    "plain": (
        PLAIN,
        {
            **{f"PodDisruptionBudget -{c} spec unhealthyPodEvictionPolicy": "AlwaysAllow" for c in COMPONENTS},
            **{f"{pod} enableServiceLinks".format(c=c): False for c in COMPONENTS for pod in PODS},
            **{f"{one} image".format(c=c): "registry.example/bridge:1.2.3" for c in COMPONENTS for one in RUNNING},
            **{
                f"{one} volumeMounts {mount} readOnly".format(c=c): True
                for c, own in {"consumer": "kafka", "http": "api-keys"}.items()
                for one in RUNNING
                for mount in ("config", "dagster-instance", "workspace", own)
            },
            f"{VOLUMES(c='consumer')} kafka projected defaultMode": 0o440,
            f"{VOLUMES(c='http')} api-keys secret defaultMode": 0o440,
            f"{VOLUMES(c='http')} http-tls projected defaultMode": 0o440,
            **{f"{one} volumeMounts http-tls readOnly".format(c="http"): True for one in RUNNING},
            "Service * spec ports http appProtocol": "https",
            **{
                f"ConfigMap -http data config.yaml http {name}": f"/etc/asset-bridge/http-tls/{file}"
                for name, file in {
                    "tls_cert_file": "tls.crt",
                    "tls_key_file": "tls.key",
                    "tls_client_ca_file": "client-ca.crt",
                }.items()
            },
            f"{KAFKA} 3 secret": {"name": "more-secret", "items": [{"key": "more.key", "path": "ssl.key.password"}]},
            "ConfigMap -consumer data config.yaml kafka librdkafka": {
                "security.protocol": "sasl_ssl",
                "sasl.mechanism": "SCRAM-SHA-512",
                "ssl.ca.location": "/etc/asset-bridge/kafka/ca.crt",
                "ssl.certificate.location": "/etc/asset-bridge/kafka/tls.crt",
                "ssl.key.location": "/etc/asset-bridge/kafka/tls.key",
            },
            "ConfigMap -consumer data config.yaml kafka librdkafka_files": {
                name: f"/etc/asset-bridge/kafka/{name}" for name in ("sasl.password", "ssl.key.password")
            },
            **{f"{one} {HOOK}-weight": "-5" for one in ("ConfigMap -consumer-check", "ConfigMap -http-check")},
            **{
                f"{one} {HOOK}": "pre-install,pre-upgrade"
                for one in (
                    "Job -check-consumer",
                    "Job -check-http",
                    "ConfigMap -consumer-check",
                    "NetworkPolicy -check",
                )
            },
            f"NetworkPolicy -check {HOOK}-weight": "-10",
            "NetworkPolicy -test spec egress 1 ports": [{"port": "http", "protocol": "TCP"}],
            "Job -check-consumer spec activeDeadlineSeconds": 300,
            "Job -check-consumer spec backoffLimit": 2,
            f"Job -check-consumer {HOOK}-delete-policy": "before-hook-creation,hook-succeeded",
            "Job -check-consumer spec template spec serviceAccountName": "default",
            **{f"Pod -test-{c} {HOOK}": "test" for c in COMPONENTS},
            "Pod -test-http spec containers service args 1": "https://bridge-asset-bridge:8018/report_asset_events",
            "Ingress * spec rules 0 http paths 0 backend": {
                "service": {"name": "bridge-asset-bridge", "port": {"name": "http"}}
            },
            "PodMonitor -http spec podMetricsEndpoints 0 path": "/metrics",
            "ConfigMap -dashboard metadata labels grafana_dashboard": "1",
            "NetworkPolicy -consumer spec egress 0 ports": NAMES,
            "NetworkPolicy -test spec egress 1 to 0 podSelector matchLabels app.kubernetes.io/component": "http",
            "NetworkPolicy -check spec policyTypes": ["Ingress", "Egress"],
        },
    ),
    "scaled": (
        SCALED,
        {
            "Deployment whole-consumer metadata labels app.kubernetes.io/name": "named",
            f"{MAIN} image".format(c="http"): f"dagster-asset-bridge@sha256:{'a' * 64}",
            "ConfigMap -http data config.yaml http host": "::",
            "ConfigMap -http data config.yaml management host": "::",
            "ConfigMap -consumer data config.yaml management host": "::",
            "ConfigMap -dagster data dagster.yaml storage": INLINE_DAGSTER["storage"],
            f"{VOLUMES(c='http')} dagster-instance configMap name": "whole-dagster",
            f"{DEPLOYED} topologySpreadConstraints 0 matchLabelKeys".format(c="http"): ["pod-template-hash"],
            f"{TRIGGER} lagThreshold": "2000000",
            f"{TRIGGER} activationLagThreshold": "3000000",
            f"{TRIGGER} excludePersistentLag": "false",
            f"{TRIGGER} offsetResetPolicy": "earliest",
            f"{TRIGGER} sasl": "scram_sha512",
            f"{TRIGGER} tls": "enable",
            "ScaledObject * spec triggers 0 authenticationRef name": "whole-consumer",
            **{
                f"TriggerAuthentication * spec secretTargetRef {number} parameter": name
                for number, name in enumerate(("username", "password", "ca"))
            },
            "HorizontalPodAutoscaler * spec metrics": [by_cpu("http", 44)],
            "Service -http-management spec publishNotReadyAddresses": True,
            "Service -http-management spec clusterIP": "None",
            "ServiceMonitor -http spec endpoints 0 path": "/metrics",
            "ServiceMonitor -http spec endpoints 0 port": "management",
            **{f"{topic} metadata annotations helm.sh/resource-policy": "keep" for topic in TOPICS},
            **{f"{topic} spec config min.insync.replicas": 4 for topic in TOPICS},
            f"{TOPICS[1]} spec config max.message.bytes": 1_114_124,
            f"{TOPICS[1]} spec config cleanup.policy": "delete",
            "NetworkPolicy -http spec policyTypes": ["Ingress"],
            "NetworkPolicy -http spec ingress 0": {"ports": [{"port": "http", "protocol": "TCP"}]},
        },
    ),
    "by CPU": (
        BY_CPU,
        {
            "HorizontalPodAutoscaler * spec minReplicas": 5,
            "HorizontalPodAutoscaler * spec maxReplicas": 15,
            "HorizontalPodAutoscaler * spec metrics": [by_cpu("consumer", 55)],
            "Deployment * spec strategy": {"type": "Recreate"},
            "ConfigMap -consumer data config.yaml kafka librdkafka": {"security.protocol": "ssl"},
        },
    ),
    "SCRAM-SHA-256": (
        SCRAM_256,
        {
            f"{TRIGGER} sasl": "scram_sha256",
            f"{TRIGGER} tls": "disable",
            f"{TRIGGER} offsetResetPolicy": "latest",
            "TriggerAuthentication * spec env": [
                {"parameter": "username", "name": USERNAME, "containerName": "consumer"}
            ],
        },
    ),
    "mutual TLS": (
        MUTUAL,
        {
            f"{TRIGGER} sasl": "plaintext",
            "TriggerAuthentication * spec secretTargetRef": [
                {"parameter": "password", "name": "bridge-user", "key": "password"},
                {"parameter": "ca", "name": "cluster-cluster-ca-cert", "key": "ca.crt"},
                {"parameter": "cert", "name": "client", "key": "my.crt"},
                {"parameter": "key", "name": "client", "key": "my.key"},
            ],
        },
    ),
    "somebody's authentication, who says all of it": (
        THEIRS,
        {
            "ScaledObject * spec triggers 0 authenticationRef": {"name": "theirs"},
            TRIGGER: {
                "bootstrapServers": "broker:9092",
                "consumerGroup": "theirs-too",
                "topic": "dagster.asset-events",
                "lagThreshold": "1000",
                "activationLagThreshold": "0",
                "offsetResetPolicy": "earliest",
                "excludePersistentLag": "true",
                "fullMetadata": "false",
            },
        },
    ),
}

ELSEWHERE = {
    "config", "nameOverride", "fullnameOverride", "bindAddress", "image.repository", "image.tag", "image.digest",
    "serviceAccount.create", "dagster.instance.config", "kafka.sasl.mechanism", "kafka.secretProperties",
    "consumer.autoscaling.cpuPercent", "consumer.autoscaling.keda.lagThreshold",
    "consumer.autoscaling.keda.activationLagThreshold", "consumer.autoscaling.keda.excludePersistentLag",
    "consumer.autoscaling.keda.authenticationRef", "http.autoscaling.cpuPercent",
    "metrics.prometheusRule.disabled", "metrics.prometheusRule.additionalGroups", "metrics.prometheusRule.runbookUrl",
    *(f"metrics.prometheusRule.thresholds.{field.alias}" for field in Thresholds.model_fields.values()),
}  # fmt: skip
"""Values that arrive in another shape: `SAID` has them, or a test of their own; besides `enabled` and `kind`."""


def found(rendered: Rendered, place: str) -> Any:
    """What stands at a place; `*` is any name."""
    kind, ending, *way = place.split(" ")
    return followed(rendered.one(kind, ending.strip("*")), way)


def followed(at: Any, way: list[str]) -> Any:
    """What is at the end of a way through groups and lists."""
    for step in way:
        if isinstance(at, str):
            at = yaml.safe_load(at)
        if isinstance(at, list):
            at = at[int(step)] if step.isdecimal() else next(item for item in at if item["name"] == step)
        else:
            at = at[step]
    return at
