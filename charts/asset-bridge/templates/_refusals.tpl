{{/* What cannot work is refused with a sentence, before anything is installed. */}}
{{- define "asset-bridge.refusals" -}}
{{- $kafka := .Values.kafka -}}
{{- $properties := dig "kafka" "librdkafka" dict .Values.config -}}
{{- if not (or .Values.consumer.enabled .Values.http.enabled) -}}
{{- fail "Nothing would be installed: set consumer.enabled or http.enabled." -}}
{{- end -}}
{{- if and (not .Values.dagster.instance.existingConfigMap) (not .Values.dagster.instance.config) -}}
{{- fail "dagster.instance.existingConfigMap is needed: the ConfigMap with dagster.yaml of your Dagster release (kubectl get configmaps | grep dagster-instance); or give its content in dagster.instance.config." -}}
{{- end -}}
{{- if and .Values.dagster.instance.existingConfigMap .Values.dagster.instance.config -}}
{{- fail "dagster.instance.existingConfigMap and dagster.instance.config exclude each other." -}}
{{- end -}}
{{- if and .Values.dagster.instance.config (not (or .Values.dagster.instance.config.storage .Values.dagster.instance.config.event_log_storage)) -}}
{{- fail "dagster.instance.config names no storage: events would go into a database of the pod's own, which ends with it." -}}
{{- end -}}
{{- if and .Values.consumer.enabled (not (dig "kafka" "bootstrap_servers" "" .Values.config)) -}}
{{- fail "config.kafka.bootstrap_servers is needed by the consumer: host:port of your brokers, comma separated." -}}
{{- end -}}
{{- if and .Values.http.enabled (not .Values.http.auth.existingSecret) (not (dig "http" "allow_anonymous" false .Values.config)) -}}
{{- fail "http.auth.existingSecret is needed: a Secret with the API keys of those who post; or set config.http.allow_anonymous=true to let anybody in the cluster report." -}}
{{- end -}}
{{- if and $kafka.sasl.mechanism (not $kafka.sasl.existingSecret) -}}
{{- fail "kafka.sasl.existingSecret is needed with kafka.sasl.mechanism: the Secret with the password." -}}
{{- end -}}
{{- if and $kafka.sasl.mechanism (not $kafka.sasl.username) (not $kafka.sasl.usernameKey) -}}
{{- fail "kafka.sasl.username or kafka.sasl.usernameKey is needed with kafka.sasl.mechanism." -}}
{{- end -}}
{{- if and $kafka.sasl.username $kafka.sasl.usernameKey -}}
{{- fail "kafka.sasl.username and kafka.sasl.usernameKey exclude each other." -}}
{{- end -}}
{{- if and $kafka.sasl.existingSecret (not $kafka.sasl.mechanism) -}}
{{- fail "kafka.sasl.mechanism is needed with kafka.sasl.existingSecret: it would be ignored, and the connection made without authentication." -}}
{{- end -}}
{{- if and (or $kafka.tls.ca.existingSecret $kafka.tls.client.existingSecret) (not $kafka.tls.enabled) -}}
{{- fail "kafka.tls.enabled is needed with the Secrets of kafka.tls: they would be ignored, and the connection made without encryption." -}}
{{- end -}}
{{- range $property, $_ := $properties -}}
{{- if regexMatch "(password|passphrase|secret|jaas|oauthbearer\\.config|\\.pem)$" $property -}}
{{- fail (printf "config.kafka.librdkafka: %s is a secret, and values are none: give it by kafka.sasl, or by kafka.secretProperties." $property) -}}
{{- end -}}
{{- end -}}
{{- range list "security.protocol" "sasl.mechanism" "sasl.mechanisms" "sasl.username" -}}
{{- if and (hasKey $properties .) $kafka.sasl.mechanism -}}
{{- fail (printf "config.kafka.librdkafka: %s follows from kafka.tls and kafka.sasl; leave it out." .) -}}
{{- end -}}
{{- end -}}
{{- range list "ssl.ca.location" "ssl.certificate.location" "ssl.key.location" -}}
{{- if and (hasKey $properties .) $kafka.tls.enabled -}}
{{- fail (printf "config.kafka.librdkafka: %s follows from kafka.tls; leave it out." .) -}}
{{- end -}}
{{- end -}}
{{- if and $kafka.tls.enabled (not $kafka.sasl.mechanism) -}}
{{- $protocol := lower (get $properties "security.protocol" | default "ssl") -}}
{{- if not (hasSuffix "ssl" $protocol) -}}
{{- fail (printf "kafka.tls.enabled and config.kafka.librdkafka security.protocol=%s contradict each other." $protocol) -}}
{{- end -}}
{{- end -}}
{{- $targets := values (default dict .Values.config.targets) -}}
{{- if and (or (has "warn" $targets) (has "reject" $targets)) (not .Values.dagster.workspace.existingConfigMap) -}}
{{- fail "dagster.workspace.existingConfigMap is needed where config.targets does not accept everything: the ConfigMap with workspace.yaml of your Dagster release." -}}
{{- end -}}
{{- $drain := add (ceil (dig "kafka" "shutdown_deadline_s" 20 .Values.config)) 5 -}}
{{- if and .Values.consumer.enabled (lt (int .Values.consumer.terminationGracePeriodSeconds) (int $drain)) -}}
{{- fail (printf "consumer.terminationGracePeriodSeconds must be at least %d: config.kafka.shutdown_deadline_s and 5 seconds to end." (int $drain)) -}}
{{- end -}}
{{- $drain = add .Values.http.preStopSeconds 20 -}}
{{- if and .Values.http.enabled (lt (int .Values.http.terminationGracePeriodSeconds) (int $drain)) -}}
{{- fail (printf "http.terminationGracePeriodSeconds must be at least %d: http.preStopSeconds, 15 seconds for the requests under way, and 5 to end." (int $drain)) -}}
{{- end -}}
{{- if and .Values.metrics.podMonitor.enabled .Values.metrics.serviceMonitor.enabled -}}
{{- fail "metrics.podMonitor and metrics.serviceMonitor exclude each other: every sample would be there twice." -}}
{{- end -}}
{{- if and .Values.http.ingress.enabled (not .Values.http.ingress.hosts) -}}
{{- fail "http.ingress.hosts is needed with http.ingress.enabled." -}}
{{- end -}}
{{- if and .Values.http.ingress.enabled (not .Values.http.enabled) -}}
{{- fail "http.ingress.enabled needs http.enabled." -}}
{{- end -}}
{{- if and (or .Values.strimzi.topics.enabled .Values.strimzi.user.enabled) (not .Values.strimzi.cluster) -}}
{{- fail "strimzi.cluster is needed: the name of the Kafka resource." -}}
{{- end -}}
{{- range $component := list "consumer" "http" -}}
{{- $values := index $.Values $component -}}
{{- $scaling := $values.autoscaling -}}
{{- if and (ne $scaling.kind "none") (lt (int $scaling.maxReplicas) (int $scaling.minReplicas)) -}}
{{- fail (printf "%s.autoscaling.maxReplicas must not be below minReplicas." $component) -}}
{{- end -}}
{{- if and (eq $scaling.kind "hpa") (lt (int $scaling.minReplicas) 1) -}}
{{- fail (printf "%s.autoscaling.minReplicas must be at least 1 with kind hpa." $component) -}}
{{- end -}}
{{- if and (eq $scaling.kind "hpa") (not (dig "requests" "cpu" "" $values.resources)) -}}
{{- fail (printf "%s.resources.requests.cpu is needed with %s.autoscaling.kind=hpa: it scales by the share of it that is used." $component $component) -}}
{{- end -}}
{{- if and $values.pdb.enabled (not (kindIs "invalid" $values.pdb.minAvailable)) (not (kindIs "invalid" $values.pdb.maxUnavailable)) -}}
{{- fail (printf "%s.pdb.minAvailable and %s.pdb.maxUnavailable exclude each other: set the other one to null." $component $component) -}}
{{- end -}}
{{- end -}}
{{- end -}}
