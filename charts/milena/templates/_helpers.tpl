{{- define "milena.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Prefix of everything: short enough for the longest suffix. */}}
{{- define "milena.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "milena.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "milena.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change, of one part: (dict "root" $ "part" "ingest") */}}
{{- define "milena.selector" -}}
app.kubernetes.io/name: {{ include "milena.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "milena.labels" -}}
{{ include "milena.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: milena
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "milena.metadata" -}}
name: {{ include "milena.fullname" .root }}-{{ .part }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "milena.labels" . | nindent 2 }}
{{- end -}}

{{/* Image of one service: (dict "root" $ "part" "ingest" "tag" "") */}}
{{- define "milena.image" -}}
{{- $image := .root.Values.image -}}
{{- $tag := .tag | default $image.tag | default .root.Chart.AppVersion -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.prefix }}{{ .part }}:{{ $tag }}
{{- end -}}

{{- define "milena.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "milena.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "milena.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The secret of what the chart makes or is given inline. */}}
{{- define "milena.secretName" -}}
{{ include "milena.fullname" . }}-secrets
{{- end -}}

{{/* What was made before, or what is given, or something new: (dict "kept" $data "key" "api-key" "given" "" "new" "…") */}}
{{- define "milena.secretValue" -}}
{{- if .given -}}
{{- .given | b64enc -}}
{{- else if hasKey .kept .key -}}
{{- index .kept .key -}}
{{- else -}}
{{- .new | b64enc -}}
{{- end -}}
{{- end -}}

{{/* How long a stop may take: out of the Service, drained, letting go. */}}
{{- define "milena.grace" -}}
{{- $drain := index .Values.settings "DRAIN_TIMEOUT_MS" | default 15000 | int -}}
{{- add .Values.preStopSeconds (div (add $drain 999) 1000) 10 -}}
{{- end -}}

{{/* Ranges that targets may lie in although they are private. */}}
{{- define "milena.allowedTargets" -}}
{{- $allowed := list -}}
{{- with index .Values.settings "ALLOWED_PRIVATE_TARGETS" }}{{ $allowed = append $allowed . }}{{ end -}}
{{- if and .Values.demoReceiver.enabled .Values.demoReceiver.clusterIP -}}
{{- $bits := ternary 128 32 (contains ":" .Values.demoReceiver.clusterIP) -}}
{{- $allowed = append $allowed (printf "%s/%d" .Values.demoReceiver.clusterIP (int $bits)) -}}
{{- end -}}
{{- join "," $allowed -}}
{{- end -}}

{{- define "milena.kafkaBrokers" -}}
{{- if .Values.kafka.enabled -}}
{{ include "milena.fullname" . }}-kafka:9092
{{- else -}}
{{ .Values.externalKafka.brokers }}
{{- end -}}
{{- end -}}

{{/* Hooks that the migration runs at: its stores must be there. */}}
{{- define "milena.migrationHooks" -}}
{{- if or .Values.postgres.enabled .Values.clickhouse.enabled -}}
post-install,pre-upgrade
{{- else -}}
pre-install,pre-upgrade
{{- end -}}
{{- end -}}
