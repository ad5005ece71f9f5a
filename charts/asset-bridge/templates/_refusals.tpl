{{/* What cannot work is refused with a sentence, before anything is installed. */}}
{{- define "asset-bridge.refusals" -}}
{{- $kafka := .Values.kafka -}}
{{- $secret := default dict $kafka.secretProperties -}}
{{- $properties := dig "kafka" "librdkafka" dict .Values.config -}}
{{- $fullname := include "asset-bridge.fullname" . -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $fullname) -}}
{{- fail (printf "%s is no name for a Service: set fullnameOverride to one of small letters, digits and '-' that begins with a letter." $fullname) -}}
{{- end -}}
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
{{- $literal := regexFind "(?m)^[- ]*\"?(\\w*(password|passphrase|token)|postgres_url|mysql_url|\\w*secret_(access_)?key)\"?: *[^ \n]" (toYaml .Values.dagster.instance.config) -}}
{{- if $literal -}}
{{- fail (printf "dagster.instance.config: %s is a secret, and would stand in a ConfigMap: write {env: DAGSTER_PG_PASSWORD}, and give dagster.postgresql.existingSecret." (regexFind "\\w+" $literal)) -}}
{{- end -}}
{{- if or (eq .Values.dagster.home "/tmp") (hasPrefix "/etc/asset-bridge/" (printf "%s/" .Values.dagster.home)) -}}
{{- fail "dagster.home must be a folder of its own: /tmp and /etc/asset-bridge are mounted already." -}}
{{- end -}}
{{- if and .Values.consumer.enabled (not (dig "kafka" "bootstrap_servers" "" .Values.config)) -}}
{{- fail "config.kafka.bootstrap_servers is needed by the consumer: host:port of your brokers, comma separated." -}}
{{- end -}}
{{- if and .Values.http.enabled (not .Values.http.auth.existingSecret) (not (dig "http" "allow_anonymous" false .Values.config)) -}}
{{- fail "http.auth.existingSecret is needed: a Secret with the API keys of those who post; or set config.http.allow_anonymous=true to let anybody in the cluster report." -}}
{{- end -}}
{{- if dig "http" "allow_anonymous" false .Values.config -}}
{{- if .Values.http.auth.existingSecret -}}
{{- fail "http.auth.existingSecret and config.http.allow_anonymous=true exclude each other: who has keys lets nobody in without one." -}}
{{- end -}}
{{- if and .Values.http.enabled (or .Values.http.ingress.enabled (ne .Values.http.service.type "ClusterIP")) -}}
{{- fail "http.auth.existingSecret is needed where the cluster's outside can post (http.ingress.enabled, http.service.type): config.http.allow_anonymous=true would let anybody report." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.http.tls.clientCa.existingSecret (not .Values.http.tls.existingSecret) -}}
{{- fail "http.tls.existingSecret is needed with http.tls.clientCa.existingSecret: it would be ignored, and anybody could connect." -}}
{{- end -}}
{{- $topics := (include "asset-bridge.topics" . | fromYaml).names -}}
{{- if .Values.consumer.enabled -}}
{{- if ne (len $topics) (len (uniq $topics)) -}}
{{- fail "config.kafka.topics must name each topic once." -}}
{{- end -}}
{{- range (include "asset-bridge.deadLetters" . | fromYaml).names -}}
{{- if has . $topics -}}
{{- fail (printf "config.kafka.dead_letter_topic must differ from every topic that is read: %s is one." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $kafka.sasl.mechanism (not $kafka.sasl.existingSecret) -}}
{{- fail "kafka.sasl.existingSecret is needed with kafka.sasl.mechanism: the Secret with the password." -}}
{{- end -}}
{{- if and $kafka.sasl.mechanism (not $kafka.sasl.username) (not $kafka.sasl.usernameKey) -}}
{{- fail "kafka.sasl.username or kafka.sasl.usernameKey is needed with kafka.sasl.mechanism." -}}
{{- end -}}
{{- if and (eq $kafka.sasl.mechanism "PLAIN") (not $kafka.tls.enabled) (not (dig "kafka" "allow_insecure" false .Values.config)) -}}
{{- fail "kafka.tls.enabled is needed with kafka.sasl.mechanism=PLAIN: the password would go readable over the network; or set config.kafka.allow_insecure=true." -}}
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
{{- if and (contains "_" $property) (ne $property "log_level") -}}
{{- fail (printf "config.kafka.librdkafka: write %s with dots." $property) -}}
{{- end -}}
{{- /* What the code takes for secret, but for paths and addresses. */ -}}
{{- if and (regexMatch "password|secret|key|token|jaas|oauthbearer\\.config|\\.pem$" $property) (not (regexMatch "\\.(location|file|url)$" $property)) -}}
{{- fail (printf "config.kafka.librdkafka: %s is a secret, and values are none: give it by kafka.sasl, or by kafka.secretProperties." $property) -}}
{{- end -}}
{{- end -}}
{{- range list "security.protocol" "sasl.mechanism" "sasl.mechanisms" "sasl.username" -}}
{{- if and (hasKey $properties .) $kafka.sasl.mechanism -}}
{{- fail (printf "config.kafka.librdkafka: %s follows from kafka.tls and kafka.sasl; leave it out." .) -}}
{{- end -}}
{{- end -}}
{{- if and $kafka.sasl.mechanism (hasKey $secret "sasl.password") -}}
{{- fail "kafka.secretProperties: sasl.password follows from kafka.sasl; leave it out." -}}
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
{{- if and (or (has "warn" $targets) (has "reject" $targets) (has true $targets)) (not .Values.dagster.workspace.existingConfigMap) -}}
{{- fail "dagster.workspace.existingConfigMap is needed where config.targets does not accept everything or adds partitions: the ConfigMap with workspace.yaml of your Dagster release." -}}
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
{{- if or .Values.strimzi.topics.enabled .Values.strimzi.user.enabled -}}
{{- if not .Values.strimzi.cluster -}}
{{- fail "strimzi.cluster is needed: the name of the Kafka resource." -}}
{{- end -}}
{{- if .Values.check.enabled -}}
{{- fail "check.enabled and strimzi.topics.enabled or strimzi.user.enabled exclude each other: the check runs before Strimzi's topics and user are made. helm test looks afterwards." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.strimzi.user.enabled (not (has .Values.kafka.sasl.mechanism (list "" "SCRAM-SHA-512"))) -}}
{{- fail "strimzi.user.enabled makes a user for SCRAM-SHA-512 or TLS; kafka.sasl.mechanism must be SCRAM-SHA-512, or empty." -}}
{{- end -}}
{{- if .Values.strimzi.topics.enabled -}}
{{- $input := include "asset-bridge.topicConfig" (dict "root" $ "dead" false) | fromYaml -}}
{{- $letters := include "asset-bridge.topicConfig" (dict "root" $ "dead" true) | fromYaml -}}
{{- range list $input $letters -}}
{{- if gt (int (index . "min.insync.replicas")) (int $.Values.strimzi.topics.replicas) -}}
{{- fail "strimzi.topics: min.insync.replicas must not be above strimzi.topics.replicas: no record would be taken." -}}
{{- end -}}
{{- end -}}
{{- $least := add (int64 (get $input "max.message.bytes" | default 1048588)) 65536 -}}
{{- if lt (int64 (index $letters "max.message.bytes")) $least -}}
{{- fail (printf "strimzi.topics.deadLetterConfig: max.message.bytes must be at least %d, or a letter would not fit; leave it out." $least) -}}
{{- end -}}
{{- end -}}
{{- $scaling := .Values.consumer.autoscaling -}}
{{- if and .Values.consumer.enabled (eq $scaling.kind "keda") (not $scaling.keda.authenticationRef) -}}
{{- range concat (keys $properties) (keys $secret) | sortAlpha -}}
{{- if or (eq . "security.protocol") (hasPrefix "sasl." .) (hasPrefix "ssl." .) -}}
{{- fail (printf "consumer.autoscaling.keda.authenticationRef is needed with %s: of a login and of encryption KEDA is told what kafka.tls and kafka.sasl say, and nothing else." .) -}}
{{- end -}}
{{- end -}}
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
{{- if and $values.enabled $values.pdb.enabled -}}
{{- $available := $values.pdb.minAvailable -}}
{{- $away := $values.pdb.maxUnavailable -}}
{{- if not (or (kindIs "invalid" $available) (kindIs "invalid" $away)) -}}
{{- fail (printf "%s.pdb.minAvailable and %s.pdb.maxUnavailable exclude each other: set the other one to null." $component $component) -}}
{{- end -}}
{{- if and (kindIs "invalid" $available) (kindIs "invalid" $away) -}}
{{- fail (printf "%s.pdb.minAvailable or %s.pdb.maxUnavailable is needed; or set %s.pdb.enabled=false." $component $component $component) -}}
{{- end -}}
{{- $replicas := int (eq $scaling.kind "none" | ternary $values.replicas $scaling.minReplicas) -}}
{{- $stays := toString (default 0 $available) | trimSuffix "%" | int -}}
{{- if hasSuffix "%" (toString $available) -}}
{{- $stays = ceil (divf (mulf $stays $replicas) 100) | int -}}
{{- end -}}
{{- if or (has (toString $away) (list "0" "0%")) (and $replicas (ge $stays $replicas)) -}}
{{- fail (printf "%s.pdb would let no pod be evicted, and no node be drained: of %d replicas at least one must be free to go." $component $replicas) -}}
{{- end -}}
{{- end -}}
{{- $ours := dict -}}
{{- range include "asset-bridge.environment" (dict "root" $ "component" $component) | fromYamlArray -}}
{{- if hasKey $ours .name -}}
{{- fail (printf "%s.extraEnv: %s is there already." $component .name) -}}
{{- end -}}
{{- $_ := set $ours .name true -}}
{{- end -}}
{{- if and $values.enabled (contains "env: DAGSTER_PG_PASSWORD" (toYaml $.Values.dagster.instance.config)) (not (or (hasKey $ours "DAGSTER_PG_PASSWORD") $values.extraEnvFrom)) -}}
{{- fail "dagster.postgresql.existingSecret is needed: dagster.instance.config reads DAGSTER_PG_PASSWORD." -}}
{{- end -}}
{{- range $values.extraEnv -}}
{{- if and (hasPrefix "ASSET_BRIDGE_" .name) (or (not (hasKey . "valueFrom")) (eq .name "ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S")) -}}
{{- fail (printf "%s.extraEnv: %s is a setting; give it under config, where it is looked at before anything is installed." $component .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
