package stored

import (
	"encoding/json"
	"fmt"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// source is what of a source nobody searches by.
type source struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Token       string   `json:"token"`
	OldToken    *secret  `json:"oldToken,omitempty"`
	Profile     string   `json:"profile"`
	HMAC        *hmac    `json:"hmac,omitempty"`
	Secrets     []secret `json:"secrets,omitempty"`
	URL         string   `json:"url,omitempty"`
	Filter      string   `json:"filter,omitempty"`
	EventType   string   `json:"eventType,omitempty"`
	Dedupe      string   `json:"dedupe,omitempty"`
	Status      int      `json:"status,omitempty"`
	Body        string   `json:"body,omitempty"`
	RateLimit   int      `json:"rateLimit,omitempty"`
	Disabled    bool     `json:"disabled,omitempty"`
}

type hmac struct {
	Header    string `json:"header"`
	Algorithm string `json:"algorithm,omitempty"`
	Encoding  string `json:"encoding,omitempty"`
	Prefix    string `json:"prefix,omitempty"`
}

// Source writes what of a source nobody searches by, as JSON.
func Source(src *fanfare.Source) []byte {
	v := source{
		Name: src.Name, Description: src.Description, Token: src.Token, Profile: src.Profile, URL: src.PublicURL, Filter: src.Filter,
		EventType: src.EventType, Dedupe: src.Dedupe, Status: src.Response.Status, Body: src.Response.Body,
		RateLimit: src.RateLimit, Disabled: src.Disabled,
	}
	if src.OldToken.Text != "" {
		v.OldToken = &secret{src.OldToken.Text, Micros(src.OldToken.ExpiresAt)}
	}
	if h := hmac(src.HMAC); h != (hmac{}) {
		v.HMAC = &h
	}
	for _, s := range src.Secrets {
		v.Secrets = append(v.Secrets, secret{s.Text, Micros(s.ExpiresAt)})
	}
	text, _ := json.Marshal(v) // nothing in it can fail
	return text
}

// ReadSource reads what Source wrote into src.
func ReadSource(text []byte, src *fanfare.Source) error {
	var v source
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("source %s: settings: %w", src.ID, err)
	}
	src.Name, src.Description, src.Token, src.Profile = v.Name, v.Description, v.Token, v.Profile
	src.PublicURL, src.Filter, src.EventType, src.Dedupe = v.URL, v.Filter, v.EventType, v.Dedupe
	src.Response = fanfare.SourceResponse{Status: v.Status, Body: v.Body}
	src.RateLimit, src.Disabled = v.RateLimit, v.Disabled
	if v.OldToken != nil {
		src.OldToken = fanfare.Secret{Text: v.OldToken.Text, ExpiresAt: Instant(v.OldToken.ExpiresAt)}
	}
	if v.HMAC != nil {
		src.HMAC = webhook.HMAC(*v.HMAC)
	}
	for _, s := range v.Secrets {
		src.Secrets = append(src.Secrets, fanfare.Secret{Text: s.Text, ExpiresAt: Instant(s.ExpiresAt)})
	}
	return nil
}
