package sqlite_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/sqlite"
	"github.com/fanfarehq/fanfare/storetest"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func TestContractSealed(t *testing.T) {
	storetest.RunSealed(t, files(t, seal.NewRing(seal.NewKey())))
}

// openWith opens a store that its caller closes.
func openWith(t testing.TB, path string, ring *seal.Ring) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenWith(t.Context(), path, &sqlite.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The secrets of a database in these tests, none of which may be found in a file.
var secrets = []string{
	"whsec_bmV3LW5ldy1uZXctbmV3LW5ldw==", "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZA==",
	"Bearer of-good-tidings", "hmac-secret-of-api-keys", "fan_key_shown_once",
	"token-of-a-source", "secret-of-a-source",
}

// store puts each of the secrets where such things stand.
func store(t *testing.T, s *sqlite.Store) {
	t.Helper()
	now := time.Now()
	if err := s.CreateApplication(t.Context(), &fanfare.Application{ID: application, Name: "Acme", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	ep := sealedEndpoint(2)
	if err := s.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	ep.Secrets = append([]fanfare.Secret{{Text: secrets[0]}}, ep.Secrets...)
	if err := s.UpdateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	src := &fanfare.Source{
		ID: fanfare.SourceID(idOf("src_", 3)), Application: application, Name: "n", Profile: "github", CreatedAt: now, UpdatedAt: now,
		Token: secrets[5], Secrets: []fanfare.Secret{{Text: secrets[6]}},
	}
	if err := s.CreateSource(t.Context(), src, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSetting(t.Context(), "pepper", []byte(secrets[3])); err != nil {
		t.Fatal(err)
	}
	if err := s.Remember(t.Context(), "scope", "key", &fanfare.Answer{Status: 201, Body: []byte(`{"key":"` + secrets[4] + `"}`)}); err != nil {
		t.Fatal(err)
	}
}

func sealedEndpoint(n uint32) *fanfare.Endpoint {
	now := time.Now()
	return &fanfare.Endpoint{
		ID: fanfare.EndpointID(idOf("ep_", n)), Application: application, URL: "https://example.com/in", CreatedAt: now, UpdatedAt: now,
		Secrets: []fanfare.Secret{{Text: secrets[1]}}, Headers: map[string]string{"Authorization": secrets[2]},
	}
}

// holds fails the test unless the store gives back what store put there.
func holds(t *testing.T, s *sqlite.Store) {
	t.Helper()
	ep, err := s.Endpoint(t.Context(), application, idOf("ep_", 2))
	if err != nil {
		t.Fatal(err)
	}
	if len(ep.Secrets) != 2 || ep.Secrets[0].Text != secrets[0] || ep.Secrets[1].Text != secrets[1] || ep.Headers["Authorization"] != secrets[2] {
		t.Errorf("the endpoint has %v and %v", ep.Secrets, ep.Headers)
	}
	src, err := s.SourceOf(t.Context(), fanfare.TokenHash(secrets[5]))
	if err != nil || src.Token != secrets[5] || src.Secrets[0].Text != secrets[6] {
		t.Errorf("the source is %+v, %v", src, err)
	}
	if got, err := s.Setting(t.Context(), "pepper"); err != nil || string(got) != secrets[3] {
		t.Errorf("the setting is %q, %v", got, err)
	}
	if got, err := s.Answer(t.Context(), "scope", "key"); err != nil || string(got.Body) != `{"key":"`+secrets[4]+`"}` {
		t.Errorf("the answer is %+v, %v", got, err)
	}
}

// disclosed are the secrets that stand in the files of a database.
func disclosed(t *testing.T, path string, more ...string) (found []string) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(more, secrets...) {
			for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))[:20]} {
				if bytes.Contains(content, []byte(form)) {
					found = append(found, filepath.Base(file)+": "+secret)
				}
			}
		}
	}
	return found
}

func backup(t *testing.T, path string) (to string) {
	t.Helper()
	to = filepath.Join(t.TempDir(), "backup.db")
	if err := sqlite.Backup(t.Context(), path, to, nil); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestNoSecretStandsInTheFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	ring := seal.NewRing(seal.NewKey())
	s := openWith(t, path, ring)
	store(t, s)
	holds(t, s)
	copied := backup(t, path)
	if found := append(disclosed(t, path), disclosed(t, copied)...); found != nil { // the WAL among them
		t.Errorf("while it is open there are %q", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found := disclosed(t, path); found != nil {
		t.Errorf("after it was closed there are %q", found)
	}
	for _, path := range []string{path, copied} {
		s = openWith(t, path, ring)
		holds(t, s)
		s.Close()
		if ids, err := sqlite.SealedBy(path); err != nil || len(ids) != 1 || ids[0] != ring.Current() {
			t.Errorf("%s is sealed by %q, %v", path, ids, err)
		}
	}
}

// A delivery leaves a record of what was sent, and nothing in it opens a door.
func TestNoSecretIsLeftByDeliveries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	s := openWith(t, path, seal.NewRing(seal.NewKey()))
	defer s.Close()
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer receiver.Close()
	hub := fanfare.New(s, &fanfare.Options{AllowLoopback: true, Logger: slog.New(slog.DiscardHandler)})
	app := &fanfare.Application{UID: "acme", Name: "Acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	const password = "open-sesame-open-sesame"
	eps := []*fanfare.Endpoint{
		{Headers: map[string]string{"Authorization": "Bearer " + password}},
		{Headers: map[string]string{"X-Api-Key": password}},
		{Auth: fanfare.Auth{Basic: &fanfare.BasicAuth{Username: "me", Password: password}}},
		{Auth: fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: password}}},
		{Signature: "basic", Secrets: []fanfare.Secret{{Text: password}}},
	}
	for _, ep := range eps {
		ep.Application, ep.URL = app.ID, receiver.URL
		if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- hub.Run(ctx) }()
	msg, err := hub.Send(t.Context(), "acme", "record.created", 863)
	if err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		done, err := hub.Deliveries(t.Context(), app.ID, fanfare.DeliveryFilter{
			Page: fanfare.Page{Limit: 10}, Message: msg.ID, States: []fanfare.State{fanfare.Delivered},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(done) == len(eps) {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%d of %d have come", len(done), len(eps))
		}
	}
	stop()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	pair := func(name string) string { return base64.StdEncoding.EncodeToString([]byte(name + ":" + password)) }
	if found := disclosed(t, path, password, pair("me"), pair("webhook")); found != nil {
		t.Errorf("there are %q", found)
	}
}

// What was stored without keys is sealed when there are some, down to what was
// changed and deleted before.
func TestADatabaseIsSealedAfterwards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	s := openWith(t, path, nil)
	store(t, s)
	for n := range uint32(500) {
		if err := s.CreateEndpoint(t.Context(), sealedEndpoint(10+n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range uint32(300) {
		if err := s.DeleteEndpoint(t.Context(), application, sealedEndpoint(10+n).ID); err != nil {
			t.Fatal(err)
		}
	}
	if len(disclosed(t, path)) == 0 {
		t.Fatal("nothing is found where nothing is sealed")
	}
	s.Close()
	if ids, err := sqlite.SealedBy(path); err != nil || len(ids) != 0 {
		t.Errorf("it is sealed by %q, %v", ids, err)
	}
	ring := seal.NewRing(seal.NewKey())
	s = openWith(t, path, ring)
	if found := disclosed(t, path); found != nil {
		t.Errorf("once it is open with keys there are %d, such as %q", len(found), found[0])
	}
	sealing, err := s.Sealing(t.Context())
	if err != nil || sealing.Key != ring.Current() || sealing.Traces || sealing.Old != nil {
		t.Errorf("it is sealed so: %+v, %v", sealing, err)
	}
	holds(t, s)
	if ep, err := s.Endpoint(t.Context(), application, idOf("ep_", 509)); err != nil || ep.Secrets[0].Text != secrets[1] {
		t.Errorf("the last endpoint is %v, %v", ep, err)
	}
	s.Close()
	integrity(t, path)
}

// While another program reads the old state, it stays in the file. That is told,
// and made up for at the next start.
func TestTracesThatCannotBeRemovedAreToldOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	s := openWith(t, path, nil)
	store(t, s)
	s.Close()
	reader, err := zombiezen.OpenConn(path, zombiezen.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"BEGIN", "SELECT count(*) FROM endpoint"} {
		if err := sqlitex.ExecuteTransient(reader, query, nil); err != nil {
			t.Fatal(err)
		}
	}
	ring := seal.NewRing(seal.NewKey())
	for _, traces := range []bool{true, false} {
		s = openWith(t, path, ring)
		holds(t, s)
		sealing, err := s.Sealing(t.Context())
		if err != nil || sealing.Key != ring.Current() || sealing.Traces != traces {
			t.Errorf("it is sealed so: %+v, %v; want traces: %v", sealing, err, traces)
		}
		if found := disclosed(t, path); (found != nil) != traces {
			t.Errorf("there are %q; want some: %v", found, traces)
		}
		reader.Close()
		s.Close()
	}
}

func TestWithoutItsKeyADatabaseIsNotOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	ring := seal.NewRing(seal.NewKey())
	openWith(t, path, ring).Close()
	for name, given := range map[string]*seal.Ring{"none": nil, "another": seal.NewRing(seal.NewKey())} {
		s, err := sqlite.OpenWith(t.Context(), path, &sqlite.Options{Keys: given})
		if err == nil {
			s.Close()
		}
		var missing *seal.MissingKeyError
		if !errors.As(err, &missing) || missing.ID != ring.Current() || !strings.Contains(err.Error(), "give the keys that it was used with before") {
			t.Errorf("%s: %v, want an error that names %s and says what to do", name, err, ring.Current())
		}
	}
	openWith(t, path, ring).Close() // the attempts have changed nothing
}

// query changes a database that nobody has open.
func query(t *testing.T, path, text string) {
	t.Helper()
	conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.ExecuteScript(conn, text, nil); err != nil {
		t.Fatal(err)
	}
}

func TestASealedSecretCannotBeMovedToAnotherRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	ring := seal.NewRing(seal.NewKey())
	s := openWith(t, path, ring)
	store(t, s)
	if err := s.CreateEndpoint(t.Context(), sealedEndpoint(3)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	query(t, path, `UPDATE endpoint SET settings = (SELECT settings FROM endpoint ORDER BY id LIMIT 1)`)
	s = openWith(t, path, ring)
	defer s.Close()
	holds(t, s)
	if _, err := s.Endpoint(t.Context(), application, idOf("ep_", 3)); !errors.Is(err, seal.ErrForged) {
		t.Errorf("the other endpoint: %v, want %v", err, seal.ErrForged)
	}
}

// resealed waits until nothing is sealed with an old key.
func resealed(t *testing.T, s *sqlite.Store, want string) {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		sealing, err := s.Sealing(t.Context())
		if err != nil || sealing.Err != nil {
			t.Fatal(err, sealing.Err)
		}
		if sealing.Key == want && sealing.Old == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("it is still sealed so: %+v", sealing)
		}
	}
}
