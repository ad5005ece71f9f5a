{{/* What the pods of both components, the test and the check have in common. */}}

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
{{- with (index .root.Values .component).extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of (dict "root" $ "component" "consumer" "prefix" ""): a hook runs before the release's own config maps are there. */}}
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
{{- with (index .root.Values .component).nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index .root.Values .component).tolerations }}
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
