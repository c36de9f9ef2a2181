package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/internal/store"
	"nems/internal/subscription"
)

func drawID(t *rapid.T) subscription.ID {
	return subscription.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
}

func TestCandidateComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := subscription.Candidate{
			Mailbox: rapid.Int64Range(1, 1<<62).Draw(t, "mailbox"),
			Key: subscription.RouteKey{Kind: subscription.Kind(rapid.IntRange(1, 6).Draw(t, "kind")),
				Value: rapid.StringMatching(`[A-Z0-9]{1,12}`).Draw(t, "value")},
			Registration: subscription.Registration(rapid.IntRange(0, 2).Draw(t, "registration")),
			Status:       rapid.SampledFrom([]subscription.Status{subscription.Requested, subscription.Active, subscription.Off}).Draw(t, "status"),
			Tag:          rapid.StringMatching(`[A-Za-z0-9|,_-]{0,100}`).Draw(t, "tag"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "ages") {
			c.Ages = append(c.Ages, subscription.Age{Op: subscription.AgeOp(rapid.IntRange(1, 5).Draw(t, "op")), Years: rapid.IntRange(0, 999).Draw(t, "years")})
		}
		if rapid.Bool().Draw(t, "ends") {
			c.End = time.UnixMicro(rapid.Int64Range(1, 1<<52).Draw(t, "end")).UTC()
		}
		var got subscription.Candidate
		if err := store.UnpackCandidate(store.PackCandidate(c), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzUnpackCandidate(f *testing.F) {
	f.Add(store.PackCandidate(subscription.Candidate{Mailbox: 7, Key: subscription.RouteKey{Kind: subscription.ByPatient, Value: "9912003888"},
		Status: subscription.Active, Ages: []subscription.Age{{Op: subscription.Less, Years: 5}}, Tag: "a"}))
	f.Add([]byte{1, 2, 0, 0, 1, 0, 200})
	f.Fuzz(func(t *testing.T, b []byte) {
		var c, again subscription.Candidate
		if store.UnpackCandidate(b, &c) != nil {
			return
		}
		if err := store.UnpackCandidate(store.PackCandidate(c), &again); err != nil || !cmp.Equal(c, again) {
			t.Errorf("%+v comes back as %+v: %v", c, again, err)
		}
	})
}

func TestCopiesComeBackInSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var copies []subscription.Copy
		for range rapid.IntRange(0, 30).Draw(t, "copies") {
			c := subscription.Copy{Mailbox: rapid.Int64Range(1, 1<<40).Draw(t, "mailbox"), PartnerID: rapid.StringMatching(`[a-z|~]{0,300}`).Draw(t, "partner")}
			for range rapid.IntRange(0, 3).Draw(t, "subscriptions") {
				c.Subscriptions = append(c.Subscriptions, drawID(t))
			}
			copies = append(copies, c)
		}
		b, step := store.PackCopies(copies), rapid.IntRange(1, 7).Draw(t, "step")
		var got []subscription.Copy
		for offset := 0; offset < len(b); {
			part, next, err := store.UnpackCopies(b, offset, step)
			if err != nil || len(part) > step || next <= offset {
				t.Fatalf("%d copies from %d to %d: %v", len(part), offset, next, err)
			}
			got, offset = append(got, part...), next
		}
		if diff := cmp.Diff(copies, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzUnpackCopies(f *testing.F) {
	f.Add(store.PackCopies([]subscription.Copy{{Mailbox: 3, Subscriptions: []subscription.ID{{1}}, PartnerID: "x|y"}}), 0)
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 1)
	f.Fuzz(func(t *testing.T, b []byte, offset int) {
		copies, next, err := store.UnpackCopies(b, offset, 5)
		if err == nil && (len(copies) > 5 || next > len(b)) {
			t.Errorf("%d copies up to %d of %d", len(copies), next, len(b))
		}
	})
}
