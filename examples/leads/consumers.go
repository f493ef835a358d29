package leads

import (
	"bytes"
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/fanfarehq/fanfare/webhook"
)

// Consumers are the departments' receivers: an http.Handler that takes leads at
// /{slug}, and shows at / how many came.
type Consumers struct {
	tokens map[string]string
	crm    string // where the CRM is
	db     *sql.DB
	client *http.Client

	mu      sync.Mutex
	counts  map[string]*Count
	known   map[string]bool // leads by department, that a repeat is not counted again
	order   []string        // the same, oldest first
	arrived chan struct{}   // has room for one
}

// Count is what has come to a department.
type Count struct {
	Leads   int // each once, however often it was sent
	Refused int // for want of the token
}

const (
	maxBody  = 1 << 20
	maxKnown = 50_000
)

// NewConsumers makes Consumers that know these tokens, with the CRM at that URL and a
// database in that folder. Close it when nobody sends any more.
func NewConsumers(ctx context.Context, tokens map[string]string, crm, dir string) (*Consumers, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "cce.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)")
	if err != nil {
		return nil, err
	}
	c := &Consumers{
		tokens: tokens, crm: crm, db: db, client: &http.Client{Timeout: 10 * time.Second},
		counts: map[string]*Count{}, known: map[string]bool{}, arrived: make(chan struct{}, 1),
	}
	for _, d := range Departments {
		c.counts[d.Slug] = &Count{}
	}
	_, err = db.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS lead (
			id TEXT PRIMARY KEY,
			company TEXT NOT NULL,
			email TEXT NOT NULL,
			employees INTEGER NOT NULL,
			message TEXT NOT NULL
		) STRICT`)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

// Close closes the database.
func (c *Consumers) Close() error { return c.db.Close() }

// Arrived rings, at most once until it was heard, when a lead has come.
func (c *Consumers) Arrived() <-chan struct{} { return c.arrived }

// Count is what has come to the department of that slug.
func (c *Consumers) Count(slug string) Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.counts[slug]
}

// Rows are how many leads have become rows of the table.
func (c *Consumers) Rows(ctx context.Context) (n int, err error) {
	err = c.db.QueryRowContext(ctx, `SELECT count(*) FROM lead`).Scan(&n)
	return n, err
}

func (c *Consumers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	slug := r.URL.Path[1:]
	d := department(slug)
	switch {
	case slug == "" && r.Method == http.MethodGet:
		c.show(w, r)
	case d == nil:
		http.NotFound(w, r)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, d.Name+" takes leads here, by POST.", http.StatusMethodNotAllowed)
	default:
		c.take(w, r, d)
	}
}

// take takes a lead for d. When it has answered 200, the lead is where d keeps it.
func (c *Consumers) take(w http.ResponseWriter, r *http.Request, d *Department) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "A lead has at most 1 MiB.", http.StatusRequestEntityTooLarge)
		return
	}
	if !c.lets(d, r, body) {
		c.mu.Lock()
		c.counts[d.Slug].Refused++
		c.mu.Unlock()
		http.Error(w, "The token is not that of "+d.Name+".", http.StatusUnauthorized)
		return
	}
	var lead Lead
	if err := json.Unmarshal(body, &lead); err != nil || lead.ID == "" {
		http.Error(w, "That is no lead.", http.StatusUnprocessableEntity)
		return
	}
	if err := c.keep(r.Context(), d, &lead); err != nil {
		slog.Error("a lead was not kept", "department", d.Name, "error", err)
		http.Error(w, "It could not be kept just now; send it again.", http.StatusServiceUnavailable)
		return
	}
	c.note(d, lead.ID)
	w.WriteHeader(http.StatusOK)
}

// lets reports whether a request shows d's token, in d's way.
func (c *Consumers) lets(d *Department, r *http.Request, body []byte) bool {
	token, shown := c.tokens[d.Slug], ""
	switch d.Token {
	case InBearer:
		return same(r.Header.Get("Authorization"), "Bearer "+token)
	case InBasic:
		user, password, _ := r.BasicAuth()
		return user == d.Slug && same(password, token)
	case InURL:
		shown = r.URL.Query().Get("token")
	case InBody:
		verifier, err := webhook.BodyToken.Verifier(token)
		if err == nil {
			_, err = verifier.VerifyRequest(r, body, time.Now())
		}
		return err == nil
	}
	return same(shown, token)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// keep does with a lead what d does. To do it twice is to do it once.
func (c *Consumers) keep(ctx context.Context, d *Department, lead *Lead) error {
	switch d.Keeps {
	case InCRM:
		return c.create(ctx, lead)
	case InTable:
		_, err := c.db.ExecContext(ctx, `INSERT INTO lead (id, company, email, employees, message) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			lead.ID, lead.Company, lead.Email, lead.Employees, lead.Message)
		return err
	}
	return nil
}

// create creates a lead in the CRM.
func (c *Consumers) create(ctx context.Context, lead *Lead) error {
	text, err := json.Marshal(crmLead{ExternalID: lead.ID, Account: lead.Company, Email: lead.Email, Note: lead.Message})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.crm+"/api/leads", bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("the CRM answers %s", resp.Status)
	}
	return nil
}

// note counts a lead of d's, once.
func (c *Consumers) note(d *Department, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := d.Slug + " " + id
	if c.known[key] {
		return
	}
	c.known[key] = true
	if c.order = append(c.order, key); len(c.order) > maxKnown {
		delete(c.known, c.order[0])
		c.order = c.order[1:]
	}
	c.counts[d.Slug].Leads++
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// pollsADay are those of a department that asks every five minutes.
const pollsADay = 24 * 60 / 5

func (c *Consumers) show(w http.ResponseWriter, r *http.Request) {
	type row struct {
		Department
		Count
	}
	table, err := c.Rows(r.Context())
	if err != nil {
		slog.Error("the table cannot be read", "error", err)
		http.Error(w, "The table cannot be read.", http.StatusInternalServerError)
		return
	}
	rows, webhooks := make([]row, len(Departments)), 0
	for i, d := range Departments {
		rows[i] = row{d, c.Count(d.Slug)}
		webhooks += rows[i].Leads
	}
	show(w, http.StatusOK, "counters", map[string]any{
		"Rows": rows, "CRM": c.Count("bde").Leads, "Table": table, "Webhooks": webhooks, "Polls": len(rows) * pollsADay,
	})
}
