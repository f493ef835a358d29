package stored

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

// settings are what of an endpoint nobody searches by. Durations and times are in
// microseconds. Names in the file do not change when those in package fanfare do.
type settings struct {
	Description    string            `json:"description,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	EventTypes     []string          `json:"eventTypes,omitempty"`
	TypeVersions   map[string]int    `json:"eventTypeVersions,omitempty"`
	Channels       []string          `json:"channels,omitempty"`
	Secrets        []secret          `json:"secrets,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	Format         string            `json:"format,omitempty"`
	Application    bool              `json:"includeApplication,omitempty"`
	Signature      string            `json:"signature,omitempty"`
	Debounce       int64             `json:"debounce,omitempty"`
	BatchSize      int               `json:"batchSize,omitempty"`
	BatchWindow    int64             `json:"batchWindow,omitempty"`
	Kind           string            `json:"kind,omitempty"`
	Config         json.RawMessage   `json:"config,omitempty"`
	Filter         string            `json:"filter,omitempty"`
	Transformation string            `json:"transformation,omitempty"`
	RateLimit      int               `json:"rateLimit,omitempty"`
	MaxInFlight    int               `json:"maxInFlight,omitempty"`
	Timeout        int64             `json:"timeout,omitempty"`
	RetryPreset    string            `json:"retryPreset,omitempty"`
	RetryDelays    []int64           `json:"retryDelays,omitempty"`
	RetryByType    map[string]plan   `json:"retryByType,omitempty"`
	Handshake      *handshake        `json:"handshake,omitempty"`
	SuccessPreset  string            `json:"successPreset,omitempty"`
	Statuses       string            `json:"statuses,omitempty"`
	Contains       string            `json:"contains,omitempty"`
	Lacks          string            `json:"lacks,omitempty"`
	Redirects      string            `json:"redirects,omitempty"`
	Auth           *auth             `json:"auth,omitempty"`
	Paused         bool              `json:"paused,omitempty"`
	OnPause        string            `json:"onPause,omitempty"`
	OrderingKey    string            `json:"orderingKey,omitempty"`
	Disabled       bool              `json:"disabled,omitempty"`
	DisabledReason string            `json:"disabledReason,omitempty"`
}

type secret struct {
	Text      string `json:"text"`
	ExpiresAt int64  `json:"expiresAt,omitempty"`
}

// Settings writes what of an endpoint nobody searches by, as JSON.
func Settings(ep *fanfare.Endpoint) []byte {
	v := settings{
		Description: ep.Description, Metadata: ep.Metadata, EventTypes: ep.EventTypes, Channels: ep.Channels,
		Headers: ep.Headers, Format: ep.Format, Signature: ep.Signature, RateLimit: ep.RateLimit, MaxInFlight: ep.MaxInFlight,
		Timeout: ep.Timeout.Microseconds(), Debounce: ep.Debounce.Microseconds(), Kind: ep.Kind, RetryPreset: ep.Retry.Preset,
		SuccessPreset: ep.Success.Preset, Statuses: ep.Success.Statuses, Contains: ep.Success.Contains, Lacks: ep.Success.Lacks,
		Redirects: ep.Success.Redirects, Auth: authOf(ep.Auth),
		Paused: ep.Paused, OnPause: ep.OnPause, OrderingKey: ep.OrderingKey, Disabled: ep.Disabled, DisabledReason: ep.DisabledReason,
	}
	v.BatchSize, v.BatchWindow = ep.Batch.Size, ep.Batch.Window.Microseconds()
	v.TypeVersions, v.Application = ep.EventTypeVersions, ep.IncludeApplication
	v.Config, v.Filter, v.Transformation = ep.Config, ep.Filter, ep.Transformation
	for _, s := range ep.Secrets {
		v.Secrets = append(v.Secrets, secret{s.Text, Micros(s.ExpiresAt)})
	}
	for _, d := range ep.Retry.Delays {
		v.RetryDelays = append(v.RetryDelays, d.Microseconds())
	}
	v.RetryByType = plansByType(ep.RetryByType)
	v.Handshake = handshakeOf(ep.Handshake)
	text, _ := json.Marshal(v) // nothing in it can fail
	return text
}

// ReadSettings reads what Settings wrote into ep.
func ReadSettings(text []byte, ep *fanfare.Endpoint) error {
	var v settings
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("endpoint %s: settings: %w", ep.ID, err)
	}
	v.fill(ep)
	return nil
}

func (v *settings) fill(ep *fanfare.Endpoint) {
	ep.Description, ep.Metadata, ep.EventTypes, ep.Channels = v.Description, v.Metadata, v.EventTypes, v.Channels
	ep.Headers, ep.Format, ep.Signature = v.Headers, v.Format, v.Signature
	ep.RateLimit, ep.MaxInFlight = v.RateLimit, v.MaxInFlight
	ep.Timeout = time.Duration(v.Timeout) * time.Microsecond
	ep.Kind, ep.EventTypeVersions = v.Kind, v.TypeVersions
	ep.Config, ep.Filter, ep.Transformation = v.Config, v.Filter, v.Transformation
	ep.IncludeApplication = v.Application
	ep.Debounce = time.Duration(v.Debounce) * time.Microsecond
	ep.Batch = fanfare.Batching{Size: v.BatchSize, Window: time.Duration(v.BatchWindow) * time.Microsecond}
	ep.Retry.Preset = v.RetryPreset
	ep.Success = fanfare.Success{Preset: v.SuccessPreset, Statuses: v.Statuses, Contains: v.Contains, Lacks: v.Lacks, Redirects: v.Redirects}
	ep.Auth = v.Auth.fanfare()
	ep.OnPause, ep.OrderingKey = v.OnPause, v.OrderingKey
	ep.Paused, ep.Disabled, ep.DisabledReason = v.Paused, v.Disabled, v.DisabledReason
	for _, s := range v.Secrets {
		ep.Secrets = append(ep.Secrets, fanfare.Secret{Text: s.Text, ExpiresAt: Instant(s.ExpiresAt)})
	}
	for _, d := range v.RetryDelays {
		ep.Retry.Delays = append(ep.Retry.Delays, time.Duration(d)*time.Microsecond)
	}
	ep.RetryByType = retriesByType(v.RetryByType)
	ep.Handshake = v.Handshake.handshake()
}
