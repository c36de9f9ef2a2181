package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

func jack(t testing.TB) nhs.NHSNumber {
	n, err := nhs.ParseNHSNumber("9912003888")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFactsComeBack(t *testing.T) {
	number := jack(t)
	rapid.Check(t, func(t *rapid.T) {
		patient := rapid.SampledFrom([]nhs.NHSNumber{{}, number}).Draw(t, "patient")
		var f subscription.Facts
		if rapid.Bool().Draw(t, "born") {
			f.BirthDate = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 3_652_058).Draw(t, "day")) // to the end of 9999
		}
		f.Registered = rapid.SampledFrom([]*bool{nil, new(true), new(false)}).Draw(t, "registered")
		for range rapid.IntRange(0, 5).Draw(t, "keys") {
			k := subscription.RouteKey{Kind: subscription.Kind(rapid.IntRange(1, 6).Draw(t, "kind")), Value: rapid.StringMatching(`[A-Z0-9]{1,12}`).Draw(t, "value")}
			if k.Kind == subscription.ByPatient && rapid.Bool().Draw(t, "own") && !patient.IsZero() {
				k.Value = patient.Digits()
			}
			f.Keys = append(f.Keys, k)
		}
		packed := store.PackFacts(&f, patient)
		if strings.Contains(string(packed), "9912003888") && !patient.IsZero() {
			t.Fatal("the patient's number is stored twice")
		}
		got, err := store.UnpackFacts(packed, patient)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, *got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzUnpackFacts(f *testing.F) {
	number := jack(f)
	f.Add(store.PackFacts(&subscription.Facts{Registered: new(true), BirthDate: time.Unix(0, 0), Keys: []subscription.RouteKey{
		{Kind: subscription.ByPatient, Value: "9912003888"}, {Kind: subscription.ByPractice, Value: "B86056"}}}, number))
	f.Add([]byte{1, 1})
	f.Add([]byte{1, 0, 2, 200})
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := store.UnpackFacts(b, number)
		if err != nil {
			if !errors.Is(err, store.ErrDamaged) {
				t.Error(err)
			}
			return
		}
		again, err := store.UnpackFacts(store.PackFacts(facts, number), number)
		if err != nil || !cmp.Equal(facts, again) {
			t.Errorf("%v came back as %v, %v", facts, again, err)
		}
	})
}
