package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/manifest"
)

func exportCommand(e *env) *cobra.Command {
	var app string
	var secrets bool
	return e.atServer(verb{
		use: "export", short: "Write what a server has as a file for apply",
		long: "Writes applications, endpoints, sources and event types as YAML that \"fanfare apply\" and \"fanfare\n" +
			"import\" read. The same server writes the same file. What is as usual is left out, and so\n" +
			"are signing secrets unless --secrets is given: a server that the file is applied to makes\n" +
			"its own. URLs that may be secrets, and headers and parts of a config whose values a server does\n" +
			"not show, stand as ${NAME}, to be set by whoever applies the file. REST hooks, which programs subscribe themselves, are not in it.",
		example: "fanfare export > fanfare.yaml\nfanfare export --app acme --secrets",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVarP(&app, "app", "a", "", "only this application and its endpoints, by id or uid")
			flags.BoolVar(&secrets, "secrets", false, "also write signing secrets")
		},
		do: func(ctx context.Context, r *request) error {
			x := &exporter{request: r, secrets: secrets, m: &manifest.Manifest{}}
			if err := x.all(ctx, app); err != nil {
				return err
			}
			if r.json {
				return x.m.WriteJSON(r.out)
			}
			return x.m.Write(r.out)
		},
	})[0]
}

// An exporter reads a server.
type exporter struct {
	*request
	grammar *manifest.Grammar
	secrets bool
	m       *manifest.Manifest
}

// all reads everything, or, if one is named, one application.
func (x *exporter) all(ctx context.Context, app string) (err error) {
	if x.grammar, err = x.request.grammar(ctx); err != nil {
		return err
	}
	if app != "" {
		var t thing
		if _, err := x.call(ctx, http.MethodGet, route("app", app), nil, &t); err != nil {
			return err
		}
		return x.application(ctx, t)
	}
	err = x.things(ctx, "/event-type", url.Values{"include_archived": {"true"}}, func(t thing) error {
		x.m.EventTypes = append(x.m.EventTypes, x.item(manifest.EventType, t))
		return nil
	})
	if err != nil {
		return err
	}
	return x.things(ctx, "/app", nil, func(t thing) error { return x.application(ctx, t) })
}

func (x *exporter) application(ctx context.Context, t thing) error {
	app := x.item(manifest.Application, t)
	x.m.Applications = append(x.m.Applications, app)
	at := route("app", t.text("id"))
	err := x.endpoints(ctx, at, func(t thing) error {
		ep := x.item(manifest.Endpoint, t)
		ep.App = app.Name
		x.m.Endpoints = append(x.m.Endpoints, ep)
		return x.hidden(ctx, ep, at+route("endpoint", t.text("id")))
	})
	if err != nil || len(x.grammar.Fields(manifest.Source)) == 0 {
		return err
	}
	return x.things(ctx, at+"/source", nil, func(t thing) error {
		x.source(app.Name, t)
		return nil
	})
}

// source adds a source, whose secret nobody is shown.
func (x *exporter) source(app string, t thing) {
	src := x.item(manifest.Source, t)
	src.App = app
	if string(t["secrets"]) != "0" {
		variable := variableFor(app, src.Name, "secret")
		x.say("The secret of source %s (app %s) is not shown by the server; set %s when you apply the file.", src.Name, app, variable)
		src.Fields = append(src.Fields, manifest.Field{Name: "secret", Value: json.RawMessage(`"${` + variable + `}"`)})
	}
	x.m.Sources = append(x.m.Sources, src)
}

// item is a thing as a file has it.
func (x *exporter) item(k manifest.Kind, t thing) *manifest.Item {
	item := &manifest.Item{Kind: k, Name: nameOf(t)}
	if t.text("uid") == "" && k != manifest.EventType {
		x.say("%s %s has no uid; it is exported with the uid %s, by which apply finds it again here.", k, t.text("id"), item.Name)
	}
	for _, name := range x.grammar.Fields(k) {
		if value, ok := t[name]; ok && !unset(name, value) {
			item.Fields = append(item.Fields, manifest.Field{Name: name, Value: literal(k, name, value)})
		}
	}
	return item
}

// literal writes a value so that ${ in it stands for nothing else.
func literal(k manifest.Kind, name string, value json.RawMessage) json.RawMessage {
	if partlyShown[name] == nil && manifest.Expands(k, name) {
		return json.RawMessage(manifest.Literal(string(value)))
	}
	return value
}

// hidden adds an endpoint's headers, and its secret if that is asked for.
func (x *exporter) hidden(ctx context.Context, ep *manifest.Item, path string) error {
	if err := errors.Join(x.target(ep), x.config(ep)); err != nil {
		return err
	}
	if f := ep.Field("auth"); f != nil {
		value, variables, err := withVariables(f.Value, ep.App, ep.Name)
		if err != nil {
			return err
		}
		f.Value = value
		for _, name := range variables {
			x.say("A secret of auth of endpoint %s (app %s) is not shown by the server; set %s when you apply the file.", ep.Name, ep.App, name)
		}
	}
	have, err := x.headers(ctx, path)
	if err != nil {
		return err
	}
	headers := make(map[string]string)
	for name, value := range have.Headers {
		headers[name] = manifest.Literal(value)
	}
	for _, name := range have.Sensitive {
		headers[name] = "${" + variableFor(ep.App, ep.Name, name) + "}"
		x.say("Header %s of endpoint %s (app %s) is not shown by the server; set %s when you apply the file.",
			name, ep.Name, ep.App, variableFor(ep.App, ep.Name, name))
	}
	if len(headers) > 0 {
		text, err := json.Marshal(maps.Clone(headers))
		if err != nil {
			return err
		}
		ep.Fields = append(ep.Fields, manifest.Field{Name: "headers", Value: text})
	}
	if !x.secrets {
		return nil
	}
	var secret struct{ Key json.RawMessage }
	if _, err := x.call(ctx, http.MethodGet, path+"/secret", nil, &secret); err != nil {
		return err
	}
	ep.Fields = append(ep.Fields, manifest.Field{Name: "secret", Value: literal(manifest.Endpoint, "secret", secret.Key)})
	return nil
}

// target leaves a URL out that may be a secret.
func (x *exporter) target(ep *manifest.Item) error {
	f := ep.Field("url")
	if f == nil || x.secrets || connected(ep) {
		return nil
	}
	var to string
	if err := json.Unmarshal(f.Value, &to); err != nil {
		return err
	}
	if fanfare.MaskURL(to) == to {
		return nil
	}
	variable := variableFor(ep.App, ep.Name, "url")
	x.say("The URL of endpoint %s (app %s) may be a secret: %s; set %s when you apply the file, or export with --secrets.", ep.Name, ep.App, fanfare.MaskURL(to), variable)
	f.Value = json.RawMessage(`"${` + variable + `}"`)
	return nil
}

// variableFor names an environment variable for something that is not shown.
func variableFor(names ...string) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToUpper(r)
		}
		return '_'
	}, strings.Join(append([]string{"FANFARE"}, names...), "_"))
}
