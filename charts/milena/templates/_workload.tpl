{{/*
Deployment of one service. (dict "root" $ "part" "ingest" "port" 8081 "scaled" true "env" "…")
port 0: it has no API. scaled: something else sets the number of replicas.
*/}}
{{- define "milena.deployment" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .part -}}
{{- $settings := dict "settings" $root.Values.settings "targets" (include "milena.allowedTargets" $root) -}}
{{- $secrets := dict "auth" $root.Values.auth "postgres" $root.Values.externalPostgres "kafka" $root.Values.externalKafka "redis" $root.Values.externalRedis "clickhouse" $root.Values.externalClickhouse "operator" $root.Values.operatorWebhook -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "milena.metadata" . | nindent 2 }}
spec:
  {{- if not .scaled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      {{- include "milena.selector" . | nindent 6 }}
  {{- if .port }}
  # A new pod serves before an old one goes.
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  {{- else }}
  # An old pod hands its partitions over before a new one asks for some: what a worker that leaves has under way is
  # finished, while partitions that move to one that was added may have an attempt repeated.
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxSurge: 0, maxUnavailable: 1 }
  {{- end }}
  template:
    metadata:
      labels:
        {{- include "milena.selector" . | nindent 8 }}
      annotations:
        checksum/settings: {{ $settings | toJson | sha256sum }}
        checksum/secrets: {{ $secrets | toJson | sha256sum }}
        {{- if $root.Values.metrics.podAnnotations.enabled }}
        prometheus.io/scrape: 'true'
        prometheus.io/port: '9090'
        prometheus.io/path: /metrics
        {{- end }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "milena.pullSecrets" $root | nindent 6 }}
      serviceAccountName: {{ include "milena.serviceAccountName" $root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ include "milena.grace" $root }}
      securityContext:
        {{- toYaml $root.Values.podSecurityContext | nindent 8 }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- if $root.Values.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range $root.Values.topologySpread.topologyKeys }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
          labelSelector:
            matchLabels:
              {{- include "milena.selector" $ | nindent 14 }}
        {{- end }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "milena.volumes.extraCa" $root | nindent 6 }}
      containers:
        - name: {{ .part }}
          image: {{ include "milena.image" (dict "root" $root "part" .part "tag" "") | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          envFrom:
            - configMapRef: { name: {{ include "milena.fullname" $root }}-settings }
          env:
            {{- .env | trim | nindent 12 }}
            {{- include "milena.env.extraCa" $root | nindent 12 }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            {{- if .port }}
            - { name: http, containerPort: {{ .port }} }
            {{- end }}
            - { name: admin, containerPort: 9090 }
          # Waits for its engines, ten minutes at a time.
          startupProbe:
            httpGet: { path: /ready, port: admin }
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 300
          readinessProbe:
            httpGet: { path: /ready, port: admin }
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 2
          livenessProbe:
            httpGet: { path: /health, port: admin }
            periodSeconds: 10
            timeoutSeconds: 10
            failureThreshold: 6
          {{- if and .port $root.Values.preStopSeconds }}
          # Serves on until every node knows that it is out of the Service.
          lifecycle:
            preStop:
              exec: { command: [sleep, '{{ $root.Values.preStopSeconds }}'] }
          {{- end }}
          securityContext:
            {{- toYaml $root.Values.containerSecurityContext | nindent 12 }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          {{- include "milena.mounts.extraCa" $root | nindent 10 }}
{{- end -}}
