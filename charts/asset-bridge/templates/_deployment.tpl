{{/* The Deployment of (dict "root" $ "component" "consumer" "command" "consume"). */}}
{{- define "asset-bridge.deployment" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "asset-bridge.metadata" (merge (dict "name" .component "annotations" $values.annotations) .) | nindent 2 }}
spec:
  {{- if eq $values.autoscaling.kind "none" }}
  replicas: {{ int64 $values.replicas }}
  {{- end }}
  minReadySeconds: {{ int64 $values.minReadySeconds }}
  revisionHistoryLimit: {{ int64 $values.revisionHistoryLimit }}
  strategy:
    {{- eq $values.strategy.type "Recreate" | ternary (omit $values.strategy "rollingUpdate") $values.strategy | toYaml | nindent 4 }}
  selector:
    matchLabels:
      {{- include "asset-bridge.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "asset-bridge.podLabels" . | nindent 8 }}
      annotations:
        # A change of the settings starts new pods.
        checksum/config: {{ include "asset-bridge.config" . | sha256sum }}
        checksum/dagster: {{ $root.Values.dagster.instance.config | toYaml | sha256sum }}
        {{- with include "asset-bridge.podAnnotations" . | fromYaml }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- $account := include "asset-bridge.serviceAccountName" $root }}
      {{- include "asset-bridge.podBasics" (merge (dict "serviceAccountName" $account) .) | nindent 6 }}
      terminationGracePeriodSeconds: {{ int64 $values.terminationGracePeriodSeconds }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        {{- if $values.topologySpreadConstraints }}
        {{- toYaml $values.topologySpreadConstraints | nindent 8 }}
        {{- else }}
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "asset-bridge.selector" . | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      containers:
        - name: {{ .component }}
          {{- include "asset-bridge.containerBasics" $root | nindent 10 }}
          args:
            - {{ .command }}
            - --config
            - /etc/asset-bridge/config/config.yaml
            {{- range $values.extraArgs }}
            - {{ . | quote }}
            {{- end }}
          ports:
            {{- if eq .component "http" }}
            - {name: http, containerPort: 3000, protocol: TCP}
            {{- end }}
            - {name: management, containerPort: 8081, protocol: TCP}
          env:
            {{- include "asset-bridge.environment" . | trim | nindent 12 }}
          {{- with $values.extraEnvFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          # Liveness depends on nothing outside the process: an outage of Kafka or PostgreSQL restarts nobody.
          startupProbe:
            {{- include "asset-bridge.probe" (dict "path" "/livez" "probe" $values.probes.startup) | nindent 12 }}
          livenessProbe:
            {{- include "asset-bridge.probe" (dict "path" "/livez" "probe" $values.probes.liveness) | nindent 12 }}
          readinessProbe:
            {{- include "asset-bridge.probe" (dict "path" "/readyz" "probe" $values.probes.readiness) | nindent 12 }}
          {{- if and (eq .component "http") (gt (int $values.preStopSeconds) 0) }}
          lifecycle:
            preStop:
              sleep: {seconds: {{ int64 $values.preStopSeconds }}}
          {{- end }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            {{- include "asset-bridge.mounts" . | trim | nindent 12 }}
        {{- with $values.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
        {{- include "asset-bridge.volumes" . | trim | nindent 8 }}
{{- end -}}
