{{/* KEDA counts the lag of the very group and topics that are consumed, with the same credentials. */}}
{{- define "asset-bridge.scaledObject" -}}
{{- $root := .root -}}
{{- $scaling := $root.Values.consumer.autoscaling -}}
{{- $kafka := $root.Values.kafka -}}
{{- $secured := or $kafka.sasl.mechanism $kafka.tls.ca.existingSecret $kafka.tls.client.existingSecret -}}
{{- $authentication := default (ternary (printf "%s-consumer" (include "asset-bridge.fullname" $root)) "" (not (empty $secured))) $scaling.keda.authenticationRef }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  {{- include "asset-bridge.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    {{- toYaml .target | nindent 4 }}
  minReplicaCount: {{ int64 $scaling.minReplicas }}
  maxReplicaCount: {{ int64 $scaling.maxReplicas }}
  pollingInterval: {{ int64 $scaling.keda.pollingInterval }}
  cooldownPeriod: {{ int64 $scaling.keda.cooldownPeriod }}
  triggers:
    {{- range (include "asset-bridge.topics" $root | fromYaml).names }}
    - type: kafka
      metadata:
        bootstrapServers: {{ $root.Values.config.kafka.bootstrap_servers | quote }}
        consumerGroup: {{ include "asset-bridge.groupId" $root | quote }}
        topic: {{ . | quote }}
        lagThreshold: {{ $scaling.keda.lagThreshold | int64 | toString | quote }}
        activationLagThreshold: {{ $scaling.keda.activationLagThreshold | int64 | toString | quote }}
        offsetResetPolicy: {{ dig "kafka" "start" "earliest" $root.Values.config | replace "error" "latest" | quote }}
        excludePersistentLag: {{ $scaling.keda.excludePersistentLag | toString | quote }}
        fullMetadata: "false"
        {{- if not $scaling.keda.authenticationRef }}
        {{- with $kafka.sasl.mechanism }}
        sasl: {{ get (dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512") . | quote }}
        {{- end }}
        tls: {{ ternary "enable" "disable" $kafka.tls.enabled | quote }}
        {{- end }}
      {{- with $authentication }}
      authenticationRef: {name: {{ . }}}
      {{- end }}
    {{- end }}
{{- if and $secured (not $scaling.keda.authenticationRef) }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  {{- include "asset-bridge.metadata" . | nindent 2 }}
spec:
  {{- if and $kafka.sasl.mechanism (not $kafka.sasl.usernameKey) }}
  env:
    - {parameter: username, name: ASSET_BRIDGE_KAFKA__LIBRDKAFKA__SASL_USERNAME, containerName: consumer}
  {{- end }}
  secretTargetRef:
    {{- with $kafka.sasl }}
    {{- if and .mechanism .usernameKey }}
    - {parameter: username, name: {{ .existingSecret }}, key: {{ .usernameKey | quote }}}
    {{- end }}
    {{- if .mechanism }}
    - {parameter: password, name: {{ .existingSecret }}, key: {{ .passwordKey | quote }}}
    {{- end }}
    {{- end }}
    {{- with $kafka.tls.ca }}
    {{- if .existingSecret }}
    - {parameter: ca, name: {{ .existingSecret }}, key: {{ .key | quote }}}
    {{- end }}
    {{- end }}
    {{- with $kafka.tls.client }}
    {{- if .existingSecret }}
    - {parameter: cert, name: {{ .existingSecret }}, key: {{ .certKey | quote }}}
    - {parameter: key, name: {{ .existingSecret }}, key: {{ .keyKey | quote }}}
    {{- end }}
    {{- end }}
{{- end }}
{{- end -}}
