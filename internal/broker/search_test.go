package broker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/store"
	"nems/internal/subscription"
)

// shelf holds the subscriptions of one owner.
type shelf struct {
	broker.Journal
	all []subscription.Subscription
}

func (s shelf) Subscriptions(_ context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error) {
	return s.all[:min(len(s.all), q.Max)], nil
}

// TestPagesAreBoundedInBytes: a page of large subscriptions has fewer of them,
// and says that more follow.
func TestPagesAreBoundedInBytes(t *testing.T) {
	for _, c := range []struct {
		reason, found int
		more          bool
	}{{10, 400, false}, {4 << 10, 256, true}, {2 << 20, 1, true}} {
		var s shelf
		for i := range 400 {
			s.all = append(s.all, subscription.Subscription{
				ID: subscription.NewID(time.UnixMilli(int64(i))), Reason: strings.Repeat("a", c.reason),
			})
		}
		b := broker.New(broker.Config{Journal: s})
		found, err := b.Search(t.Context(), access.Caller{ODS: "RR8", Claimed: true}, store.SubscriptionQuery{Max: 500})
		if err != nil || len(found.Subscriptions) != c.found || found.More != c.more {
			t.Errorf("reasons of %d bytes: %d subscriptions, more %v, %v", c.reason, len(found.Subscriptions), found.More, err)
		}
	}
}
