package share

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/agency"
	"github.com/fanfarehq/fanfare/examples/stage"
	"github.com/fanfarehq/fanfare/fanfarehttp"
)

// Port is the usual one of the agency's pages.
const Port = 8096

// Seen is what a consumer has of what it was told.
type Seen struct {
	Changes int    `json:"changes"`
	Notices int    `json:"notices"` // that were taken
	Bytes   int    `json:"bytes"`   // of those
	Behind  int    `json:"behind"`  // times that the share was not as new yet
	Copied  int    `json:"copied"`  // rows of the copy
	CSV     string `json:"csv"`     // the share, in the end
	Revoked int    `json:"revoked"` // what is answered once it is revoked
}

func (s *Seen) String() string {
	return fmt.Sprintf("Of %d changes the consumer was told in %d notices of %d bytes in all, and has fetched the rows: its copy has %d.\nAs CSV the share is\n\n%s\nNow that it is revoked it answers %d.",
		s.Changes, s.Notices, s.Bytes, s.Copied, s.CSV, s.Revoked)
}

// Demo is the agency, a share of its reports and a consumer with a copy of them.
func Demo() *stage.Program {
	return &stage.Program{
		Name: "share", Short: "Tell who may read a table what is new in it, and let them fetch that",
		Long: "Starts the agency, whose reports an endpoint keeps as a table, and a share of it: an\n" +
			"address that nobody can guess, where the rows are as JSON, CSV and GeoJSON. A consumer is\n" +
			"sent the key of each report that changes, and fetches the row.",
		Play: play,
	}
}

// A desk is all that the demo has.
type desk struct {
	hub      *fanfare.Hub
	a        *agency.Agency
	shares   *Shares
	consumer *Consumer
	at       string // of the agency
	share    string // its address, but for the format
	id       string
}

func play(ctx context.Context, s *stage.Stage) (fmt.Stringer, error) {
	ln, err := s.Listen(Port)
	if err != nil {
		return nil, err
	}
	d := &desk{hub: s.Hub, at: stage.URL(ln)}
	if d.a, err = agency.Open(ctx, s, agency.Options{}); err != nil {
		return nil, err
	}
	s.ServeOn(ctx, ln, d.a)
	if err := d.open(ctx, s); err != nil {
		return nil, err
	}
	s.Say("The agency is at   %s/\nThe share is at    %s.json, .csv and .geojson", d.at, d.share)
	if s.Once {
		return d.once(ctx)
	}
	s.Go(ctx, func(ctx context.Context) error {
		for {
			select {
			case <-d.consumer.arrived:
				told, _, behind := d.consumer.counted()
				s.Say("The consumer has taken %d notices, and was told again of %d; its copy has %d rows.", told, behind, len(d.consumer.Rows()))
			case <-ctx.Done():
				return nil
			}
		}
	})
	s.UntilDone(ctx)
	return nil, nil
}

// open makes the mirror, a share of it, and a consumer.
func (d *desk) open(ctx context.Context, s *stage.Stage) error {
	mirror, err := agency.Mirror(ctx, d.a)
	if err != nil {
		return err
	}
	if d.shares, err = Open(ctx, s.Files); err != nil {
		return err
	}
	s.AtEnd(d.shares.Close)
	shown, err := s.Serve(ctx, 0, d.shares)
	if err != nil {
		return err
	}
	// There is a table once there is something in it.
	if err := d.file(ctx, http.MethodPost, "/api/v2/records.json", report("A bear looked in at the window.", 0)); err != nil {
		return err
	}
	if err := d.written(ctx, mirror); err != nil {
		return err
	}
	sh := &Share{File: agency.MirrorFile, Table: agency.MirrorTable, Latitude: "latitude", Longitude: "longitude",
		Columns: []string{"id", "version", "status", "what", "bear"}}
	token, err := d.shares.Make(ctx, sh)
	if err != nil {
		return err
	}
	d.id, d.share = sh.ID, shown+"/shares/"+token
	secret := fanfarehttp.NewKey()
	d.consumer = NewConsumer(secret, d.share+".json")
	to, err := s.Serve(ctx, 0, d.consumer)
	if err != nil {
		return err
	}
	_, err = Notify(ctx, d.a, to, secret)
	return err
}

// written waits until the mirror has written something.
func (d *desk) written(ctx context.Context, mirror *fanfare.Endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err := stage.Until(ctx, func() (bool, error) {
		stats, err := d.hub.EndpointStats(ctx, mirror.Application, mirror.ID, time.Time{}, time.Now().Add(time.Hour))
		return stats[fanfare.Delivered] > 0, err
	})
	if err != nil {
		return fmt.Errorf("the mirror has written nothing: %w", err)
	}
	return nil
}

// report is one of a bear attack.
func report(what string, n int) map[string]any {
	return map[string]any{
		"id": recordID(n), "form_id": agency.BearAttackForm, "latitude": 44.427963 + float64(n)/10, "longitude": -110.588455,
		"form_values": map[string]any{agency.KeyWhat: what, agency.KeySpecies: agency.Chosen{Choices: []string{"Brown bear", "Grizzly"}}},
	}
}

func recordID(n int) string { return fmt.Sprintf("bea20000-0000-4000-8000-0000000000%02d", n) }

// file makes a change by the agency's API.
func (d *desk) file(ctx context.Context, method, path string, record any) error {
	resp, err := agency.Ask(ctx, method, d.at+path, d.a.Token, map[string]any{"record": record})
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s was answered %s", method, path, resp.Status)
	}
	return nil
}

// once does by the API what happens, waits for the consumer, and revokes the share.
func (d *desk) once(ctx context.Context) (*Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	seen := &Seen{}
	for _, step := range []struct {
		method, path string
		record       any
	}{
		{http.MethodPost, "/api/v2/records.json", report("=HYPERLINK(\"https://bears.example\") was on its tag.", 1)},
		{http.MethodPost, "/api/v2/records.json", report("A bear took a picnic basket.", 2)},
		{http.MethodPatch, "/api/v2/records/" + recordID(0), map[string]any{"status": agency.StatusUrgent}},
		{http.MethodDelete, "/api/v2/records/" + recordID(2), nil},
	} {
		if err := d.file(ctx, step.method, step.path, step.record); err != nil {
			return nil, err
		}
		seen.Changes++
	}
	for seen.Notices < seen.Changes {
		select {
		case <-d.consumer.arrived:
			seen.Notices, seen.Bytes, seen.Behind = d.consumer.counted()
		case <-ctx.Done():
			return nil, fmt.Errorf("of %d changes the consumer was told of %d: %w", seen.Changes, seen.Notices, ctx.Err())
		}
	}
	seen.Copied = len(d.consumer.Rows())
	var status int
	var err error
	if status, seen.CSV, err = read(ctx, d.share+".csv"); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("the share answers %d: %w", status, err)
	}
	seen.CSV = strings.ReplaceAll(seen.CSV, "\r\n", "\n")
	if err := d.shares.Revoke(ctx, d.id); err != nil {
		return nil, err
	}
	seen.Revoked, _, err = read(ctx, d.share+".csv")
	return seen, err
}

var client = &http.Client{Timeout: 10 * time.Second}

func read(ctx context.Context, address string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1<<20))
	return resp.StatusCode, string(text), err
}
