package scenario

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestHappeningsSurviveJSON(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	mother := Patient{NHSNumber: "9990010012", Family: "O'Hara", Given: []string{"Zoë"}}
	deeds := append(Deeds(),
		Born{Mother: &mother, Time: at, Order: 1, Births: 1, WeightGrams: 3400, GestationWeeks: 40},
		Vaccinated{Record: Record{ID: "x", Kind: "new"}, Vaccine: "MMRV", Dose: 1, NotGiven: true, Reason: Code{"1", "no consent"}},
		Moved{To: Address{Lines: []string{"1 New Street"}, Postcode: "LS1 4AP"}},
	)
	names := map[string]bool{}
	for i, d := range deeds {
		h := Happening{Sequence: i + 1, ID: "id", At: at, Line: 3, Column: 5, Patient: mother, Deed: d}
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var got Happening
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(h, got, cmpopts.IgnoreUnexported(Added{}, Born{}, Died{}, DeathRemoved{}, Moved{}, Registered{}, Deregistered{}, Renamed{}, TelecomChanged{},
			Corrected{}, Flagged{}, Invalidated{}, Merged{}, Vaccinated{}, Contact{}, BloodSpot{}, NewbornHearing{}, NIPE{})); diff != "" {
			t.Errorf("%s: %s", d.Name(), diff)
		}
		names[d.Name()] = true
	}
	if len(names) != len(Deeds()) {
		t.Errorf("%d names for %d deeds", len(names), len(Deeds()))
	}
	for _, text := range []string{`{"deed":"sneezed","detail":{}}`, `{"deed":"moved","detail":[]}`, `{"sequence":"one"}`} {
		var h Happening
		if err := json.Unmarshal([]byte(text), &h); err == nil {
			t.Errorf("%s was read", text)
		}
	}
	if _, err := json.Marshal(Happening{}); err == nil {
		t.Error("a happening without a deed was written")
	}
}
