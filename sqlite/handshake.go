package sqlite

import "github.com/fanfarehq/fanfare"

// A handshake is one as the database keeps it, among an endpoint's settings.
type handshake struct {
	Kind       string `json:"kind"`
	AskedAt    int64  `json:"askedAt,omitempty"`
	VerifiedAt int64  `json:"verifiedAt,omitempty"`
	Problem    string `json:"problem,omitempty"`
	Subject    string `json:"subject,omitempty"`
	Token      string `json:"token,omitempty"`
}

func handshakeOf(h fanfare.Handshake) *handshake {
	if h == (fanfare.Handshake{}) {
		return nil
	}
	return &handshake{h.Kind, micros(h.AskedAt), micros(h.VerifiedAt), h.Problem, h.Subject, h.Token}
}

func (h *handshake) handshake() fanfare.Handshake {
	if h == nil {
		return fanfare.Handshake{}
	}
	return fanfare.Handshake{
		Kind: h.Kind, AskedAt: instant(h.AskedAt), VerifiedAt: instant(h.VerifiedAt),
		Problem: h.Problem, Subject: h.Subject, Token: h.Token,
	}
}
