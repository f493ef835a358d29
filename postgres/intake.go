package postgres

import (
	"encoding/hex"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/stored"
)

// insertMessages stores messages, of which channels and tags come as JSON: an array
// of arrays must not be ragged. It leaves out those of applications that are gone.
const insertMessages = `
	INSERT INTO message (application, id, event_id, event_type, content_type, channels, tags, ordering_key,
		deliver_at, created_at, checksum, endpoints, payload, event_type_version)
	SELECT application, new.id, event_id, event_type, content_type,
		CASE WHEN channels IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(channels::json)) END,
		CASE WHEN tags IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(tags::json)) END,
		ordering_key, deliver_at, new.created_at, checksum, endpoints::uuid[], payload, event_type_version
	FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
		$9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::bytea[], $14::integer[])
		AS new (application, id, event_id, event_type, content_type, channels, tags, ordering_key,
			deliver_at, created_at, checksum, endpoints, payload, event_type_version)
	WHERE EXISTS (SELECT 1 FROM application WHERE application.id = new.application)`

// insertDeliveries leaves out those to endpoints that are not the application's.
const insertDeliveries = `
	INSERT INTO delivery (endpoint, message, shard, state, manual, attempts, rank, due_at, created_at, ordering_key)
	SELECT endpoint.id, message, shard, state, manual, attempts, rank, due_at, new.created_at, ordering_key
	FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::smallint[], $6::boolean[], $7::integer[],
		$8::bigint[], $9::bigint[], $10::bigint[], $11::text[])
		AS new (application, endpoint, message, shard, state, manual, attempts, rank, due_at, created_at, ordering_key)
	JOIN endpoint ON endpoint.id = new.endpoint AND endpoint.application = new.application`

// unlessThere leaves out, of an insert, what was stored before. That makes it dearer by a
// fourth, so it is only for what may have been.
const unlessThere = `
	ON CONFLICT DO NOTHING`

// store queues the statements that write down what is left; end is unlessThere where some
// of it may be there.
func (g *acceptance) store(batch *pgx.Batch, end string) {
	var m messages
	var ds deliveries
	g.each(func(call *intake, p *parcel) {
		m.add(call.app, p)
		if call.latest {
			return // replace has stored them
		}
		for i := range p.places {
			ds.add(call.app, p, i)
		}
	})
	if len(m.ids) > 0 {
		batch.Queue(insertMessages+end, m.args()...)
	}
	if len(ds.endpoints) > 0 {
		batch.Queue(insertDeliveries+end, ds.args()...)
	}
	g.keepKeys(batch)
}

// abroad is what was stored in lanes of other nodes. Where deliveries took the places of
// others the whole lane is told of, as those are in it no more.
func (g *acceptance) abroad() additions {
	all := make(additions)
	g.each(func(call *intake, p *parcel) {
		for _, ep := range p.endpoints {
			switch {
			case !g.member.elsewhere(ep):
			case call.latest:
				all.add(route{call.app, ep}, nil)
			default:
				all.add(route{call.app, ep}, []id{p.id})
			}
		}
	})
	return all
}

// messages are the columns of some.
type messages struct {
	apps, ids                                    []id
	eventIDs, contentTypes, channels, tags, keys []*string
	eventTypes, endpoints                        []string
	deliverAt, createdAt, checksums              []int64
	payloads                                     [][]byte
	versions                                     []int32
}

func (m *messages) add(app id, p *parcel) {
	msg := p.Message
	m.apps, m.ids = append(m.apps, app), append(m.ids, p.id)
	m.eventIDs, m.eventTypes = append(m.eventIDs, optional(msg.EventID)), append(m.eventTypes, msg.EventType)
	m.contentTypes, m.keys = append(m.contentTypes, optional(msg.ContentType)), append(m.keys, optional(msg.OrderingKey))
	m.channels, m.tags = append(m.channels, jsonList(msg.Channels)), append(m.tags, jsonList(msg.Tags))
	m.deliverAt, m.createdAt = append(m.deliverAt, stored.Micros(msg.DeliverAt)), append(m.createdAt, stored.Micros(msg.CreatedAt))
	m.checksums = append(m.checksums, int64(p.checksum))
	m.endpoints = append(m.endpoints, uuidArray(p.endpoints))
	payload := msg.Payload
	if payload == nil {
		payload = []byte{} // NULL says that it was removed
	}
	m.payloads = append(m.payloads, payload)
	m.versions = append(m.versions, int32(msg.EventTypeVersion))
}

func (m *messages) args() []any {
	return []any{m.apps, m.ids, m.eventIDs, m.eventTypes, m.contentTypes, m.channels, m.tags, m.keys,
		m.deliverAt, m.createdAt, m.checksums, m.endpoints, m.payloads, m.versions}
}

// deliveries are the columns of some.
type deliveries struct {
	apps                  []id // of the messages
	endpoints, messages   []id
	shards, states        []int16
	manual                []bool
	attempts              []int32
	ranks, due, createdAt []int64
	keys                  []*string
}

func (ds *deliveries) add(app id, p *parcel, i int) {
	d := &p.Deliveries[p.places[i]]
	ep := p.endpoints[i]
	ds.apps, ds.endpoints, ds.messages = append(ds.apps, app), append(ds.endpoints, ep), append(ds.messages, p.id)
	ds.shards, ds.states = append(ds.shards, shardOf(ep)), append(ds.states, int16(d.State))
	ds.manual, ds.attempts = append(ds.manual, d.Manual), append(ds.attempts, int32(d.Attempts))
	ds.ranks, ds.due = append(ds.ranks, d.Rank), append(ds.due, stored.Micros(d.Due))
	ds.createdAt = append(ds.createdAt, stored.Micros(p.Message.CreatedAt))
	ds.keys = append(ds.keys, optional(d.OrderingKey))
}

func (ds *deliveries) args() []any {
	return []any{ds.apps, ds.endpoints, ds.messages, ds.shards, ds.states, ds.manual, ds.attempts, ds.ranks, ds.due, ds.createdAt, ds.keys}
}

// jsonList writes a list as JSON; NULL if it is empty.
func jsonList(list []string) *string {
	if len(list) == 0 {
		return nil
	}
	text, _ := json.Marshal(list) // strings always can be
	return optional(string(text))
}

// uuidArray writes ids as PostgreSQL writes an array of them: arrays within an array
// would all have to be as long.
func uuidArray(ids []id) string {
	b := make([]byte, 0, 2+len(ids)*(2*len(id{})+1))
	b = append(b, '{')
	for i, raw := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = hex.AppendEncode(b, raw[:])
	}
	return string(append(b, '}'))
}
