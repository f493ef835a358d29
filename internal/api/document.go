package api

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// serveDocument answers with the OpenAPI 3.1 document of the routes, which is
// made from the very types and parameters that serve them, when somebody first asks:
// that takes as long as starting the rest of a server. The paths in it are below
// server; "": below the root of where the document is.
func serveDocument(routes []*route, version, server string) http.HandlerFunc {
	document := sync.OnceValue(func() []byte {
		doc := newDocument(routes, version)
		if server != "" {
			doc.Servers = []*huma.Server{{URL: server}}
		}
		text, err := json.Marshal(doc)
		if err != nil {
			panic("api: the OpenAPI document cannot be written: " + err.Error()) // nothing of it comes from outside
		}
		return text
	})
	return func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, document())
	}
}

// schemaPath leads to the schemas within the document.
const schemaPath = "#/components/schemas/"

func newDocument(routes []*route, version string) *huma.OpenAPI {
	if version == "" {
		version = "dev"
	}
	schemas := huma.NewMapRegistry(schemaPath, huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[jsontext.Value](), reflect.TypeFor[any]())
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Fanfare", Version: version, Description: "Sends webhooks: signed, in order where order matters, retried for days, logged, and explained when they fail."},
		Components: &huma.Components{
			Schemas:         schemas,
			SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer"}},
		},
	}
	for _, rt := range routes {
		doc.AddOperation(rt.operation(schemas))
	}
	flatten(schemas)
	for name, s := range schemas.Map() {
		worded(name, s)
		if s.AdditionalProperties == false {
			s.AdditionalProperties = nil // unknown names are ignored
		}
	}
	return doc
}

// flatten adds to the schemas what embedded structs lend, as JSON has it: the
// registry passes over those whose types are not exported. What it adds may
// bring new schemas with it, so it goes on until there is none.
func flatten(schemas huma.Registry) {
	done := map[string]bool{}
	for len(done) < len(schemas.Map()) {
		for _, name := range slices.Collect(maps.Keys(schemas.Map())) {
			if !done[name] {
				done[name] = true
				complete(schemas, schemas.Map()[name], schemas.TypeFromRef(schemaPath+name))
			}
		}
	}
}

// complete adds the members of t that s lacks. One that is lent by a pointer,
// which may be nil, need not be there.
func complete(schemas huma.Registry, s *huma.Schema, t reflect.Type) {
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || s.Properties[name] != nil {
			continue
		}
		s.Properties[name] = huma.SchemaFromField(schemas, f, t.Name()+f.Name)
		lender := t.Field(f.Index[0]).Type
		if lender.Kind() != reflect.Pointer && !strings.Contains(options, "omitzero") {
			s.Required = append(s.Required, name)
		}
	}
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

func (rt *route) operation(schemas huma.Registry) *huma.Operation {
	op := &huma.Operation{
		Method: rt.method, Path: base + rt.path, Summary: rt.summary,
		OperationID: strings.ToLower(rt.method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(rt.path),
		Tags:        []string{strings.Split(rt.path, "/")[1]},
		Responses:   map[string]*huma.Response{},
	}
	if !rt.open {
		op.Security = []map[string][]string{{"key": {string(rt.access.role())}}}
		if rt.access.anyone {
			op.Security = []map[string][]string{{"key": {}}}
		}
		if rt.access.capability != noSession {
			op.Extensions = map[string]any{"x-portal-capability": rt.access.capability}
		}
		if rt.access.inChannels {
			if op.Extensions == nil {
				op.Extensions = map[string]any{}
			}
			op.Extensions["x-in-channels"] = true
		}
	}
	for _, m := range pathParam.FindAllStringSubmatch(rt.path, -1) {
		op.Parameters = append(op.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
	}
	for _, p := range rt.query {
		op.Parameters = append(op.Parameters, &huma.Param{Name: p.name, In: "query", Description: p.doc, Schema: p.schema()})
	}
	if rt.method == http.MethodPost {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: idempotencyHeader, In: "header", Schema: &huma.Schema{Type: "string"},
			Description: "The same key with the same request does nothing again for 24 hours, and is answered as the first time.",
		})
	}
	if rt.hot {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: preferHeader, In: "header", Schema: &huma.Schema{Type: "string"},
			Description: "return=minimal: an answer without a body, for who needs none (RFC 7240 §4.2). A batch of which a message is refused, or warned of, has one all the same.",
		})
	}
	if rt.amends {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: ifMatchHeader, In: "header", Schema: &huma.Schema{Type: "string"},
			Description: "The ETag of reading what is to be changed: 412 if somebody has changed it since.",
		})
		op.Responses["412"] = &huma.Response{
			Description: "It was changed since it was read.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[errorOut](), true, "")}},
		}
	}
	if rt.in != reflect.TypeFor[none]() {
		content := map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(rt.in, true, "")}}
		for _, media := range rt.alternatives {
			content[media] = &huma.MediaType{}
		}
		op.RequestBody = &huma.RequestBody{Required: len(shapeOf(rt.in).required) > 0, Content: content}
	}
	rt.responses(op, schemas)
	return op
}

func (rt *route) responses(op *huma.Operation, schemas huma.Registry) {
	media := "application/json"
	if rt.stream {
		media = cmp.Or(rt.media, "text/event-stream")
	}
	success := &huma.Response{Description: http.StatusText(rt.status)}
	if rt.hot {
		success.Description += ". There may be no body for who prefers none (" + preferHeader + ")."
	}
	if rt.out != reflect.TypeFor[none]() {
		success.Content = map[string]*huma.MediaType{media: {Schema: schemas.Schema(rt.out, true, "")}}
	}
	op.Responses[strconv.Itoa(rt.status)] = success
	refusal := func(t reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(t, true, "")}}
	}
	op.Responses["422"] = &huma.Response{Description: "Something in the request is wrong.", Content: refusal(reflect.TypeFor[invalidOut]())}
	op.Responses["default"] = &huma.Response{Description: "Refused, or failed.", Content: refusal(reflect.TypeFor[errorOut]())}
}

func (p param) schema() *huma.Schema {
	s := &huma.Schema{Type: p.kind}
	switch p.kind {
	case "time":
		s.Type, s.Format = "string", "date-time"
	case "list":
		s.Type, s.Items = "array", &huma.Schema{Type: "string"}
	}
	for _, word := range p.enum {
		if n, err := strconv.Atoi(word); err == nil && p.kind == "integer" {
			s.Enum = append(s.Enum, n)
		} else {
			s.Enum = append(s.Enum, word)
		}
	}
	return s
}
