package api

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// sourceFields are what can be written of a source.
type sourceFields struct {
	UID         field[string]    `json:"uid,omitzero" doc:"Your own name for it, which may stand wherever its id may."`
	Name        field[string]    `json:"name,omitzero" doc:"For people, and in the event type source.<name>; its uid or profile unless told."`
	Description field[string]    `json:"description,omitzero"`
	Profile     field[string]    `json:"profile,omitzero" doc:"How requests are verified: basic, body-token, dropbox, github, hmac, intercom, mandrill, none (whoever knows the address may send), query, resthooks, shopify, slack, slack-outgoing, standard, stripe or twilio."`
	HMAC        field[*hmacIn]   `json:"hmac,omitzero" doc:"Of the profile hmac: where the HMAC of the body stands."`
	PublicURL   field[string]    `json:"publicUrl,omitzero" doc:"Its address as the sender knows it, for mandrill and twilio, which sign that, if it is not url."`
	Filter      field[string]    `json:"filter,omitzero" doc:"An expression (CEL) over eventType, payload, headers and tags that a message has to match to be kept. The sender is not told."`
	EventType   field[string]    `json:"eventType,omitzero" doc:"A name, or a template such as crm.{{payload.kind}}, in which eventType is what the profile makes it; null: that."`
	Dedupe      field[string]    `json:"dedupe,omitzero" doc:"What a request is known by when it comes again: header:X-Event-Id, body (a digest of it), or off; null: what the profile has."`
	Response    field[*answerIn] `json:"response,omitzero" doc:"What senders are answered; null: what suits the profile."`
	RateLimit   field[int]       `json:"rateLimit,omitzero" doc:"Requests taken a second; 0: any number."`
	Disabled    field[bool]      `json:"disabled,omitzero" doc:"Whether requests are answered 410."`
}

type sourceIn struct {
	Secret field[string] `json:"secret,omitzero" doc:"What the sender signs with, or sends. It is never shown again."`
	sourceFields
}

type hmacIn struct {
	Header    string `json:"header" doc:"The header that holds it, such as X-Signature."`
	Algorithm string `json:"algorithm,omitzero" enum:"sha256,sha1,sha512" doc:"sha256 unless told."`
	Encoding  string `json:"encoding,omitzero" enum:"hex,base64" doc:"hex unless told."`
	Prefix    string `json:"prefix,omitzero" doc:"Before it, such as sha256=."`
}

type answerIn struct {
	Status int    `json:"status,omitzero" doc:"200 to 299; 202, or 200 where the profile's service wants that, unless told."`
	Body   string `json:"body,omitzero" doc:"A template, such as {\"text\":\"Heard {{payload.user_name}}\"}: what begins with { or [ is JSON, what begins with < is XML, all else is plain text."`
}

func (f *sourceFields) apply(src *fanfare.Source) {
	f.UID.into(&src.UID)
	f.Name.into(&src.Name)
	f.Description.into(&src.Description)
	f.Profile.into(&src.Profile)
	f.PublicURL.into(&src.PublicURL)
	f.Filter.into(&src.Filter)
	f.EventType.into(&src.EventType)
	f.Dedupe.into(&src.Dedupe)
	f.RateLimit.into(&src.RateLimit)
	f.Disabled.into(&src.Disabled)
	if f.HMAC.set {
		src.HMAC = webhook.HMAC{}
		if f.HMAC.value != nil {
			src.HMAC = webhook.HMAC(*f.HMAC.value)
		}
	}
	if f.Response.set {
		src.Response = fanfare.SourceResponse{}
		if f.Response.value != nil {
			src.Response = fanfare.SourceResponse(*f.Response.value)
		}
	}
	src.Name = cmp.Or(src.Name, src.UID, src.Profile)
}

// replace is apply to one of which nothing is kept but what identifies it and what cannot
// be read back.
func (f *sourceFields) replace(src *fanfare.Source) {
	*src = fanfare.Source{
		ID: src.ID, Application: src.Application, Token: src.Token, OldToken: src.OldToken, Secrets: src.Secrets,
		CreatedAt: src.CreatedAt, Revision: src.Revision,
	}
	f.apply(src)
}

type sourceOut struct {
	ID          fanfare.SourceID `json:"id"`
	UID         *string          `json:"uid"`
	Name        string           `json:"name" doc:"For people."`
	Description string           `json:"description"`
	Profile     string           `json:"profile" doc:"How requests are verified."`
	HMAC        *hmacIn          `json:"hmac" doc:"Where the HMAC stands, of the profile hmac."`
	URL         string           `json:"url" doc:"Its address, to be given to the sender. Who knows it may send, if the profile is none."`
	OldURLUntil *time.Time       `json:"oldUrlUntil" doc:"When the address before it ends to be good; null: it has."`
	PublicURL   *string          `json:"publicUrl" doc:"Its address as the sender knows it, if it is another."`
	Secrets     int              `json:"secrets" doc:"How many secrets verify at present."`
	Filter      *string          `json:"filter" doc:"The expression that a message has to match to be kept; null: none."`
	EventType   *string          `json:"eventType" doc:"The event type of its messages, or a template for it; null: what the profile makes it."`
	Dedupe      *string          `json:"dedupe" doc:"What a request is known by when it comes again; null: what the profile has."`
	Response    *answerIn        `json:"response" doc:"What senders are answered; null: what suits the profile."`
	RateLimit   *int             `json:"rateLimit" doc:"Requests taken a second."`
	Disabled    bool             `json:"disabled" doc:"Whether requests are answered 410."`
	CreatedAt   time.Time        `json:"createdAt"`
	UpdatedAt   time.Time        `json:"updatedAt"`
}

// inbound is the path below the server's address that sources have.
const inbound = "/in/"

func (c *call) showSource(src *fanfare.Source) (*sourceOut, error) {
	now := time.Now()
	out := &sourceOut{
		ID: src.ID, UID: pointer(src.UID), Name: src.Name, Description: src.Description, Profile: src.Profile,
		URL: c.baseURL + inbound + src.Token, PublicURL: pointer(src.PublicURL), Secrets: len(src.InForce(now)), Filter: pointer(src.Filter),
		EventType: pointer(src.EventType), Dedupe: pointer(src.Dedupe), RateLimit: pointer(src.RateLimit), Disabled: src.Disabled,
		CreatedAt: src.CreatedAt, UpdatedAt: src.UpdatedAt,
	}
	if src.OldToken.Text != "" && src.OldToken.ExpiresAt.After(now) {
		out.OldURLUntil = pointer(src.OldToken.ExpiresAt)
	}
	if h := hmacIn(src.HMAC); h != (hmacIn{}) {
		out.HMAC = &h
	}
	if r := answerIn(src.Response); r != (answerIn{}) {
		out.Response = &r
	}
	return out, nil
}

// sourceRoutes are not for those who may only write endpoints, nor for portals: who sees
// or makes the address of a source can bring messages in.
func (s *server) sourceRoutes() []*route {
	const write, read = fanfare.ScopeWriteMessages, fanfare.ScopeReadMessages
	return []*route{
		on("GET /app/{app}/source", "List an application's sources", listSources, params()...).needs(write, noSession),
		on("POST /app/{app}/source", "Create a source: an address for somebody else's webhooks", createSource).answering(http.StatusCreated).needs(write, noSession).doing("source.create"),
		on("GET /app/{app}/source/{source}", "Read a source", readSource).needs(write, noSession),
		on("PUT /app/{app}/source/{source}", "Replace a source, or create it under this uid; without a secret it keeps those it has", replaceSource).amending().needs(write, noSession).doing("source.replace"),
		on("PATCH /app/{app}/source/{source}", "Change a source", changeSource).amending().needs(write, noSession).doing("source.update"),
		on("DELETE /app/{app}/source/{source}", "Delete a source; the messages that came by it stay", deleteSource).amending().needs(write, noSession).doing("source.delete"),
		on("POST /app/{app}/source/{source}/rotate", "Give a source a new address; the old one is good for a while", rotateSource).amending().needs(write, noSession).doing("source.rotate"),
		on("GET /app/{app}/source/{source}/secret", "List a source's secrets, but for the secrets themselves", readSourceSecrets).needs(write, noSession),
		on("POST /app/{app}/source/{source}/secret", "Give a source a new secret; those before it verify for a while", addSourceSecret).amending().needs(write, noSession).doing("source.secret.add"),
		on("GET /app/{app}/source/{source}/activity", "Count what came by a source since the server was started", sourceActivity).needs(read, noSession),
		on("GET /app/{app}/source/{source}/refused", "List the newest requests to a source of which nothing was kept, and why", listRefused).needs(read, noSession),
	}
}

// source is the one the path names, of the application it names.
func (c *call) source() (*fanfare.Source, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	ref, err := c.ref("source")
	if err != nil {
		return nil, err
	}
	src, err := c.hub.Source(c.r.Context(), app.ID, ref)
	return src, missing(err, "source", ref, c.within())
}

func (c *call) amendSource(do func(src *fanfare.Source) error) (*fanfare.Source, error) {
	return amend(c, c.source, c.showSource, do)
}

func listSources(c *call, _ *none) (*list[*sourceOut], error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return paged(c, listing[*fanfare.Source]{
		scope:      []string{string(app.ID)},
		descending: true,
		id:         func(src *fanfare.Source) string { return string(src.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Source, error) {
			return c.hub.Sources(c.r.Context(), app.ID, p)
		},
	}, c.showSource)
}

func createSource(c *call, in *sourceIn) (*sourceOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return c.makeSource(&fanfare.Source{Application: app.ID}, in)
}

func (c *call) makeSource(src *fanfare.Source, in *sourceIn) (*sourceOut, error) {
	in.apply(src)
	if in.Secret.value != "" {
		src.Secrets = []fanfare.Secret{{Text: in.Secret.value}}
	}
	err := c.hub.CreateSource(c.r.Context(), src)
	if errors.Is(err, fanfare.ErrTooMany) {
		return nil, refuse(http.StatusConflict, "conflict", "The application has "+strconv.Itoa(fanfare.MaxSources)+" sources, and there cannot be more; delete one that is not used.")
	}
	if err != nil {
		return nil, taken(err, "uid", src.UID, bySource)
	}
	return c.showSource(src)
}

func readSource(c *call, _ *none) (*sourceOut, error) {
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	return c.showSource(src)
}

// replaceSource creates what does not exist with 201, under the uid of the path unless the
// body has one.
func replaceSource(c *call, in *sourceIn) (*sourceOut, error) {
	src, err := c.amendSource(func(src *fanfare.Source) error {
		in.replace(src)
		return c.writeSource(src, in)
	})
	if !errors.Is(err, fanfare.ErrNotFound) {
		if err != nil {
			return nil, err
		}
		return c.showSource(src)
	}
	app, wrong := c.application()
	if wrong != nil {
		return nil, wrong
	}
	ref := c.r.PathValue("source")
	if _, ours := fanfare.DecodeID("src_", ref); ours {
		return nil, err
	}
	if err := c.mayCreate(); err != nil {
		return nil, err
	}
	c.status = http.StatusCreated
	return c.makeSource(&fanfare.Source{Application: app.ID, UID: ref}, in)
}

func changeSource(c *call, in *sourceIn) (*sourceOut, error) {
	src, err := c.amendSource(func(src *fanfare.Source) error {
		in.apply(src)
		return c.writeSource(src, in)
	})
	if err != nil {
		return nil, err
	}
	return c.showSource(src)
}

func (c *call) writeSource(src *fanfare.Source, in *sourceIn) (err error) {
	switch {
	case in.Secret.value != "":
		err = c.hub.AddSourceSecret(c.r.Context(), src, in.Secret.value, fanfare.SecretOverlap)
	case src.Profile == string(webhook.None):
		src.Secrets = nil // which it may have had as another profile
		fallthrough
	default:
		err = c.hub.UpdateSource(c.r.Context(), src)
	}
	return taken(err, "uid", src.UID, bySource)
}

func deleteSource(c *call, _ *none) (none, error) {
	_, err := c.amendSource(func(src *fanfare.Source) error {
		return c.hub.DeleteSource(c.r.Context(), src.Application, src.ID)
	})
	return none{}, err
}

type rotateIn struct {
	GracePeriod *int64 `json:"gracePeriodSeconds,omitzero" doc:"How long the old one is good beside it; 0: not at all; a day unless told."`
}

// overlap is how long the old one is good, whatever was asked for bounded to what a
// Duration can be.
func overlapOf(seconds *int64) time.Duration {
	if seconds == nil {
		return fanfare.SecretOverlap
	}
	return time.Duration(max(-1, min(*seconds, 1<<32))) * time.Second
}

func rotateSource(c *call, in *rotateIn) (*sourceOut, error) {
	src, err := c.amendSource(func(src *fanfare.Source) error {
		return c.hub.RotateSourceToken(c.r.Context(), src, overlapOf(in.GracePeriod))
	})
	if err != nil {
		return nil, err
	}
	return c.showSource(src)
}

type sourceSecretIn struct {
	Secret      string `json:"secret" doc:"What the sender signs with from now on. It is never shown again."`
	GracePeriod *int64 `json:"gracePeriodSeconds,omitzero" doc:"How long those before it verify beside it; 0: not at all; a day unless told."`
}

type sourceSecretOut struct {
	ExpiresAt *time.Time `json:"expiresAt" doc:"When it ends to verify; null: never."`
}

type sourceSecretsOut struct {
	Data []sourceSecretOut `json:"data" doc:"The newest first."`
}

func showSourceSecrets(src *fanfare.Source) *sourceSecretsOut {
	out := &sourceSecretsOut{Data: []sourceSecretOut{}}
	for _, s := range src.Secrets {
		out.Data = append(out.Data, sourceSecretOut{pointer(s.ExpiresAt)})
	}
	return out
}

func readSourceSecrets(c *call, _ *none) (*sourceSecretsOut, error) {
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	return showSourceSecrets(src), nil
}

func addSourceSecret(c *call, in *sourceSecretIn) (*sourceSecretsOut, error) {
	src, err := c.amendSource(func(src *fanfare.Source) error {
		return c.hub.AddSourceSecret(c.r.Context(), src, in.Secret, overlapOf(in.GracePeriod))
	})
	if err != nil {
		return nil, err
	}
	return showSourceSecrets(src), nil
}
