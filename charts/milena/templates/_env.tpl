{{/*
One variable from a secret: (dict "name" … "secret" … "key" …)
*/}}
{{- define "milena.fromSecret" -}}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
{{- end -}}

{{- define "milena.env.auth" -}}
{{- $secret := .Values.auth.existingSecret | default (include "milena.secretName" .) -}}
{{ include "milena.fromSecret" (dict "name" "API_KEY" "secret" $secret "key" "api-key") }}
{{- end -}}

{{- define "milena.env.secretsKey" -}}
{{- $secret := .Values.auth.existingSecret | default (include "milena.secretName" .) -}}
{{ include "milena.fromSecret" (dict "name" "SECRETS_KEY" "secret" $secret "key" "secrets-key") }}
- name: SECRETS_KEY_PREVIOUS
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: secrets-key-previous, optional: true } }
{{- end -}}

{{/* (dict "root" $ "inline" name of the secret that holds what is given inline) */}}
{{- define "milena.env.postgres" -}}
{{- $external := .root.Values.externalPostgres -}}
{{- if and (not .root.Values.postgres.enabled) $external.existingSecret -}}
{{ include "milena.fromSecret" (dict "name" "DATABASE_URL" "secret" $external.existingSecret "key" $external.existingSecretKey) }}
{{- else -}}
{{ include "milena.fromSecret" (dict "name" "DATABASE_URL" "secret" .inline "key" "database-url") }}
{{- end -}}
{{- end -}}

{{- define "milena.env.clickhouse" -}}
{{- $external := .root.Values.externalClickhouse -}}
{{- if .root.Values.clickhouse.enabled -}}
- { name: CLICKHOUSE_URL, value: 'http://{{ include "milena.fullname" .root }}-clickhouse:8123' }
- { name: CLICKHOUSE_USER, value: milena }
{{ include "milena.fromSecret" (dict "name" "CLICKHOUSE_PASSWORD" "secret" .inline "key" "clickhouse-password") }}
{{- else -}}
- { name: CLICKHOUSE_URL, value: {{ $external.url | quote }} }
- { name: CLICKHOUSE_USER, value: {{ $external.user | quote }} }
{{- if $external.existingSecret }}
{{ include "milena.fromSecret" (dict "name" "CLICKHOUSE_PASSWORD" "secret" $external.existingSecret "key" $external.existingSecretKey) }}
{{- else if $external.password }}
{{ include "milena.fromSecret" (dict "name" "CLICKHOUSE_PASSWORD" "secret" .inline "key" "clickhouse-password") }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "milena.env.kafka" -}}
{{- $sasl := .Values.externalKafka.sasl -}}
- { name: KAFKA_BROKERS, value: {{ include "milena.kafkaBrokers" . | quote }} }
{{- if .Values.kafka.enabled }}
- { name: KAFKA_REPLICATION_FACTOR, value: '1' }
{{- else }}
{{- if .Values.externalKafka.ssl }}
- { name: KAFKA_SSL, value: 'true' }
{{- end }}
{{- if $sasl.mechanism }}
- { name: KAFKA_SASL_MECHANISM, value: {{ $sasl.mechanism | quote }} }
- { name: KAFKA_SASL_USERNAME, value: {{ $sasl.username | quote }} }
{{ include "milena.fromSecret" (dict "name" "KAFKA_SASL_PASSWORD" "secret" ($sasl.existingSecret | default (include "milena.secretName" .)) "key" (ternary $sasl.existingSecretKey "kafka-password" (ne $sasl.existingSecret ""))) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "milena.env.redis" -}}
{{- $external := .Values.externalRedis -}}
{{- if .Values.redis.enabled }}
- { name: REDIS_URL, value: 'redis://{{ include "milena.fullname" . }}-redis:6379/0' }
{{- else if $external.existingSecret }}
{{ include "milena.fromSecret" (dict "name" "REDIS_URL" "secret" $external.existingSecret "key" $external.existingSecretKey) }}
{{- else if $external.url }}
{{ include "milena.fromSecret" (dict "name" "REDIS_URL" "secret" (include "milena.secretName" .) "key" "redis-url") }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "name" … "key" url or secret); nothing when there is no operator */}}
{{- define "milena.env.operator" -}}
{{- $operator := .root.Values.operatorWebhook -}}
{{- if $operator.existingSecret }}
{{ include "milena.fromSecret" (dict "name" .name "secret" $operator.existingSecret "key" .key) }}
{{- else if $operator.url }}
{{ include "milena.fromSecret" (dict "name" .name "secret" (include "milena.secretName" .root) "key" (printf "operator-webhook-%s" .key)) }}
{{- end }}
{{- end -}}

{{- define "milena.env.extraCa" -}}
{{- if .Values.extraCa.secretName }}
- { name: NODE_EXTRA_CA_CERTS, value: '/etc/milena/ca/{{ .Values.extraCa.key }}' }
{{- end }}
{{- end -}}
{{- define "milena.volumes.extraCa" -}}
{{- if .Values.extraCa.secretName }}
volumes:
  - name: ca
    secret: { secretName: {{ .Values.extraCa.secretName }} }
{{- end }}
{{- end -}}
{{- define "milena.mounts.extraCa" -}}
{{- if .Values.extraCa.secretName }}
volumeMounts:
  - { name: ca, mountPath: /etc/milena/ca, readOnly: true }
{{- end }}
{{- end -}}
