package subscription_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"nems/internal/subscription"
)

// Whatever the filters and the patient, a matching subscription is found under
// exactly one class, and none is found that its filters exclude.
func TestClassesFindWhatMatches(t *testing.T) {
	key := subscription.RouteKey{Kind: subscription.ByCountry, Value: "E92000001"}
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	yes, no := true, false
	var facts []subscription.Facts
	for _, registered := range []*bool{nil, &yes, &no} {
		facts = append(facts, subscription.Facts{Keys: []subscription.RouteKey{key}, Registered: registered, At: at})
		for age := range 140 {
			facts = append(facts, subscription.Facts{Keys: []subscription.RouteKey{key}, Registered: registered, At: at, BirthDate: at.AddDate(-age, -1, 0)})
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		c := subscription.Candidate{Key: key, Status: subscription.Active, Registration: subscription.Registration(random.IntN(3))}
		for range random.IntN(3) {
			c.Ages = append(c.Ages, subscription.Age{Op: subscription.AgeOp(1 + random.IntN(5)), Years: random.IntN([]int{140, 1000}[random.IntN(2)])})
		}
		filed := subscription.Classes(c.Ages, c.Registration)
		if len(filed) > 14 {
			t.Fatalf("%v: %d classes", c.Ages, len(filed))
		}
		for i := range facts {
			f := &facts[i]
			asked := f.Classes()
			if !slices.IsSorted(asked) {
				t.Fatalf("not in order: %v", asked)
			}
			found := 0
			for _, class := range filed {
				if slices.Contains(asked, class) {
					found++
				}
			}
			want := len(subscription.Match([]subscription.Candidate{c}, *f))
			if found != want {
				t.Fatalf("%v, registration %d, born %s: expected to be found %d times; received %d", c.Ages, c.Registration, f.BirthDate, want, found)
			}
		}
	}
}

// The classes of stored rows must never change.
func TestClassesDoNotChange(t *testing.T) {
	for name, c := range map[string]struct {
		ages []subscription.Age
		r    subscription.Registration
		want []subscription.Class
	}{
		"no filter":  {nil, subscription.AnyRegistration, []subscription.Class{0}},
		"registered": {nil, subscription.RegisteredOnly, []subscription.Class{1}},
		"lt14":       {[]subscription.Age{{Op: subscription.Less, Years: 14}}, subscription.AnyRegistration, []subscription.Class{32 << 2, 66 << 2, 134 << 2}},
		"any age":    {[]subscription.Age{{Op: subscription.GreaterOrEqual}}, subscription.UnregisteredOnly, []subscription.Class{1<<2 | 2}},
		"beyond":     {[]subscription.Age{{Op: subscription.Greater, Years: 900}}, subscription.AnyRegistration, []subscription.Class{511 << 2}},
	} {
		if got := subscription.Classes(c.ages, c.r); !slices.Equal(got, c.want) {
			t.Errorf("%s: expected %v; received %v", name, c.want, got)
		}
	}
}
