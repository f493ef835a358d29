package bookshop

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare/examples/stage"
)

// Port is the usual one of the page.
const Port = 8093

// Actionable is how many of the polls find something, as Zapier counted in 2013:
// 460,000 of 30 million.
const Actionable = 460_000.0 / 30_000_000

// settings are what a run of the shop is like.
type settings struct {
	readers    int
	interval   time.Duration
	actionable float64
	length     time.Duration // with --once
}

// rate is how many books are published a second, so that so many of the polls find
// one: the books of each reader come by chance, as a Poisson process.
func (s *settings) rate() float64 {
	return -math.Log(1-s.actionable) / s.interval.Seconds() * float64(s.readers)
}

func (s *settings) check() error {
	switch {
	case s.readers < 1 || s.readers > 1000:
		return errors.New("--readers is a number from 1 to 1000")
	case s.interval < 10*time.Millisecond || s.interval > time.Hour:
		return errors.New("--interval is a time from 10ms to 1h")
	case !(s.actionable > 0 && s.actionable < 1):
		return errors.New("--actionable is a share, such as 0.015")
	case s.length < s.interval || s.length > time.Hour:
		return errors.New("--for is a time from one interval to 1h")
	case s.rate()*s.length.Seconds() > maxBooks:
		return fmt.Errorf("that comes to more than %d books; choose fewer readers, a longer interval or a shorter time", maxBooks)
	}
	return nil
}

// Demo is the shop, its readers, and the page.
func Demo() *stage.Program {
	set := &settings{}
	return &stage.Program{
		Name: "bookshop", Short: "Polling and webhooks side by side, with what each costs",
		Long: "Starts a bookshop and readers who wait for their books in two ways at once: they ask\n" +
			"for them again and again, and they are sent a webhook. A page counts the requests and\n" +
			"the bytes of both, and how late each is. Of a hundred polls 1.5 find a book, as Zapier\n" +
			"counted; the rest of the numbers is measured.",
		Flags: func(flags *flag.FlagSet) {
			flags.IntVar(&set.readers, "readers", 100, "how many readers there are")
			flags.DurationVar(&set.interval, "interval", time.Second, "how often each asks")
			flags.Float64Var(&set.actionable, "actionable", Actionable, "the share of the polls that find a book")
			flags.DurationVar(&set.length, "for", 30*time.Second, "with --once, how long books are published")
		},
		Check: set.check,
		Play:  func(ctx context.Context, s *stage.Stage) (fmt.Stringer, error) { return play(ctx, s, set) },
	}
}

func play(ctx context.Context, s *stage.Stage, set *settings) (fmt.Stringer, error) {
	front, err := s.Listen(Port)
	if err != nil {
		return nil, err
	}
	books, err := s.Listen(0)
	if err != nil {
		return nil, err
	}
	hooks, err := s.Listen(0)
	if err != nil {
		return nil, err
	}
	shop, secrets, err := NewShop(ctx, s.Hub, set.readers, stage.URL(hooks))
	if err != nil {
		return nil, err
	}
	readers, err := NewReaders(shop, stage.URL(books), secrets, set.interval)
	if err != nil {
		return nil, err
	}
	s.ServeOn(ctx, readers.webhooks.counted(hooks), readers)
	s.ServeOn(ctx, readers.polling.counted(books), shop)
	s.ServeOn(ctx, front, &Page{shop, readers})
	s.Go(ctx, readers.Poll)
	s.Say("The counters are at %s/\nBooks are at        %s/books/1", stage.URL(front), stage.URL(books))
	if s.Once {
		return once(ctx, shop, readers, set)
	}
	s.Go(ctx, func(ctx context.Context) error { return publish(ctx, shop, set) })
	s.UntilDone(ctx)
	return readers.Seen(), nil
}

// publish publishes books by chance until ctx ends.
func publish(ctx context.Context, shop *Shop, set *settings) error {
	for {
		select {
		case <-time.After(time.Duration(rand.ExpFloat64() / set.rate() * float64(time.Second))):
		case <-ctx.Done():
			return nil
		}
		if _, err := shop.Publish(ctx, rand.IntN(set.readers)); err != nil {
			return err
		}
	}
}

// once publishes as many books as the rate comes to, at moments and to readers of
// chance, which is the same each time, and waits until both ways have brought them.
func once(ctx context.Context, shop *Shop, readers *Readers, set *settings) (*Seen, error) {
	chance := rand.New(rand.NewPCG(66, 1))
	moments := make([]time.Duration, max(1, int(math.Round(set.rate()*set.length.Seconds()))))
	for i := range moments {
		moments[i] = time.Duration(chance.Float64() * float64(set.length))
	}
	slices.Sort(moments)
	begun := time.Now()
	for _, at := range moments {
		select {
		case <-time.After(time.Until(begun.Add(at))):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if _, err := shop.Publish(ctx, chance.IntN(set.readers)); err != nil {
			return nil, err
		}
	}
	late := time.After(time.Until(begun.Add(set.length)) + 30*time.Second + 20*set.interval)
	for over := time.After(time.Until(begun.Add(set.length))); over != nil || readers.polling.books() < len(moments) || readers.webhooks.books() < len(moments); {
		select {
		case <-readers.found:
		case <-over:
			over = nil
		case <-late:
			return nil, fmt.Errorf("of %d books %d came by polling and %d by webhooks", len(moments), readers.polling.books(), readers.webhooks.books())
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return readers.Seen(), nil
}
