{{/* What the pods of both components, the test and the check have in common. */}}

{{/* Of (dict "root" $ "component" "consumer" "as" "check"): labels that tell it apart from the pods of the component. */}}
{{- define "asset-bridge.podLabels" -}}
{{- $own := include "asset-bridge.labels" (dict "root" .root "component" (default .component .as)) | fromYaml -}}
{{- merge $own (default dict (index .root.Values .component).podLabels) | toYaml -}}
{{- end -}}

{{- define "asset-bridge.podAnnotations" -}}
{{- merge (dict) (default dict (index .root.Values .component).podAnnotations) (default dict .root.Values.commonAnnotations) | toYaml -}}
{{- end -}}

{{- define "asset-bridge.environment" -}}
- name: DAGSTER_HOME
  value: {{ .root.Values.dagster.home | quote }}
{{- with .root.Values.dagster.postgresql }}
{{- if .existingSecret }}
- name: DAGSTER_PG_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .passwordKey | quote }}}}
{{- if .usernameKey }}
- name: DAGSTER_PG_USERNAME
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .usernameKey | quote }}}}
{{- end }}
{{- end }}
{{- end }}
{{- with .root.Values.kafka.sasl }}
{{- if and (eq $.component "consumer") .mechanism }}
- name: ASSET_BRIDGE_KAFKA__LIBRDKAFKA__SASL_USERNAME
  {{- if .usernameKey }}
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .usernameKey | quote }}}}
  {{- else }}
  value: {{ .username | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- with (index .root.Values .component).extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "asset-bridge.mounts" -}}
- {name: config, mountPath: /etc/asset-bridge/config, readOnly: true}
- {name: dagster-home, mountPath: {{ .root.Values.dagster.home | quote }}}
- name: dagster-instance
  mountPath: {{ .root.Values.dagster.home }}/dagster.yaml
  subPath: dagster.yaml
  readOnly: true
- {name: tmp, mountPath: /tmp}
{{- if .root.Values.dagster.workspace.existingConfigMap }}
- {name: workspace, mountPath: /etc/asset-bridge/workspace, readOnly: true}
{{- end }}
{{- if and (eq .component "consumer") (include "asset-bridge.kafkaSecrets" .root) }}
- {name: kafka, mountPath: /etc/asset-bridge/kafka, readOnly: true}
{{- end }}
{{- if and (eq .component "http") .root.Values.http.auth.existingSecret }}
- {name: api-keys, mountPath: /etc/asset-bridge/api-keys, readOnly: true}
{{- end }}
{{- if and (eq .component "http") .root.Values.http.tls.existingSecret }}
- {name: http-tls, mountPath: /etc/asset-bridge/http-tls, readOnly: true}
{{- end }}
{{- with (index .root.Values .component).extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of (dict "root" $ "component" "consumer" "suffix" ""): a hook runs before the release's own config maps are there. */}}
{{- define "asset-bridge.volumes" -}}
- name: config
  configMap: {name: {{ include "asset-bridge.fullname" .root }}-{{ .component }}{{ .suffix }}}
- name: dagster-home
  emptyDir: {}
- name: dagster-instance
  configMap:
    {{- $instance := .root.Values.dagster.instance }}
    name: {{ include "asset-bridge.dagsterConfigMap" .root }}{{ if not $instance.existingConfigMap }}{{ .suffix }}{{ end }}
    items:
      - {key: {{ $instance.existingConfigMap | empty | ternary "dagster.yaml" $instance.key | quote }}, path: dagster.yaml}
- name: tmp
  emptyDir: {}
{{- with .root.Values.dagster.workspace }}
{{- if .existingConfigMap }}
- name: workspace
  configMap:
    name: {{ .existingConfigMap }}
    items:
      - {key: {{ .key | quote }}, path: workspace.yaml}
{{- end }}
{{- end }}
{{- if eq .component "consumer" }}
{{- with include "asset-bridge.kafkaSecrets" .root }}
- name: kafka
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- else }}
{{- with .root.Values.http.auth }}
{{- if .existingSecret }}
- name: api-keys
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .key | quote }}, path: keys}
{{- end }}
{{- end }}
{{- with .root.Values.http.tls }}
{{- if .existingSecret }}
- name: http-tls
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .existingSecret }}
          items:
            - {key: {{ .certKey | quote }}, path: tls.crt}
            - {key: {{ .keyKey | quote }}, path: tls.key}
      {{- with .clientCa }}
      {{- if .existingSecret }}
      - secret:
          name: {{ .existingSecret }}
          items:
            - {key: {{ .key | quote }}, path: client-ca.crt}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with (index .root.Values .component).extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "asset-bridge.podBasics" -}}
serviceAccountName: {{ .serviceAccountName }}
automountServiceAccountToken: {{ .root.Values.serviceAccount.automount }}
enableServiceLinks: false
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $values := index .root.Values .component }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "asset-bridge.containerBasics" -}}
image: {{ include "asset-bridge.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{- define "asset-bridge.probe" -}}
httpGet: {path: {{ .path }}, port: management}
{{ toYaml .probe }}
{{- end -}}

{{/* `asset-bridge check` as a component of (dict "root" $ "component" "consumer") would run. */}}
{{- define "asset-bridge.checkContainer" -}}
{{- $values := index .root.Values .component -}}
{{ include "asset-bridge.containerBasics" .root }}
args: [check, --config, /etc/asset-bridge/config/config.yaml]
env:
  {{- include "asset-bridge.environment" . | trim | nindent 2 }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
volumeMounts:
  {{- include "asset-bridge.mounts" . | trim | nindent 2 }}
{{- end -}}
