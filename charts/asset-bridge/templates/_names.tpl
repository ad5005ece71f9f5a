{{/* Names and labels. A name leaves room for what is put behind it: 63 characters are all that a label takes. */}}

{{- define "asset-bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride -}}
{{- end -}}

{{- define "asset-bridge.fullname" -}}
{{- $name := include "asset-bridge.name" . -}}
{{- $release := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $full := default $release .Values.fullnameOverride -}}
{{- /* What is cut off would be all that tells two long names apart. */ -}}
{{- if gt (len $full) 40 -}}
{{- $full = printf "%s-%s" (trunc 31 $full | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- end -}}
{{- $full -}}
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
{{- toYaml (merge $own (default dict .root.Values.commonLabels)) -}}
{{- end -}}

{{/* Metadata of (dict "root" $ "component" "consumer" "name" "suffix" "annotations" dict "labels" dict "namespace" "n"). */}}
{{- define "asset-bridge.metadata" -}}
name: {{ include "asset-bridge.fullname" .root }}{{ with .name }}-{{ . }}{{ end }}
namespace: {{ default .root.Release.Namespace .namespace }}
labels:
  {{- merge (include "asset-bridge.labels" . | fromYaml) (default dict .labels) | toYaml | nindent 2 }}
{{- with merge (dict) (default dict .annotations) (default dict .root.Values.commonAnnotations) }}
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
