{{- define "misstep.name" -}}
{{- if eq .Release.Name "misstep" -}}misstep{{- else -}}{{ printf "%s-misstep" .Release.Name }}{{- end -}}
{{- end -}}

{{- define "misstep.selector" -}}
app.kubernetes.io/name: misstep
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "misstep.labels" -}}
{{ include "misstep.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* The configuration as values.yaml has it, with the storage in its places. */}}
{{- define "misstep.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if .Values.storage.enabled -}}
{{- $storage := dict "directory" "/var/lib/misstep/storage" "create_directory" true -}}
{{- $extensions := append (dig "service" "extensions" list $config) "file_storage" | uniq -}}
{{- $kept := dict "extensions" (dict "file_storage" $storage) "processors" (dict "detect" (dict "storage" "file_storage")) "service" (dict "extensions" $extensions) -}}
{{- $exporters := dict -}}
{{- range .Values.storage.queues -}}
{{- if not (hasKey $config.exporters .) -}}
{{- fail (printf "storage.queues names %q, which is no exporter of config. Exporters: %s." . (keys $config.exporters | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $_ := set $exporters . (dict "sending_queue" (dict "storage" "file_storage")) -}}
{{- end -}}
{{- $config = mustMergeOverwrite $config $kept (dict "exporters" $exporters) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* What a DaemonSet, a Deployment and a StatefulSet share. */}}
{{- define "misstep.pod" -}}
metadata:
  labels:
    {{- include "misstep.labels" . | nindent 4 }}
  annotations:
    # A new configuration is a new pod.
    checksum/config: {{ include "misstep.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "misstep.name" . }}
  automountServiceAccountToken: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds .Values.shutdownGraceSeconds 5 }}
  securityContext:
    runAsNonRoot: true
    # The image's user `node`.
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: misstep
      image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run, --config, /etc/misstep/config.yaml, --shutdown-grace, {{ printf "%ds" (int .Values.shutdownGraceSeconds) }}]
      env:
        - name: MISSTEP_LIMIT_MIB
          value: {{ .Values.limitMib | quote }}
        - name: NODE_OPTIONS
          value: --max-old-space-size={{ div (mul .Values.limitMib 8) 10 }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - { name: otlp-grpc, containerPort: 4317 }
        - { name: otlp-http, containerPort: 4318 }
        - { name: metrics, containerPort: 8888 }
        - { name: health, containerPort: 13133 }
      # The first seconds belong to the start; afterwards only a process that does not answer at all is started again.
      startupProbe:
        httpGet: { path: /, port: health }
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /, port: health }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /ready, port: health }
        periodSeconds: 5
        timeoutSeconds: 3
      lifecycle:
        preStop:
          sleep: { seconds: {{ .Values.preStopSeconds }} }
      resources:
        requests:
          {{- toYaml (merge (dict "memory" (printf "%dMi" (int .Values.limitMib))) .Values.resources.requests) | nindent 10 }}
        limits:
          memory: {{ div (mul .Values.limitMib 5) 4 }}Mi
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - { name: config, mountPath: /etc/misstep, readOnly: true }
        - { name: tmp, mountPath: /tmp }
        {{- if .Values.storage.enabled }}
        - { name: storage, mountPath: /var/lib/misstep }
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "misstep.name" . }}
    - name: tmp
      emptyDir: { sizeLimit: 64Mi }
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
