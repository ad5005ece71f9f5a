{{/* The settings of each component: what `config` says, and what follows from the pod. */}}

{{- define "asset-bridge.config" -}}
{{- $config := deepCopy .root.Values.config -}}
{{- if eq .component "consumer" -}}
{{- $kafka := default dict $config.kafka -}}
{{- $properties := merge (include "asset-bridge.kafkaProperties" .root | fromYaml) (default dict $kafka.librdkafka) -}}
{{- $files := include "asset-bridge.kafkaFiles" .root | fromYaml -}}
{{- $_ := set $kafka "librdkafka" $properties -}}
{{- if $files -}}{{- $_ := set $kafka "librdkafka_files" $files -}}{{- end -}}
{{- $_ := set $config "kafka" $kafka -}}
{{- $_ := unset $config "http" -}}
{{- $_ := set $config "management" (dict "host" .root.Values.bindAddress "port" 8081) -}}
{{- else -}}
{{- $http := merge (dict "host" .root.Values.bindAddress "port" 3000 "management_port" 8081) (default dict $config.http) -}}
{{- if .root.Values.http.auth.existingSecret -}}
{{- $_ := set $http "api_keys_file" "/etc/asset-bridge/api-keys/keys" -}}
{{- end -}}
{{- with .root.Values.http.tls -}}
{{- if .existingSecret -}}
{{- $_ := set $http "tls_cert_file" "/etc/asset-bridge/http-tls/tls.crt" -}}
{{- $_ := set $http "tls_key_file" "/etc/asset-bridge/http-tls/tls.key" -}}
{{- if .clientCa.existingSecret -}}
{{- $_ := set $http "tls_client_ca_file" "/etc/asset-bridge/http-tls/client-ca.crt" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $config "http" $http -}}
{{- $_ := unset $config "kafka" -}}
{{- $_ := set $config "management" (dict "host" .root.Values.bindAddress) -}}
{{- end -}}
{{- if .root.Values.dagster.workspace.existingConfigMap -}}
{{- $_ := set $config "targets" (merge (dict "workspace" "/etc/asset-bridge/workspace/workspace.yaml") (default dict $config.targets)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "asset-bridge.kafkaProperties" -}}
{{- $kafka := .Values.kafka -}}
{{- $properties := dict -}}
{{- if $kafka.sasl.mechanism -}}
{{- $_ := set $properties "security.protocol" (ternary "sasl_ssl" "sasl_plaintext" $kafka.tls.enabled) -}}
{{- $_ := set $properties "sasl.mechanism" $kafka.sasl.mechanism -}}
{{- else if $kafka.tls.enabled -}}
{{- $given := dig "kafka" "librdkafka" "security.protocol" "ssl" .Values.config -}}
{{- $_ := set $properties "security.protocol" $given -}}
{{- end -}}
{{- if $kafka.tls.enabled -}}
{{- if $kafka.tls.ca.existingSecret -}}
{{- $_ := set $properties "ssl.ca.location" "/etc/asset-bridge/kafka/ca.crt" -}}
{{- end -}}
{{- if $kafka.tls.client.existingSecret -}}
{{- $_ := set $properties "ssl.certificate.location" "/etc/asset-bridge/kafka/tls.crt" -}}
{{- $_ := set $properties "ssl.key.location" "/etc/asset-bridge/kafka/tls.key" -}}
{{- end -}}
{{- end -}}
{{- toYaml $properties -}}
{{- end -}}

{{- define "asset-bridge.kafkaFiles" -}}
{{- $files := dict -}}
{{- if .Values.kafka.sasl.mechanism -}}
{{- $_ := set $files "sasl.password" "/etc/asset-bridge/kafka/sasl.password" -}}
{{- end -}}
{{- range $property, $_ := .Values.kafka.secretProperties -}}
{{- $_ := set $files $property (printf "/etc/asset-bridge/kafka/%s" $property) -}}
{{- end -}}
{{- toYaml $files -}}
{{- end -}}

{{/* What of Kafka is in Secrets, as the sources of one volume. */}}
{{- define "asset-bridge.kafkaSecrets" -}}
{{- $kafka := .Values.kafka -}}
{{- if $kafka.tls.enabled }}
{{- with $kafka.tls.ca }}
{{- if .existingSecret }}
- secret:
    name: {{ .existingSecret }}
    items:
      - {key: {{ .key | quote }}, path: ca.crt}
{{- end }}
{{- end }}
{{- with $kafka.tls.client }}
{{- if .existingSecret }}
- secret:
    name: {{ .existingSecret }}
    items:
      - {key: {{ .certKey | quote }}, path: tls.crt}
      - {key: {{ .keyKey | quote }}, path: tls.key}
{{- end }}
{{- end }}
{{- end }}
{{- if $kafka.sasl.mechanism }}
- secret:
    name: {{ $kafka.sasl.existingSecret }}
    items:
      - {key: {{ $kafka.sasl.passwordKey | quote }}, path: sasl.password}
{{- end }}
{{- range $property, $where := $kafka.secretProperties }}
- secret:
    name: {{ $where.existingSecret }}
    items:
      - {key: {{ $where.key | quote }}, path: {{ $property | quote }}}
{{- end }}
{{- end -}}

{{/* The topics as a list of names: `config.kafka.topics` may be text, names, or names with an event type. */}}
{{- define "asset-bridge.topics" -}}
{{- $given := dig "kafka" "topics" "dagster.asset-events" .Values.config -}}
{{- $names := list -}}
{{- if kindIs "string" $given -}}
{{- range splitList "," $given -}}{{- with trim . -}}{{- $names = append $names . -}}{{- end -}}{{- end -}}
{{- else -}}
{{- range $given -}}
{{- if kindIs "string" . -}}{{- $names = append $names . -}}{{- else -}}{{- $names = append $names .name -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "names" $names) -}}
{{- end -}}

{{- define "asset-bridge.groupId" -}}
{{- dig "kafka" "group_id" "asset-bridge" .Values.config -}}
{{- end -}}

{{/* The dead-letter topics as a list of names, each once. */}}
{{- define "asset-bridge.deadLetters" -}}
{{- $template := dig "kafka" "dead_letter_topic" "{topic}.dlq" .Values.config -}}
{{- $names := list -}}
{{- range (include "asset-bridge.topics" . | fromYaml).names -}}{{- $names = append $names (replace "{topic}" . $template) -}}{{- end -}}
{{- toYaml (dict "names" (uniq $names)) -}}
{{- end -}}

{{/* A topic's configuration in Strimzi, of (dict "root" $ "dead" true): given, or what fits replicas and `max_event_bytes`. */}}
{{- define "asset-bridge.topicConfig" -}}
{{- $strimzi := .root.Values.strimzi.topics -}}
{{- $derived := dict "min.insync.replicas" (max 1 (sub (int64 $strimzi.replicas) 1)) -}}
{{- $largest := int64 (dig "max_event_bytes" 1048576 .root.Values.config) -}}
{{- if gt $largest 1048576 -}}{{- $_ := set $derived "max.message.bytes" (add $largest 12) -}}{{- end -}}
{{- $config := merge (dict) (default dict $strimzi.config) $derived -}}
{{- if .dead -}}
{{- /* A letter is larger than its record by its headers; 1048588 is Kafka's own limit. */ -}}
{{- $_ := set $derived "max.message.bytes" (add (int64 (get $config "max.message.bytes" | default 1048588)) 65536) -}}
{{- $config = merge (dict) (default dict $strimzi.deadLetterConfig) $derived -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
