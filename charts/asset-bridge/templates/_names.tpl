{{/* Names and labels. A name leaves room for what is put behind it: 63 characters are all that a label takes. */}}

{{- define "asset-bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "asset-bridge.fullname" -}}
{{- $name := include "asset-bridge.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Of (dict "root" $ "component" "consumer"): what tells the pods of one component from all others. */}}
{{- define "asset-bridge.selector" -}}
app.kubernetes.io/name: {{ include "asset-bridge.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "asset-bridge.labels" -}}
{{- $own := include "asset-bridge.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- toYaml (merge $own .root.Values.commonLabels) -}}
{{- end -}}

{{/* Metadata of (dict "root" $ "component" "consumer" "name" "suffix" "annotations" dict "labels" dict). */}}
{{- define "asset-bridge.metadata" -}}
name: {{ include "asset-bridge.fullname" .root }}{{ with .name }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- merge (include "asset-bridge.labels" . | fromYaml) (default dict .labels) | toYaml | nindent 2 }}
{{- with merge (dict) (default dict .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "asset-bridge.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- define "asset-bridge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "asset-bridge.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- define "asset-bridge.dagsterConfigMap" -}}
{{ default (printf "%s-dagster" (include "asset-bridge.fullname" .)) .Values.dagster.instance.existingConfigMap }}
{{- end -}}
