package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// sourceStateVerbs are about what comes by a source, and its address.
func sourceStateVerbs(e *env) []*cobra.Command {
	var overlap time.Duration
	type refusal struct {
		Timestamp       time.Time
		Outcome         string
		Status          int
		Reason, Address string
		ContentType     string
	}
	type activity struct{ Accepted, Repeated, Filtered, Refused int }
	return e.inApp(
		verb{use: "rotate SOURCE", short: "Give a source a new address; the old one is good for a while",
			flags: func(flags *pflag.FlagSet) {
				flags.DurationVar(&overlap, "overlap", fanfare.SecretOverlap, "how long the old address is good; 0: not at all")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.atSource(ctx, "rotate")
				if err != nil {
					return err
				}
				return r.showSource(ctx, http.MethodPost, path, map[string]any{"gracePeriodSeconds": int64(overlap.Seconds())})
			}},
		verb{use: "refused SOURCE", short: "Show the newest requests of which nothing was kept, and why",
			long: "Shows the newest 20 requests to a source of which nothing was kept, and why, and counts\n" +
				"what came by it: both since the server was started, and of that server alone.",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atSource(ctx, "refused")
				if err != nil {
					return err
				}
				return show(ctx, r, http.MethodGet, path, nil, func(list *struct{ Data []refusal }) error {
					var a activity
					at, err := r.atSource(ctx, "activity")
					if err == nil {
						_, err = r.call(ctx, http.MethodGet, at, nil, &a)
					}
					if err != nil {
						return err
					}
					r.say("%d accepted, %d repeated, %d filtered out, %d refused.", a.Accepted, a.Repeated, a.Filtered, a.Refused)
					if len(list.Data) == 0 {
						return nil
					}
					t := r.table("WHEN", "STATUS", "FROM", "WHY")
					for _, one := range list.Data {
						status := one.Outcome
						if one.Status != 0 {
							status = strconv.Itoa(one.Status)
						}
						t.row(stamp(one.Timestamp), status, one.Address, one.Reason)
					}
					return r.flush(t)
				})
			}},
	)
}

// A sending is a request to a source as its sender would make it.
type sending struct {
	secret, id, event string
	contentType       string
	headers           []string
}

func sourceSendVerb(e *env) []*cobra.Command {
	var s sending
	return e.inApp(verb{
		use: "send SOURCE [TEXT|@FILE]", short: "Send a source what its sender would, signed in the same way",
		long: "Posts a body to a source, signed as its profile wants it, and shows the answer. The secret\n" +
			"has to be given: the server shows none.",
		example: "fanfare source send github @push.json --secret … --event push",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVar(&s.secret, "secret", "", "the source's secret")
			flags.StringVar(&s.id, "id", "", "what the request is known by when it comes again, in profiles that have a header for it; a new one unless told")
			flags.StringVar(&s.event, "event", "", "what happened, in profiles that have a header for it")
			flags.StringVar(&s.contentType, "content-type", "application/json", "of the body")
			flags.StringArrayVarP(&s.headers, "header", "H", nil, "header to send, name=value; repeatable")
		},
		do: func(ctx context.Context, r *request) error {
			body := []byte("{}")
			if len(r.args) > 1 {
				var err error
				if body, err = e.orFile(r.args[1]); err != nil {
					return err
				}
			}
			path, err := r.atSource(ctx)
			if err != nil {
				return err
			}
			var to sourceShown
			if _, err := r.call(ctx, http.MethodGet, path, nil, &to); err != nil {
				return err
			}
			req, err := s.request(ctx, r, &to, body)
			if err != nil {
				return err
			}
			return s.send(r, req)
		},
	})
}

// request makes the request, to the server that the client speaks to.
func (s *sending) request(ctx context.Context, r *request, to *sourceShown, body []byte) (*http.Request, error) {
	header, err := pairs(s.headers)
	if err != nil {
		return nil, err
	}
	known, err := url.Parse(to.URL)
	if err != nil {
		return nil, err
	}
	msg := &webhook.Message{
		ID: cmp.Or(s.id, strings.ToLower(rand.Text())), Type: s.event, Time: time.Now(),
		URL: cmp.Or(to.PublicURL, to.URL), ContentType: s.contentType, Body: body,
	}
	signed, err := s.sign(to, msg)
	if err != nil {
		return nil, usagef("it cannot be signed: %v; give the source's secret with --secret", err)
	}
	contentType := s.contentType
	if signed.Body != nil {
		body, contentType = signed.Body, cmp.Or(signed.ContentType, contentType)
	}
	address := webhook.AddQuery(r.base+known.EscapedPath(), signed.Query)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "fanfare/"+version())
	for _, f := range signed.Header {
		if f.Value != "" {
			req.Header.Set(f.Name, f.Value)
		}
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return req, nil
}

func (s *sending) sign(to *sourceShown, msg *webhook.Message) (webhook.Signature, error) {
	profile := webhook.Profile(to.Profile)
	switch to.Profile {
	case fanfare.ProfileHMAC:
		line, err := to.HMAC.Sign(msg.Body, s.secret)
		return webhook.Signature{Header: []webhook.Field{line}}, err
	case fanfare.ProfileSlackOutgoing:
		profile = webhook.BodyToken
	}
	if (profile == webhook.Standard || profile == webhook.Query) && !webhook.ValidID(msg.ID) {
		return webhook.Signature{}, usagef("--id must be visible ASCII characters without a dot")
	}
	return profile.Sign(msg, s.secret)
}

func (s *sending) send(r *request, req *http.Request) error {
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		refused := &apiError{Status: resp.StatusCode}
		errors.As(readError(resp.StatusCode, text), &refused)
		return fmt.Errorf("the source answered %s: %s", resp.Status, refused.Detail) // its own 401 is not about the key
	}
	r.say("It was taken: %s.", resp.Status)
	if len(text) > 0 {
		_, err = fmt.Fprintln(r.out, printableLines(string(text)))
	}
	return err
}
