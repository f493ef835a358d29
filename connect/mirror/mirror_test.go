//go:build linux

package mirror_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/mirror"
)

func TestContract(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		quote := `"`
		if w.config["port"] != nil && w.connector.About == mirror.MySQL().About {
			quote = "`"
		}
		w.exec(t, "CREATE TABLE strict ("+quote+"id"+quote+" INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 100))")
		c := connecttest.Case{
			Connector: w.connector, Config: w.with(""), Payload: []byte(`{"id":1,"n":1}`), Local: w.config["file"] != nil,
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				return w.dial(ctx, network, strings.Replace(address, "db.example.com", "127.0.0.1", 1))
			},
			Bad: map[string]string{
				w.with(`"table":""`):                                  "config.table: is missing",
				w.with(`"table":"a b"`):                               "config.table: must be a name",
				w.with(`"table":"x.fanfare_mirror"`):                  "config.table: must be a name",
				w.with(`"table":"t\"; DROP TABLE u; --"`):             "config.table: must be a name",
				w.with(`"key":"{{payload."`):                          "config.key: ",
				w.with(`"keyColumn":"a-b"`):                           "config.keyColumn: must be a name",
				w.with(`"delete":"1 +"`):                              "config.delete: ",
				w.with(`"version":"{{nobody}}"`):                      "config.version: ",
				w.with(`"columns":{"a":{"value":"x","type":"date"}}`): "config.columns.a.type: one of text, integer, number, boolean, json, time",
				w.with(`"columns":{"a\"b":"x"}`):                      `config.columns.a"b: must be a name`,
				w.with(`"columns":{"ID":"x"}`):                        "config.columns.ID: is named twice, or is the column of the key",
				w.with(`"columns":{"a":7}`):                           "config.columns.a: must be a template, or an object",
				w.with(`"create":"yes"`):                              "config.create: must be true or false",
			},
			Outcomes: map[string]connecttest.Outcome{
				"no key":          {Message: connecttest.Message("a.b", `{"n":1}`), Class: fanfare.ClassRejected, Detail: "key renders empty"},
				"long key":        {Message: connecttest.Message("a.b", `{"id":"`+strings.Repeat("x", 256)+`"}`), Class: fanfare.ClassRejected, Detail: "longer than 255 bytes"},
				"no object":       {Message: connecttest.Message("a.b", `{"id":1}`), Config: w.with(`"record":"{{payload.id}}"`), Class: fanfare.ClassRejected, Detail: "not a JSON object"},
				"no table":        {Config: w.with(`"table":"missing","create":false`), Class: fanfare.ClassConnector, Detail: "there is no table missing; make it"},
				"bad table":       {Config: w.with(`"table":"{{eventType}}-x"`), Class: fanfare.ClassRejected, Detail: "which is no table's name"},
				"no version":      {Config: w.with(`"version":"{{payload.v}}"`), Class: fanfare.ClassRejected, Detail: "version renders empty"},
				"bad version":     {Config: w.with(`"version":"{{eventType}}"`), Class: fanfare.ClassRejected, Detail: "neither a number nor a time"},
				"constraint":      {Config: w.with(`"table":"strict"`), Message: connecttest.Message("a.b", `{"id":1,"n":100}`), Class: fanfare.ClassRejected},
				"not null":        {Config: w.with(`"table":"strict"`), Message: connecttest.Message("a.b", `{"id":1,"n":null}`), Class: fanfare.ClassRejected},
				"key's kind":      {Config: w.with(`"table":"strict"`), Message: connecttest.Message("a.b", `{"id":"x1","n":1}`), Class: fanfare.ClassRejected, Detail: `key renders "x1", and column id of strict is of kind integer`},
				"kind, not ours":  {Config: w.with(`"table":"strict","create":false`), Message: connecttest.Message("a.b", `{"id":1,"n":"many"}`), Class: fanfare.ClassRejected, Detail: "column n of strict is of kind integer"},
				"told kind":       {Config: w.with(`"columns":{"n":{"value":"{{payload.n}}","type":"time"}}`), Class: fanfare.ClassRejected, Detail: `columns.n renders "1", which is no time`},
				"two in one":      {Message: connecttest.Message("a.b", `{"id":1,"a-b":1,"A_b":2}`), Class: fanfare.ClassRejected, Detail: "are for one column"},
				"too many":        {Config: w.with(`"table":"wide"`), Message: connecttest.Message("a.b", wide(151)), Class: fanfare.ClassRejected, Detail: "at most 150"},
				"as many as goes": {Config: w.with(`"table":"wide"`), Message: connecttest.Message("a.b", wide(149)), Class: fanfare.ClassSuccess, Detail: "upsert wide id=1"},
			},
		}
		if w.config["file"] == nil {
			maps.Copy(c.Bad, map[string]string{
				w.with(`"host":""`):                          "config.host: must be one name",
				w.with(`"host":"a,b"`):                       "config.host: must be one name",
				w.with(`"port":0`):                           "config.port: must be from 1",
				w.with(`"user":""`):                          "config.user: is missing",
				w.with(`"database":""`):                      "config.database: is missing",
				w.with(`"tls":"prefer"`):                     "config.tls: one of verify, off",
				w.with(`"ca":"x"`):                           "config.ca: has no certificate",
				w.with(`"url":"http://u:correct-horse@h/d"`): "config.url: must be a URL such as ",
				`{"table":"t","url":"` + w.scheme() + `://u:p@h/d?sslkey=/etc/x"}`: "config.url: may have tls=verify",
				w.with(`"url":"` + w.scheme() + `://u:p@h/d"`):                     "config.url: stands in place of host",
			})
			c.Outcomes["wrong database"] = connecttest.Outcome{Config: w.with(`"database":"nowhere"`), Class: fanfare.ClassConnector, Detail: "check database"}
			if w.scheme() == "postgres" { // which has no certificate
				c.Outcomes["not encrypted"] = connecttest.Outcome{Config: w.with(`"tls":"verify"`), Err: "TLS"}
			}
			c.Outcomes["by URL"] = connecttest.Outcome{Class: fanfare.ClassSuccess, Config: fmt.Sprintf(`{"table":"customers","url":"%s://%s:%s@127.0.0.1:%d/%s?tls=off"}`,
				w.scheme(), w.config["user"], w.config["password"], w.config["port"], w.config["database"])}
			if w.scheme() == "mysql" { // the other one lets all in
				server, err := mariadb()
				if err != nil {
					t.Fatal(err)
				}
				authority, err := json.Marshal(server.Authority)
				if err != nil {
					t.Fatal(err)
				}
				c.Outcomes["encrypted"] = connecttest.Outcome{Config: w.with(`"tls":"verify","ca":` + string(authority)), Class: fanfare.ClassSuccess}
				c.Outcomes["not trusted"] = connecttest.Outcome{Config: w.with(`"tls":"verify"`), Err: "certificate"}
				c.Outcomes["another host"] = connecttest.Outcome{Config: w.with(`"host":"db.example.com","tls":"verify","ca":` + string(authority)), Err: "certificate"}
				c.Outcomes["wrong password"] = connecttest.Outcome{Config: w.with(`"password":"wrong"`), Class: fanfare.ClassConnector, Detail: "check user and password"}
			}
		} else {
			c.Bad[w.with(`"file":"../up.db"`)] = "config.file: must be the name of a file"
			c.Bad[w.with(`"file":".hidden.db"`)] = "config.file: must be the name of a file"
			c.Bad[w.with(`"file":"passwd"`)] = "config.file: must be the name of a file"
		}
		connecttest.Run(t, c)
	})
}

// scheme is that of the database's URLs.
func (w *world) scheme() string {
	if w.connector.About == mirror.MySQL().About {
		return "mysql"
	}
	return "postgres"
}

// wide is a record of n members beside its id.
func wide(n int) string {
	var b strings.Builder
	b.WriteString(`{"id":1`)
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":"%s"`, i, strings.Repeat("x", 100))
	}
	return b.String() + "}"
}

func TestWithoutAFolderThereAreNoFiles(t *testing.T) {
	_, err := mirror.SQLite("").New([]byte(`{"file":"a.db","table":"t"}`), fanfare.Way{})
	if err == nil || !strings.Contains(err.Error(), "fanfare serve --files DIR") {
		t.Errorf("got %v", err)
	}
}
