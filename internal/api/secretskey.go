package api

import (
	"context"
	"errors"
	"net/http"
)

// Secrets seal what is secret in the store.
type Secrets interface {
	// Sealing tells with what.
	Sealing(ctx context.Context) (Sealing, error)
	// Rotate begins to seal everything with a new key. It may return a
	// [NotNowError].
	Rotate(ctx context.Context) error
}

// A Sealing is with which key secrets are sealed.
type Sealing struct {
	Key  string   // the id of the present one; "": none are sealed
	Old  []string // those that some are sealed with still
	Left int      // how many are

	// Next is a key that does not seal, and is the first one of a server. Lacking are
	// the servers of which it, or else Key, is not.
	Next    string
	Lacking []string

	Traces bool  // what was stored before there was a key may still be found in the file
	Err    error // why resealing has stopped
}

// A NotNowError says in a sentence why something cannot be done, and what to do.
type NotNowError struct{ Reason string }

func (e *NotNowError) Error() string { return e.Reason }

type sealingOut struct {
	Key       *string  `json:"key" doc:"The id of the key that secrets are sealed with; null: they are not."`
	OldKeys   []string `json:"oldKeys" doc:"Ids of keys that some are sealed with still."`
	Left      int      `json:"left" doc:"How many records are sealed with those."`
	Resealing bool     `json:"resealing" doc:"Whether everything is being brought under the present key."`
	Next      *string  `json:"next" doc:"The id of a key that does not seal yet, and is the first one of a server; null: there is none. Rotating has it seal once it is the first one of all."`
	Lacking   []string `json:"lacking" doc:"The servers that have another first key than next, or than key where there is no next."`
	Traces    bool     `json:"traces" doc:"Whether unused parts of the database file may hold what was stored before there was a key."`
	Error     *string  `json:"error" doc:"Why resealing has stopped."`
}

// secretsKeyRoutes are for admins alone.
func (s *server) secretsKeyRoutes() []*route {
	return []*route{
		on("GET /secrets-key", "Read which key the secrets in the store are sealed with", readSealing),
		on("POST /secrets-key/rotate", "Seal the secrets in the store with a new key, in the background", rotateSecretsKey).answering(http.StatusAccepted).doing("secrets-key.rotate"),
	}
}

func readSealing(c *call, _ *none) (*sealingOut, error) {
	out := &sealingOut{OldKeys: []string{}, Lacking: []string{}}
	if c.secrets == nil {
		return out, nil
	}
	v, err := c.secrets.Sealing(c.r.Context())
	if err != nil {
		return nil, err
	}
	out.Key, out.Traces, out.OldKeys = pointer(v.Key), v.Traces, append(out.OldKeys, v.Old...)
	out.Left, out.Next, out.Lacking = v.Left, pointer(v.Next), append(out.Lacking, v.Lacking...)
	out.Resealing = len(v.Old) > 0 && v.Err == nil
	if v.Err != nil {
		out.Error = pointer(v.Err.Error())
	}
	return out, nil
}

func rotateSecretsKey(c *call, in *none) (*sealingOut, error) {
	if c.secrets == nil {
		return nil, refuse(http.StatusConflict, "conflict", "The secrets of this server are not sealed.")
	}
	err := c.secrets.Rotate(c.r.Context())
	var notNow *NotNowError
	if errors.As(err, &notNow) {
		return nil, refuse(http.StatusConflict, "conflict", notNow.Reason)
	}
	if err != nil {
		return nil, err
	}
	return readSealing(c, in)
}
