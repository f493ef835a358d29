package postgres

import (
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

// id is an identifier as the database keeps it: a uuid. The zero one is nobody's.
type id = [16]byte

const (
	applicationPrefix = "app_"
	endpointPrefix    = "ep_"
	eventTypePrefix   = "evtype_"
	messagePrefix     = "msg_"
	attemptPrefix     = "atmpt_"
)

// parse gives the id that text stands for, and false where nothing has such a name.
func parse[T ~string](prefix string, text T) (id, bool) {
	return fanfare.DecodeID(prefix, string(text))
}

// endpointIDs are those of endpoints, without what no endpoint is called.
func endpointIDs(eps []fanfare.EndpointID) (all []id) {
	for _, ep := range eps {
		if raw, ok := parse(endpointPrefix, ep); ok {
			all = append(all, raw)
		}
	}
	return all
}

// optional is a text that is NULL where there is none.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	some := text
	return &some
}

// given is what optional wrote.
func given(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// some is a list that is NULL where it is empty.
func some(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// shards is how many the lanes are divided into.
const shards = 256

// shardOf is the shard of an endpoint's lane: the last byte of its id, which is
// drawn at random.
func shardOf(endpoint id) int16 { return int16(endpoint[len(endpoint)-1]) % shards }

// mustChange makes it an ErrNotFound that a statement has changed nothing.
func mustChange(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		err = fanfare.ErrNotFound
	}
	return err
}

// mustInsert makes it an ErrExists that a statement has inserted nothing.
func mustInsert(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		err = fanfare.ErrExists
	}
	return err
}

// idOf is an id that is NULL where there is none.
func idOf[T ~string](prefix string, name T) *id {
	if raw, ok := parse(prefix, name); ok {
		return &raw
	}
	return nil
}

// nameOf is what idOf was given.
func nameOf(prefix string, raw *id) string {
	if raw == nil {
		return ""
	}
	return fanfare.EncodeID(prefix, *raw)
}
