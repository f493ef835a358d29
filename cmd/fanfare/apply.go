package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare/internal/manifest"
)

// applySettings are the flags of apply and import.
type applySettings struct {
	files               []string
	app                 string
	prune, yes, dry     bool
	createOnly, hiddens bool
}

// errDiffers ends a dry run that has found differences. Nothing is wrong.
const errDiffers = exitCode(2)

func applyCommand(e *env) *cobra.Command {
	var s applySettings
	return e.atServer(verb{
		use: "apply", short: "Make a server have what files say",
		long: "Makes applications, endpoints, sources and event types what files say. It shows what it would\n" +
			"change, and asks; doing it twice changes nothing more.\n\n" +
			"A file is YAML or JSON, of one document or several. Fields are called as in the API.\n" +
			"Applications and endpoints are known by their uid, event types by their name:\n\n" +
			"    eventTypes:\n" +
			"      - name: order.created\n" +
			"    applications:\n" +
			"      - uid: acme\n" +
			"        name: Acme\n" +
			"        endpoints:\n" +
			"          - uid: orders\n" +
			"            url: https://acme.example/hooks\n" +
			"            eventTypes: [order.*]\n" +
			"            secret: ${ACME_SECRET}\n" +
			"        sources:\n" +
			"          - uid: github\n" +
			"            profile: github\n" +
			"            secret: ${GITHUB_SECRET}\n\n" +
			"In url, secret, headers, auth and config ${NAME} stands for an environment variable; what it\n" +
			"holds is never shown, and a dry run can do without. A field that the file leaves out is set back to what is usual, but for\n" +
			"disabled, paused, secret, headers and auth, which stay as they are.\n\n" +
			"What has changed on the server since the plan was made stays untouched, and apply ends.\n\n" +
			"With --dry-run it exits with 0 if there is nothing to change, and with 2 if there is.",
		example: "fanfare apply -f fanfare.yaml\n" +
			"fanfare apply -f fanfare.yaml --app acme --dry-run\n" +
			"fanfare export | ssh elsewhere fanfare apply -f - --yes",
		flags: func(flags *pflag.FlagSet) {
			s.flags(flags)
			flags.BoolVar(&s.prune, "prune", false, "delete what the files do not have: endpoints of the applications they name, and sources, applications and event types where they list any")
			flags.BoolVar(&s.hiddens, "hidden", false, "also send what the server does not show and what therefore cannot be compared, such as an Authorization header")
		},
		do: func(ctx context.Context, r *request) error { return apply(ctx, e, r, &s) },
	})[0]
}

func (s *applySettings) flags(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&s.files, "file", "f", nil, "file to read, - for standard input; repeatable")
	flags.StringVarP(&s.app, "app", "a", "", "only this application and its endpoints, by uid")
	flags.BoolVarP(&s.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&s.dry, "dry-run", false, "only show what would change")
}

func apply(ctx context.Context, e *env, r *request, s *applySettings) error {
	if len(s.files) == 0 {
		return usagef("say which file with -f, as in %q", "fanfare apply -f fanfare.yaml")
	}
	g, err := r.grammar(ctx)
	if err != nil {
		return err
	}
	m, err := e.manifest(s.files, g)
	if err != nil {
		return err
	}
	if s.app != "" {
		if m, err = only(m, s.app); err != nil {
			return err
		}
	}
	if err := m.Unset(); err != nil && !s.dry {
		return err
	}
	p := &planner{request: r, grammar: g, prune: s.prune, createOnly: s.createOnly, sendHidden: s.hiddens}
	if err := p.plan(ctx, m); err != nil {
		return err
	}
	if err := p.show(); err != nil {
		return err
	}
	switch {
	case len(p.problems) > 0:
		return fmt.Errorf("%w\nnothing was changed", p.problems)
	case len(p.changes) == 0:
		r.say("Nothing to change.")
		return nil
	case s.dry:
		return errDiffers
	}
	if err := e.confirm(len(p.changes), s); err != nil {
		return err
	}
	return p.apply(ctx)
}

// manifest reads files.
func (e *env) manifest(files []string, g *manifest.Grammar) (*manifest.Manifest, error) {
	all := &manifest.Manifest{}
	for _, file := range files {
		from, name := e.stdin, "standard input"
		if file != "-" {
			f, err := os.Open(file)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			from, name = f, file
		}
		text, err := io.ReadAll(io.LimitReader(from, manifest.MaxBytes+1))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		m, err := manifest.Read(name, text, g, e.getenv)
		if err == nil {
			err = all.Add(m)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// only is what of m belongs to one application.
func only(m *manifest.Manifest, app string) (*manifest.Manifest, error) {
	of := &manifest.Manifest{}
	for _, item := range m.Applications {
		if item.Name == app {
			of.Applications = append(of.Applications, item)
		}
	}
	if of.Applications == nil {
		return nil, fmt.Errorf("the files have no application %q", app)
	}
	elsewhere := func(item *manifest.Item) bool { return item.App != app }
	of.Endpoints = slices.DeleteFunc(slices.Clone(m.Endpoints), elsewhere)
	of.Sources = slices.DeleteFunc(slices.Clone(m.Sources), elsewhere)
	return of, nil
}

// show prints the plan.
func (p *planner) show() error {
	for _, c := range p.changes {
		text := c.text(p.paint)
		if p.json {
			var line bytes.Buffer
			enc := json.NewEncoder(&line)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(c); err != nil {
				return err
			}
			text = string(printableJSON(line.Bytes())) + "\n"
		}
		if _, err := io.WriteString(p.out, text); err != nil {
			return err
		}
	}
	for _, name := range p.kept {
		p.say("%s is there already, and stays as it is.", name)
	}
	for _, name := range p.unset {
		p.say("Not compared: %s.", name)
	}
	slices.Sort(p.blind)
	for _, name := range p.blind {
		p.say("Not compared: %s, which the server does not show; --hidden sends it.", name)
	}
	return nil
}

// confirm asks whether to go on.
func (e *env) confirm(changes int, s *applySettings) error {
	if s.yes {
		return nil
	}
	if !e.isTerminal(e.stdin) || slices.Contains(s.files, "-") {
		return usagef("give --yes to make changes without being asked, or --dry-run to make none")
	}
	return e.ask(fmt.Sprintf("Make %s?", counted(changes, "change")))
}

func counted(n int, noun string) string { return countedAs(n, noun, noun+"s") }

func countedAs(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// apply makes the changes.
func (p *planner) apply(ctx context.Context) error {
	for i, c := range p.changes {
		if err := p.make(ctx, c); err != nil {
			where := title(c.Kind, c.Name, c.App)
			if c.item != nil {
				where = c.item.Where() + ": " + where
			}
			if i == 0 {
				return fmt.Errorf("%s: %w", where, err)
			}
			return fmt.Errorf("%s: %w\n%d of %s made; apply again to go on", where, err, i, counted(len(p.changes), "change"))
		}
	}
	p.say("%s made.", counted(len(p.changes), "change"))
	return nil
}

// make makes one change, unless the thing has changed since it was looked at.
func (p *planner) make(ctx context.Context, c *change) error {
	if c.Action == "create" {
		body := map[string]json.RawMessage{}
		for _, f := range c.item.Fields {
			body[f.Name] = f.Value
		}
		name, err := json.Marshal(c.Name)
		if err != nil {
			return err
		}
		identity := "uid"
		if c.item.Kind == manifest.EventType {
			identity = "name"
		}
		body[identity] = name
		if c.item.Kind == manifest.Endpoint && c.item.Field("url") == nil {
			body["url"] = json.RawMessage(`""`)
		}
		_, err = p.call(ctx, http.MethodPost, c.path, body, nil)
		return err
	}
	seen, err := p.present(ctx, c)
	if err == nil && c.Action == "delete" {
		err = p.callIf(ctx, seen, http.MethodDelete, c.path, nil)
	} else if err == nil {
		err = p.update(ctx, c, seen)
	}
	var refused *apiError
	if errors.As(err, &refused) && refused.Status == http.StatusPreconditionFailed {
		return errMeanwhile
	}
	return err
}

var errMeanwhile = errors.New("it was changed meanwhile, and is left as it is; apply again to see how it differs now")

// present is the ETag of a thing that is as it was when the plan was made.
func (p *planner) present(ctx context.Context, c *change) (etag string, err error) {
	resp, err := p.open(ctx, http.MethodGet, c.path, nil, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var now thing
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&now); err != nil {
		return "", fmt.Errorf("%s: %w", p.base, err)
	}
	if now.text("updatedAt") != c.seen {
		return "", errMeanwhile
	}
	return resp.Header.Get("ETag"), nil
}

// callIf is call for a change of what has that ETag; "": whichever it has.
func (p *planner) callIf(ctx context.Context, etag, method, path string, in any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	header := http.Header{}
	if etag != "" {
		header.Set("If-Match", etag)
	}
	resp, err := p.open(ctx, method, path, body, header)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// update changes what has that ETag. Its first step makes sure that it still has;
// those after it change what none of them has seen.
func (p *planner) update(ctx context.Context, c *change, seen string) error {
	body, headers := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, f := range c.Fields {
		if name, isHeader := strings.CutPrefix(f.Name, "headers."); isHeader {
			headers[name] = f.value
		} else {
			body[f.Name] = f.value // with the secret, which a new signature may need
		}
	}
	steps := []struct {
		needed       bool
		method, path string
		body         any
	}{
		{len(body) > 0, http.MethodPatch, c.path, body},
		{len(headers) > 0, http.MethodPatch, c.path + "/headers", map[string]any{"headers": headers}},
	}
	for _, step := range steps {
		if !step.needed {
			continue
		}
		if err := p.callIf(ctx, seen, step.method, step.path, step.body); err != nil {
			return err
		}
		seen = ""
	}
	return nil
}
