package lookup_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/lookup"
)

// beers knows one beer, and takes what is written to /records/. A beer that is the name
// of a status is answered with it, as is a record that is.
func beers() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /beers", func(rw http.ResponseWriter, r *http.Request) {
		switch name := r.URL.Query().Get("name"); name {
		case "Jai Alai":
			_, _ = io.WriteString(rw, `{"results":[{"abv":7.5}]}`)
		case "410":
			rw.WriteHeader(http.StatusGone)
		case "500":
			rw.WriteHeader(http.StatusInternalServerError)
		case "page":
			_, _ = io.WriteString(rw, `<html>`)
		default:
			_, _ = io.WriteString(rw, `{"results":[]}`)
		}
	})
	mux.HandleFunc("/records/{id}", func(rw http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "422" {
			rw.WriteHeader(http.StatusUnprocessableEntity)
		}
	})
	return mux
}

const abv = `"find":{"url":"https://beers.example/beers?name={{payload.name}}","headers":{"X-Find":"1"}},"findSecretHeaders":{"X-Key":"findSecret"},
	"found":"answer.results.size() > 0","when":"payload.abv == null","url":"https://records.example/records/{{payload.id}}","token":"updateSecret",
	"body":{"abv":"{{answer.results[0].abv}}","name":"{{payload.name}}"}`

func TestContract(t *testing.T) {
	of := func(payload string) *fanfare.Message { return connecttest.Message("record.create", payload) }
	own := of(`{"id":"r1","name":"Jai Alai","abv":null}`)
	own.Tags = []string{"origin:fanfare"}
	told := of(`{"id":"r1","name":"Jai Alai","abv":null}`)
	told.KeepHeaders(http.Header{"Fanfare-Origin": {"fanfare"}})
	connecttest.Run(t, connecttest.Case{
		Connector: lookup.Connector(), Config: `{` + abv + `}`, Fake: beers(), Payload: []byte(`{"id":"r1","name":"Jai Alai","abv":null}`),
		Bad: map[string]string{
			`{}`:                           "config.url: is missing",
			`{"body":{}}`:                  "config.find.url: is missing",
			`{` + abv + `,"method":"GET"}`: "config.method: must be one of PUT, PATCH, POST",
			`{` + abv + `,"origin":""}`:    "config.origin: has 1 to 100 characters",
			`{"find":{"url":"https://a.example/","headers":{"Host":"x"}},"url":"https://a.example/","body":{}}`:          "config.find.headers.Host: is made from url",
			`{"find":{"url":"https://a.example/"},"findSecretHeaders":{"a b":"x"},"url":"https://a.example/","body":{}}`: "config.findSecretHeaders.a b: is not the name",
			`{"find":{"url":"https://a.example/"},"url":"https://a.example/"}`:                                           "config.body: is missing; say what to write",
			`{"find":{"url":"https://a.example/"},"url":"https://a.example/","body":{},"when":"1"}`:                      "config.when: is int, not bool",
		},
		Outcomes: map[string]connecttest.Outcome{
			"filled in already": {Message: of(`{"id":"r1","name":"Jai Alai","abv":5}`), Class: fanfare.ClassSuccess, Detail: "nothing to do: when is not true"},
			"cannot be told":    {Message: of(`{"id":"r1"}`), Class: fanfare.ClassSuccess, Detail: "nothing to do: when is not true, as the message has no abv"},
			"its own":           {Message: own, Class: fanfare.ClassSuccess, Detail: "nothing to do: it is of an update by this endpoint"},
			"told of it":        {Message: told, Class: fanfare.ClassSuccess, Detail: "nothing to do: it is of an update by this endpoint"},
			"nothing found":     {Message: of(`{"id":"r1","name":"Nope","abv":null}`), Class: fanfare.ClassSuccess, Detail: "nothing was found"},
			"gone there":        {Message: of(`{"id":"r1","name":"410","abv":null}`), Class: fanfare.ClassRejected, Status: 410, Detail: "find: 410 Gone"},
			"broken there":      {Message: of(`{"id":"r1","name":"500","abv":null}`), Class: fanfare.ClassStatus, Status: 500, Detail: "find: 500"},
			"no JSON":           {Message: of(`{"id":"r1","name":"page","abv":null}`), Class: fanfare.ClassBody, Detail: "find: the answer is not JSON"},
			"not taken":         {Message: of(`{"id":"422","name":"Jai Alai","abv":null}`), Class: fanfare.ClassRejected, Status: 422},
			"no name":           {Message: of(`{"id":"r1","abv":null}`), Class: fanfare.ClassRejected, Detail: "find.url has an expression that renders empty"},
		},
	})
}

// TestWritesBack sees both requests.
func TestWritesBack(t *testing.T) {
	way, took := connecttest.Way(t, beers())
	sink, err := lookup.Connector().New([]byte(`{`+abv+`,"origin":"abv"}`), way)
	if err != nil {
		t.Fatal(err)
	}
	msg := connecttest.Message("record.create", `{"id":"r/1","name":"Jai Alai","abv":null}`)
	if err := msg.Passed("1"); err != nil {
		t.Fatal(err)
	}
	if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != fanfare.ClassSuccess || reply.URL != "https://records.example/records/r%2F1" {
		t.Fatalf("%+v, %v", reply, err)
	}
	all := took()
	if len(all) != 2 {
		t.Fatalf("%d requests", len(all))
	}
	find, update := all[0], all[1]
	if find.Method != "GET" || find.URL != "beers.example/beers?name=Jai%20Alai" || find.Header.Get("X-Key") != "findSecret" || find.Header.Get("Authorization") != "" || find.Header.Get("Fanfare-Hops") != "2" {
		t.Errorf("looked up by %+v", find)
	}
	if update.Method != "PUT" || update.URL != "records.example/records/r%2F1" || update.Body != `{"abv":7.5,"name":"Jai Alai"}` || update.Header.Get("X-Key") != "" {
		t.Errorf("written back by %+v", update)
	}
	for name, want := range map[string]string{"Authorization": "Bearer updateSecret", "Fanfare-Hops": "2", "Fanfare-Origin": "abv"} {
		if got := update.Header.Get(name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
}
