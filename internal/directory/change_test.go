package directory_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// changes draws changes of one patient with distinct versions. Each carries some
// parts of the record.
func changes(t *rapid.T) []directory.Change {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	versions := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) directory.Version {
		return directory.Version{LastUpdated: at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minute")) * time.Minute), SCN: rapid.Int64Range(0, 3).Draw(t, "SCN")}
	}), 1, 8, rapid.ID[directory.Version]).Draw(t, "versions")
	var all []directory.Change
	for _, v := range versions {
		c := directory.Change{At: v}
		if rapid.Bool().Draw(t, "name") {
			c.Family, c.Given = rapid.StringN(1, 4, -1).Draw(t, "family"), []string{"Given"}
		}
		if rapid.Bool().Draw(t, "birth") {
			c.BirthDate = at.AddDate(0, 0, -rapid.IntRange(1, 9).Draw(t, "days"))
		}
		c.Postcode = rapid.SampledFrom([]string{"", "LS17 7DF", "EX2 5SE"}).Draw(t, "postcode")
		c.GP = nhs.ODSCode(rapid.SampledFrom([]string{"", "B86056", "E82025"}).Draw(t, "GP"))
		c.Left = c.GP == "" && rapid.Bool().Draw(t, "left")
		all = append(all, c)
	}
	return all
}

// state is a record after some changes.
type state struct {
	Patient  directory.Patient
	Versions directory.Versions
}

func (s *state) apply(all []directory.Change) (changed int) {
	for _, c := range all {
		if c.Apply(&s.Patient, &s.Versions) {
			changed++
		}
	}
	return changed
}

// In whatever order changes arrive, and however often, each part of the record
// ends as its newest version. A repeated change changes nothing.
func TestChangesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := changes(t)
		var inOrder, shuffled state
		sorted := slices.SortedFunc(slices.Values(all), func(a, b directory.Change) int { return a.At.Compare(b.At) })
		inOrder.apply(sorted)
		shuffled.apply(rapid.Permutation(all).Draw(t, "arrival"))
		unexported := gocmp.Comparer(func(a, b nhs.NHSNumber) bool { return a == b })
		if diff := gocmp.Diff(inOrder, shuffled, unexported); diff != "" {
			t.Fatalf("in order (-) and as they came (+):\n%s", diff)
		}
		if n := shuffled.apply(all); n > 0 {
			t.Fatalf("%d changes counted again", n)
		}
	})
}

func TestVersionsCompare(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ascending := []directory.Version{{}, {SCN: 9}, {LastUpdated: at}, {LastUpdated: at, SCN: 7}, {LastUpdated: at, SCN: 10}, {LastUpdated: at.Add(time.Second)}}
	for i, v := range ascending {
		for j, w := range ascending {
			if got := v.Compare(w); got != cmp.Compare(i, j) {
				t.Errorf("%v and %v: %d", v, w, got)
			}
		}
	}
}

// A superseded number keeps leading to the same record.
func TestSupersededIsLeftAlone(t *testing.T) {
	was := directory.Patient{SupersededBy: number(t, "9912003888")}
	p, known := was, directory.Versions{}
	if (directory.Change{At: directory.Version{SCN: 1}, GP: "B86056"}).Apply(&p, &known) || p.GP != "" || known != (directory.Versions{}) {
		t.Errorf("changed to %+v", p)
	}
}
