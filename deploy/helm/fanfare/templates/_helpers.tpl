{{- define "fanfare.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fanfare.name" -}}
{{ .Release.Name }}-{{ .Chart.Name }}
{{- end }}

{{- define "fanfare.secret" -}}
{{ if .Values.existingSecret }}{{ .Values.existingSecret }}{{ else }}{{ include "fanfare.name" . }}{{ end }}
{{- end }}
