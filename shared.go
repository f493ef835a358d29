package fanfare

import (
	"context"
	"errors"
	"time"
)

const (
	// Shards is how many the lanes are divided into: an endpoint's is one of 0 to
	// Shards-1.
	Shards = 256
	// Chores is the shard without lanes. Its owner does what one node does for all:
	// it prunes, and carries out tasks.
	Chores = Shards
)

// ErrFenced says that a node's lease has run out, so that others may have its
// shards: nothing of the call was stored, and nothing will be that the node writes
// of deliveries.
var ErrFenced = errors.New("the node's lease has run out")

// An OvertakenError says that messages were not accepted because those who poll may have
// read past where they would stand: whoever made their identifiers has been out of touch
// since, or goes by a clock that is late. Nothing of the call was stored. With newer
// identifiers it may be.
type OvertakenError struct {
	Horizon uint64 // see Lease; identifiers behind it are new enough
}

func (*OvertakenError) Error() string {
	return "it took so long to accept messages that others have read past them"
}

// A Node is a Hub among those that work on one store.
type Node struct {
	ID        string
	Name      string // for people, such as the machine's
	StartedAt time.Time
	ExpiresAt time.Time // its lease does, by the store's clock
	Shards    int       // that it holds
}

// A Lease is what a node holds.
type Lease struct {
	Until  time.Time // by this machine's clock; what is held may be others' afterwards
	Shards []int

	// Horizon is up to where nothing comes any more, from whichever node or program: about
	// the least that those of the living nodes were when they last renewed.
	Horizon uint64

	// Skew is what is to be added to this machine's clock for the store's.
	Skew time.Duration

	// Excess is how many shards the node is to give up, as others have fewer.
	Excess int

	// Changed are the applications of which something was changed since the last
	// Renew, by whichever node; "" for what belongs to none, such as event types.
	Changed []ApplicationID
}

// News is what other nodes have told.
type News struct {
	Additions []Addition
	More      []Lane // have deliveries more than before
	Other     []Lane // have other deliveries: some may have been cancelled
	Renew     bool   // it is time for another Renew
	Missing   bool   // there may have been more
}

// An Addition is what a lane has more than before: deliveries of these messages.
type Addition struct {
	Lane
	Messages []MessageID
}

// A Shared store is one that several Hubs work on at once, each a node in a process
// of its own. The lanes of an endpoint's shard run on the node that holds it, and
// what a node writes of deliveries is refused once its lease has run out. Accept fails
// with an *[OvertakenError] for messages that are not behind the horizon any more. One
// goroutine calls Join, Renew, GiveUp and Leave.
type Shared interface {
	Store

	// Join makes the caller a node, which holds nothing yet.
	Join(ctx context.Context, name string) error
	// Renew extends the node's lease, takes its share of what nobody holds unless it is
	// not to, and returns what it has. What the node accepts from now on comes behind its
	// horizon. ErrFenced: it is no node any more, and may join again.
	Renew(ctx context.Context, horizon uint64, take bool) (*Lease, error)
	// GiveUp lets go of shards. Nothing of their lanes may be under way any more.
	GiveUp(ctx context.Context, shards []int) error
	// Leave gives up all there is; the caller is no node any more.
	Leave(ctx context.Context) error
	// Nodes lists the nodes whose lease has not run out, by age. Anyone may call it.
	Nodes(ctx context.Context) ([]*Node, error)

	// Tell has other nodes hear that lanes have other deliveries. Accept tells by
	// itself of more in lanes whose shards the caller does not hold.
	Tell(ctx context.Context, lanes []Lane) error
	// TellMore has them hear, soon, that lanes have more. Who runs a lane and does not
	// hear of it finds out by itself.
	TellMore(some []Addition)
	// Hear returns when there is news. What is told can be lost: all of it is found
	// in the store too.
	Hear(ctx context.Context) (*News, error)

	// Added returns those of the deliveries that wait, and the messages of all of them
	// that are there.
	Added(ctx context.Context, some []Addition) ([]*Delivery, []*Message, error)

	// LanesOf is Lanes, of some shards.
	LanesOf(ctx context.Context, shards []int) ([]Lane, error)
	// ShardOf is the shard of an endpoint.
	ShardOf(id EndpointID) int
}

// Nodes lists the Hubs that work on the store, by age; none if it is no [Shared]
// one.
func (h *Hub) Nodes(ctx context.Context) ([]*Node, error) {
	shared, ok := h.store.(Shared)
	if !ok {
		return nil, nil
	}
	return shared.Nodes(ctx)
}
