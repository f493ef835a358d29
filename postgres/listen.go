package postgres

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

// What is notified, on one channel: newsRenew, newsChange, or newsMore or newsOther
// and pairs of an application and an endpoint, their bytes one behind the other. In
// newsNamed, behind each pair comes how many messages follow, as a byte, and these.
const (
	newsRenew  = "renew"
	newsChange = "change"
	newsMore   = "more "
	newsOther  = "other "
	newsNamed  = "named "

	// mostLanes and mostRaw, in bytes, keep a payload below the 8000 bytes that it may have.
	mostLanes = 150
	mostRaw   = 5900
)

const notifyOne = `
	SELECT pg_notify($1, $2)`

func notify(ctx context.Context, tx pgx.Tx, payload string) error {
	_, err := tx.Exec(ctx, notifyOne, channel, payload)
	return err
}

// A route is a lane as it is told of.
type route struct{ app, endpoint id }

// laneNews are the payloads that tell of lanes.
func laneNews(what string, lanes []route) (payloads []string) {
	for len(lanes) > 0 {
		n := min(len(lanes), mostLanes)
		raw := make([]byte, 0, n*2*len(id{}))
		for _, l := range lanes[:n] {
			raw = append(append(raw, l.app[:]...), l.endpoint[:]...)
		}
		payloads = append(payloads, what+base64.RawStdEncoding.EncodeToString(raw))
		lanes = lanes[n:]
	}
	return payloads
}

// news are the payloads that tell of additions.
func (a additions) news() (payloads []string) {
	var whole []route
	var raw []byte
	flush := func() {
		if len(raw) > 0 {
			payloads = append(payloads, newsNamed+base64.RawStdEncoding.EncodeToString(raw))
		}
		raw = raw[:0]
	}
	for l, messages := range a {
		if messages == nil {
			whole = append(whole, l)
		}
		for some := range slices.Chunk(messages, math.MaxUint8) {
			if len(raw)+(2+len(some))*len(id{})+1 > mostRaw {
				flush()
			}
			raw = append(append(raw, l.app[:]...), l.endpoint[:]...)
			raw = append(raw, byte(len(some)))
			for _, m := range some {
				raw = append(raw, m[:]...)
			}
		}
	}
	flush()
	return append(payloads, laneNews(newsMore, whole)...)
}

// Tell implements [fanfare.Shared].
func (s *Store) Tell(ctx context.Context, lanes []fanfare.Lane) error {
	return s.tell(ctx, laneNews(newsOther, routes(lanes)))
}

// TellMore implements [fanfare.Shared].
func (s *Store) TellMore(some []fanfare.Addition) {
	all := make(additions)
	for _, a := range some {
		for _, l := range routes([]fanfare.Lane{a.Lane}) {
			all.add(l, messageIDs(a.Messages))
		}
	}
	s.telling.put(all)
}

func routes(lanes []fanfare.Lane) (told []route) {
	for _, l := range lanes {
		app, ok1 := parse(applicationPrefix, l.Application)
		ep, ok2 := parse(endpointPrefix, l.Endpoint)
		if ok1 && ok2 {
			told = append(told, route{app, ep})
		}
	}
	return told
}

// A hearing is the connection on which news are heard.
type hearing struct {
	config *pgx.ConnConfig

	one  sync.Mutex // held by who hears, and to close
	conn *pgx.Conn  // nil: none

	mu     sync.Mutex
	closed bool
	stop   context.CancelFunc // of who hears
}

// enter returns the context of someone who hears from now on.
func (h *hearing) enter(ctx context.Context) (context.Context, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	ctx, h.stop = context.WithCancel(ctx)
	return ctx, nil
}

// close ends who hears, and the connection.
func (h *hearing) close() {
	h.mu.Lock()
	h.closed = true
	if h.stop != nil {
		h.stop()
	}
	h.mu.Unlock()
	h.one.Lock()
	defer h.one.Unlock()
	if h.conn != nil {
		_ = h.conn.Close(context.Background()) // Close is given none
	}
}

// Hear implements [fanfare.Shared].
func (s *Store) Hear(ctx context.Context) (*fanfare.News, error) {
	h := &s.hearing
	h.one.Lock()
	defer h.one.Unlock()
	ctx, err := h.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer h.stop()
	news := &fanfare.News{}
	if h.conn == nil || h.conn.IsClosed() {
		if err := h.connect(ctx); err != nil {
			return nil, err
		}
		if err := s.mustHear(ctx); err != nil {
			return nil, err
		}
		news.Missing = true
		return news, nil
	}
	first, err := h.notification(ctx)
	if err != nil {
		_ = h.conn.Close(context.WithoutCancel(ctx))
		h.conn = nil
		if ctx.Err() != nil {
			return news, nil
		}
		return nil, err
	}
	takeDown(news, first.Payload)
	return news, nil
}

func (h *hearing) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, h.config.Copy())
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		_ = conn.Close(ctx)
		return err
	}
	h.conn = conn
	return nil
}

// errDeaf is said once of a connection, which is kept: all there is to hear is noticed
// without it.
var errDeaf = errors.New("news do not come through what is between here and the database, such as a pooler in transaction mode: " +
	"all is noticed some seconds later; give the listener a URL that leads to the database itself (serve --database-listen)")

// mustHear returns errDeaf if nothing that is notified comes. That is tried only where
// the connection is not that of one process of the server, so that something is between.
func (s *Store) mustHear(ctx context.Context) error {
	conn := s.hearing.conn.PgConn()
	r, err := conn.Exec(ctx, "SELECT pg_backend_pid()").ReadAll()
	if err != nil || string(r[0].Rows[0][0]) == strconv.FormatUint(uint64(conn.PID()), 10) {
		return err
	}
	for range 3 {
		if err := s.tell(ctx, []string{newsOther}); err != nil { // of no lane
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, hearIn)
		_, err := s.hearing.conn.WaitForNotification(waiting)
		cancel()
		if err == nil || ctx.Err() != nil {
			return nil
		}
	}
	return errDeaf
}

const (
	// hearIn is how long it takes at most to hear of what was just notified.
	hearIn = time.Second

	// silence is how long nothing may be heard before it is asked whether the
	// connection is still one.
	silence  = 10 * time.Second
	answerIn = 3 * time.Second
)

// notification waits for the next one, on a connection that is alive.
func (h *hearing) notification(ctx context.Context) (*pgconn.Notification, error) {
	for {
		waiting, cancel := context.WithTimeout(ctx, silence)
		n, err := h.conn.WaitForNotification(waiting)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) && !pgconn.Timeout(err) {
			return n, err
		}
		asking, cancel := context.WithTimeout(ctx, answerIn)
		err = h.conn.Ping(asking)
		cancel()
		if err != nil {
			return nil, err
		}
	}
}

// takeDown reads a payload. One that is not understood is of a newer program, whose
// news is found in the database.
func takeDown(news *fanfare.News, payload string) {
	what, list, ok := strings.Cut(payload, " ")
	if !ok {
		news.Renew = true
		return
	}
	raw, err := base64.RawStdEncoding.DecodeString(list)
	if err != nil {
		news.Missing = true
		return
	}
	for size := len(id{}); len(raw) >= 2*size; {
		l := fanfare.Lane{
			Application: fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, id(raw[:size]))),
			Endpoint:    fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, id(raw[size:2*size]))),
		}
		raw = raw[2*size:]
		switch what + " " {
		case newsMore:
			news.More = append(news.More, l)
		case newsNamed:
			var messages []fanfare.MessageID
			if messages, raw, ok = takeNames(raw); !ok {
				news.Missing = true
				return
			}
			news.Additions = append(news.Additions, fanfare.Addition{Lane: l, Messages: messages})
		default:
			news.Other = append(news.Other, l)
		}
	}
}

// takeNames reads how many messages follow, and these.
func takeNames(raw []byte) (messages []fanfare.MessageID, rest []byte, ok bool) {
	if len(raw) == 0 || len(raw) < 1+int(raw[0])*len(id{}) {
		return nil, nil, false
	}
	n, raw := int(raw[0]), raw[1:]
	for range n {
		messages = append(messages, fanfare.MessageID(fanfare.EncodeID(messagePrefix, id(raw[:len(id{})]))))
		raw = raw[len(id{}):]
	}
	return messages, raw, true
}
