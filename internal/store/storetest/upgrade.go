package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"nems/internal/store"
	"nems/internal/subscription"
)

// Earlier is a subscription as a version of the stores filed it that knew
// nothing of classes.
type Earlier struct {
	subscription.Subscription
	Hash      int64
	Box       int64 // row of the mailbox, from 1 on
	Packed    []byte
	candidate subscription.Candidate
}

// EarlierSubscriptions are subscriptions with every kind of filter, each of a
// mailbox of its own.
func EarlierSubscriptions(tb testing.TB) []Earlier {
	tb.Helper()
	var out []Earlier
	for i, filters := range []string{
		"", "&Patient.age=lt14", "&Patient.age=40", "&Patient.age=ge18&Patient.age=le64", "&Patient.age=gt60&GPRegistration=RegisteredOnly",
		"&GPRegistration=RegisteredOnly", "&GPRegistration=UnregisteredOnly", "&Patient.age=ge0",
	} {
		for _, status := range []subscription.Status{subscription.Active, subscription.Requested} {
			s := Subscribing(tb, epoch, fmt.Sprintf("EARLIER%d%s", i, status), ofRule("COUNTRYCODE", england.Value, vaccination)+filters+"&tag=x")
			s.Status = status
			e := Earlier{Subscription: s, Hash: s.Criteria.Key().Hash(), Box: int64(len(out) + 1)}
			e.Packed = store.RouteCandidate(&s, e.Box)
			if err := store.UnpackCandidate(e.Packed, &e.candidate); err != nil {
				tb.Fatal(err)
			}
			e.candidate.ID = s.ID
			out = append(out, e)
		}
	}
	return out
}

// WantMatched publishes about patients of all ages and compares who gets a copy
// with what Match says of subscriptions.
func WantMatched(tb testing.TB, db interface {
	NextPosition() store.EventID
	AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error)
	Message(ctx context.Context, mailbox int64, position store.EventID) (store.Message, error)
}, all []Earlier) {
	tb.Helper()
	var candidates []subscription.Candidate
	for _, e := range all {
		e.candidate.Status = e.Status
		candidates = append(candidates, e.candidate)
	}
	yes, no := true, false
	for _, registered := range []*bool{nil, &yes, &no} {
		for _, age := range []int{-1, 0, 13, 14, 17, 18, 40, 60, 61, 64, 65, 90} {
			a := EventAbout(db.NextPosition(), jack, store.Compress(message(1), sha256.Sum256(message(1))))
			a.Facts.Keys, a.Facts.Registered = append(a.Facts.Keys, england), registered
			if age >= 0 {
				a.Facts.BirthDate = a.Facts.At.AddDate(-age, 0, -3)
			}
			want := subscription.Match(candidates, a.Facts)
			r, err := db.AcceptEvent(tb.Context(), a)
			if err != nil || r.Copies != len(want) {
				tb.Errorf("aged %d: expected %d copies; received %d, %v", age, len(want), r.Copies, err)
			}
			for _, c := range want {
				if m, err := db.Message(tb.Context(), c.Mailbox, a.Event); err != nil || m.PartnerID != c.PartnerID {
					tb.Errorf("aged %d: no copy for mailbox %d: %v", age, c.Mailbox, err)
				}
			}
		}
	}
}
