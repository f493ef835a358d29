package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/openapi"
)

// maxFile bounds what is read of a file that goes to the server, or is checked
// as a message would be.
const maxFile = 32 << 20

// readFile reads a file, or for "-" the standard input.
func (e *env) readFile(name string, limit int64) ([]byte, error) {
	from := e.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("has more than %d MiB", limit>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// schemaFlags are those that say how messages of a type are checked.
type schemaFlags struct {
	file, version, validation string
}

func (s *schemaFlags) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.file, "schema", "", "file with the JSON Schema of its payload; - reads the standard input")
	flags.StringVar(&s.version, "schema-version", "1", "which version that schema is; messages are checked by that of their version, or else by the current one")
	flags.StringVar(&s.validation, "validation", "off", "what becomes of messages that the schema does not allow: off (nothing), warn, reject")
}

// into puts what was given into the body of a request. Versions that the event
// type has already stay; of a new one none are asked for.
func (s *schemaFlags) into(ctx context.Context, e *env, r *request, body map[string]any, existing bool) error {
	if r.given("validation") {
		body["validation"] = s.validation
	}
	if !r.given("schema") {
		return nil
	}
	text, err := e.readFile(s.file, maxFile)
	if err != nil {
		return err
	}
	if !json.Valid(text) {
		return fmt.Errorf("%s is not JSON", s.file)
	}
	schemas := make(map[string]json.RawMessage)
	if existing {
		var t eventType
		if _, err := r.call(ctx, http.MethodGet, route("event-type", r.args[0]), nil, &t); err != nil {
			return err
		}
		if t.Schemas != nil && json.Unmarshal(t.Schemas, &schemas) != nil {
			return fmt.Errorf("the schemas of %s are not an object of schemas by version", r.args[0])
		}
	}
	if schemas == nil { // they were null
		schemas = make(map[string]json.RawMessage)
	}
	schemas[s.version] = text
	body["schemas"] = schemas
	return nil
}

// importVerb takes in the webhooks of an OpenAPI document, or the messages of an AsyncAPI
// one.
func importVerb(e *env) verb {
	var dry, replace bool
	return verb{
		use: "import FILE", short: "Create and change event types by an OpenAPI or AsyncAPI document",
		long:    "Reads an OpenAPI document, 3.0 or 3.1, or an AsyncAPI document, 2 or 3, in JSON or YAML; - reads\nthe standard input. Each webhook of the one, and each message of the other, becomes an event type,\nwith description, group, schema and examples.",
		example: "fanfare event-type import openapi.yaml --dry-run",
		flags: func(flags *pflag.FlagSet) {
			flags.BoolVar(&dry, "dry-run", false, "change nothing, and say what would be")
			flags.BoolVar(&replace, "replace-all", false, "also archive the event types that are not in the document")
		},
		do: func(ctx context.Context, r *request) error {
			text, err := e.readFile(r.args[0], openapi.MaxText)
			if err != nil {
				return err
			}
			body := map[string]any{"specRaw": string(text), "dryRun": dry, "replaceAll": replace}
			return show(ctx, r, http.MethodPost, "/event-type/import/openapi", body, func(out *imported) error {
				return out.show(r, dry)
			})
		},
	}
}

// imported is what the API says of an import.
type imported struct {
	Data struct {
		Modified []string
		ToModify []struct{ Name string } `json:"to_modify"`
	}
}

func (i *imported) show(r *request, dry bool) error {
	names, does := i.Data.Modified, "changed"
	if dry {
		does = "would be changed"
		for _, t := range i.Data.ToModify {
			names = append(names, t.Name)
		}
	}
	for _, name := range names {
		if _, err := fmt.Fprintln(r.out, printable(name)); err != nil {
			return err
		}
	}
	switch len(names) {
	case 0:
		r.say("Nothing to change: the catalogue is as the document says.")
	case 1:
		r.say("1 event type %s.", does)
	default:
		r.say("%d event types %s.", len(names), does)
	}
	return nil
}

// validateVerb checks a file as a message of an event type would be.
func validateVerb(e *env) verb {
	var name string
	var version int
	return verb{
		use: "validate FILE", short: "Check a payload by the schema of an event type",
		long:    "Checks a payload as a message would be, and sends nothing; - reads the standard input. The exit\ncode is 1 if the schema of the version, or else the current one, does not allow it.",
		example: "fanfare event-type validate --type order.created order.json",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVarP(&name, "type", "t", "", "the event type")
			flags.IntVar(&version, "version", 0, "version of the event type; the current one otherwise")
		},
		do: func(ctx context.Context, r *request) error {
			if name == "" {
				return usagef(`say which event type with --type, as in "fanfare event-type validate --type order.created order.json"`)
			}
			payload, err := e.readFile(r.args[0], maxFile)
			if err != nil {
				return err
			}
			var t eventType
			if _, err := r.call(ctx, http.MethodGet, route("event-type", name), nil, &t); err != nil {
				return err
			}
			typed := &fanfare.EventType{Name: t.Name, Schemas: t.Schemas, CurrentVersion: t.CurrentVersion}
			if string(t.Schemas) == "null" {
				typed.Schemas = nil
			}
			if r.given("version") {
				if err := typed.CheckVersion("version", version); err != nil {
					return err
				}
				typed.CurrentVersion = version
			}
			return showValidity(r, typed.Validate(payload))
		},
	}
}

// showValidity shows what is wrong with the payload, if anything.
func showValidity(r *request, err error) error {
	var refused *fanfare.SchemaError
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	if err == nil {
		if r.json {
			return r.object([]byte(`{"valid":true}`))
		}
		r.say("It is valid.")
		return nil
	}
	if r.json {
		text, err := json.Marshal(struct {
			Valid      bool                `json:"valid"`
			Version    string              `json:"version"`
			Violations []fanfare.Violation `json:"violations"`
		}{false, refused.Version, refused.Violations})
		if err != nil {
			return err
		}
		return cmp.Or(r.object(text), error(exitCode(1)))
	}
	for _, v := range refused.Violations {
		if _, err := fmt.Fprintln(r.out, printable(v.String())); err != nil {
			return err
		}
	}
	r.say("It is not as version %q of the schema of %s wants it.", refused.Version, refused.EventType)
	return exitCode(1)
}
