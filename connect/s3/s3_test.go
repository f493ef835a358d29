package s3_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/s3"
)

// config is one for a bucket of that name, with members besides.
func config(bucket, more string) string {
	return fmt.Sprintf(`{"bucket":%q,"region":"eu-central-1","endpoint":"https://minio.test:9000","accessKeyId":%q,"secretAccessKey":%q%s}`, bucket, fake.AWSKey, fake.AWSSecret, more)
}

func TestContract(t *testing.T) {
	connecttest.Run(t, connecttest.Case{
		Connector: s3.Connector(), Config: config("events", `,"sessionToken":"sEsSiOnToKeN"`), Fake: fake.S3(),
		Bad: map[string]string{
			`{}`:                               "config.region: must be the name of a region",
			config("No", ""):                   "config.bucket: must be the name of a bucket",
			config("events", `,"gather":"1m"`): "config.gather: must be a time such as 2s, of at most 10s",
			config("events", `,"key":"{{"`):    "config.key: a {{ is not closed by }}",
			config("events", `,"gather":"1s","body":"x"`):                                                                   "config.body: is for objects of one message",
			`{"bucket":"events","region":"eu-central-1","accessKeyId":"a","secretAccessKey":"sEcReT12","virtualHost":true}`: "config.virtualHost: is for an endpoint of its own",
			strings.Replace(config("events", ""), "https://", "", 1):                                                        "config.endpoint: is not a URL such as https://minio",
		},
		Outcomes: map[string]connecttest.Outcome{
			"no bucket":    {Config: config("unknown", ""), Class: fanfare.ClassStatus, Status: 404, Detail: "NoSuchBucket: The specified bucket does not exist; make the bucket"},
			"denied":       {Config: config("denied", ""), Class: fanfare.ClassStatus, Status: 403, Detail: "AccessDenied: Access Denied; check accessKeyId"},
			"elsewhere":    {Config: config("elsewhere", ""), Class: fanfare.ClassRedirect, Status: 301, Detail: "the bucket is in another region"},
			"too large":    {Config: config("small", ""), Class: fanfare.ClassRejected, Status: 400, Detail: "EntityTooLarge"},
			"slow":         {Config: config("slow", ""), Class: fanfare.ClassStatus, Status: 503, Detail: "SlowDown: Please reduce your request rate."},
			"broken":       {Config: config("broken", ""), Class: fanfare.ClassStatus, Status: 500, Detail: "InternalError"},
			"wrong secret": {Config: strings.Replace(config("events", ""), fake.AWSSecret, "sEcReTaCcEsS", 1), Class: fanfare.ClassStatus, Status: 403, Detail: "SignatureDoesNotMatch"},
			"wrong key":    {Config: strings.Replace(config("events", ""), fake.AWSKey, "AKIAOTHER", 1), Class: fanfare.ClassStatus, Status: 403, Detail: "InvalidAccessKeyId"},
			"no key":       {Config: config("events", `,"key":"{{payload.x}}"`), Class: fanfare.ClassRejected, Detail: `key renders ""`},
			"a way up":     {Config: config("events", `,"key":"a/../../other/{{payload.n}}"`), Class: fanfare.ClassRejected, Detail: "without . and .. between slashes"},
		},
	})
}

// An object is one as the fake has it.
type object struct {
	Bucket, Key, ContentType, Body string
	Metadata                       map[string]string
}

func objects(t *testing.T, bucket http.Handler) []object {
	t.Helper()
	var all []object
	for _, text := range connecttest.Taken(t, bucket) {
		var o object
		if err := json.Unmarshal(text, &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// TestObject sees what is put.
func TestObject(t *testing.T) {
	for name, c := range map[string]struct{ more, key, body string }{
		"default":  {"", "a.b/2026-01-02/ID.json", "{\"n\":\n1}"},
		"a key":    {`,"key":"{{payload.n}} ü+%/{{headers['webhook-id']}}"`, "1 ü+%/ID", "{\"n\":\n1}"},
		"a body":   {`,"body":"{{payload.n}}\n"`, "a.b/2026-01-02/ID.json", "1\n"},
		"gathered": {`,"gather":"1ms"`, "2026-01-02/ID.ndjson", `{"id":"ID","type":"a.b","timestamp":"2026-01-02T03:04:05Z","data":{"n":1}}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := fake.S3()
			way, took := connecttest.Way(t, bucket)
			sink, err := s3.Connector().New([]byte(config("events", c.more)), way)
			if err != nil {
				t.Fatal(err)
			}
			msg := connecttest.Message("a.b", "{\"n\":\n1}")
			reply, err := sink.Send(t.Context(), msg)
			if err != nil || reply.Class != fanfare.ClassSuccess {
				t.Fatalf("%+v, %v: %s", reply, err, reply.ResponseBody)
			}
			all, id := objects(t, bucket), string(msg.ID)
			if len(all) != 1 || all[0].Key != strings.ReplaceAll(c.key, "ID", id) || all[0].Body != strings.ReplaceAll(c.body, "ID", id) {
				t.Errorf("put %+v", all)
			}
			p := connecttest.Preview(t, sink, msg)
			to := "put " + all[0].Key + " into the bucket events at minio.test:9000"
			if name == "gathered" {
				to = "gather for 1ms, and " + to
			}
			if p.To != to || string(p.Body) != all[0].Body || len(p.Header) != 1+len(all[0].Metadata) {
				t.Errorf("a dry run shows %+v", p)
			}
			for _, h := range p.Header {
				if took()[0].Header.Get(h.Name) != h.Value {
					t.Errorf("a dry run shows %s: %s, and sent was %q", h.Name, h.Value, took()[0].Header.Get(h.Name))
				}
			}
			if url := took()[0].URL; !strings.HasPrefix(url, "minio.test:9000/events/") || reply.URL != "s3:minio.test:9000/events/"+all[0].Key {
				t.Errorf("put to %s, recorded as %s", url, reply.URL)
			}
			if digest := took()[0].Header.Get("X-Amz-Content-Sha256"); len(digest) != 64 {
				t.Errorf("the body is signed as %s", digest)
			}
			if name != "gathered" && all[0].Metadata["webhook-id"] != id {
				t.Errorf("carries %v", all[0].Metadata)
			}
		})
	}
}

// TestHost sees where it is put without an endpoint.
func TestHost(t *testing.T) {
	way, took := connecttest.Way(t, fake.S3())
	sink, err := s3.Connector().New([]byte(`{"bucket":"events","region":"eu-central-1","accessKeyId":"a","secretAccessKey":"sEcReT12","key":"k"}`), way)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Send(t.Context(), connecttest.Message("a.b", `{}`)); err != nil {
		t.Fatal(err)
	}
	if url := took()[0].URL; !strings.HasPrefix(url, "events.s3.eu-central-1.amazonaws.com/k") {
		t.Errorf("put to %s", url)
	}
}

// TestGather puts what comes within a time into one object, and what comes later into
// another.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := fake.S3()
		way, _ := connecttest.Way(t, bucket)
		defer way.HTTP.CloseIdleConnections()
		sink, err := s3.Connector().New([]byte(config("events", `,"gather":"2s"`)), way)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var ended []time.Duration
		for i := range 6 {
			msg := connecttest.Message("a.b", fmt.Sprint(i))
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 900 * time.Millisecond)
				reply, err := sink.Send(t.Context(), msg)
				if err != nil || reply.Class != fanfare.ClassSuccess {
					t.Errorf("%+v, %v", reply, err)
				}
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, time.Since(begun))
			})
		}
		wg.Wait()
		slices.Sort(ended)
		if got := fmt.Sprint(ended); got != "[2s 2s 2s 4.7s 4.7s 4.7s]" {
			t.Errorf("they ended after %s", got)
		}
		all := objects(t, bucket)
		if len(all) != 2 || strings.Count(all[0].Body, "\n") != 3 || strings.Count(all[1].Body, "\n") != 3 || all[0].Key == all[1].Key {
			t.Errorf("put %+v", all)
		}
	})
}

// TestGatheredIsNotGivenUp has an object refused of which only one can be to blame.
func TestGatheredIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way, _ := connecttest.Way(t, fake.S3())
		defer way.HTTP.CloseIdleConnections()
		sink, err := s3.Connector().New([]byte(config("small", `,"gather":"200ms"`)), way)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if reply, err := sink.Send(t.Context(), connecttest.Message("a.b", `{}`)); err != nil || reply.Class != fanfare.ClassStatus {
					t.Errorf("%+v, %v", reply, err)
				}
			})
		}
		wg.Wait()
	})
}
