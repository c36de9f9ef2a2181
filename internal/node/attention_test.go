package node_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
)

// TestAttention: what needs a person is told, each kind with the page that shows it, and
// goes when it was seen to.
func TestAttention(t *testing.T) {
	s := nodetest.Boot(t, func(c *node.Config) { c.Activation = "manual" })
	desk, ctx := operatorOf(t, s), t.Context()
	kinds := func() (out []operator.ConcernKind) {
		found, err := operator.ShowAttention.Do(ctx, desk, operator.None{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range found.Concerns {
			if c.Text == "" || c.Page == "" {
				t.Errorf("%s says %q and leads to %q", c.Kind, c.Text, c.Page)
			}
			out = append(out, c.Kind)
		}
		return out
	}
	if found := kinds(); len(found) > 0 {
		t.Errorf("a new service: %v", found)
	}
	id := s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	if found := kinds(); !slices.Equal(found, []operator.ConcernKind{operator.ConcernApproval}) {
		t.Errorf("a subscription waits: %v", found)
	}
	if err := operator.ApproveSubscriptions.Run(ctx, desk, []string{id}); err != nil {
		t.Fatal(err)
	}
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	if found := kinds(); len(found) > 0 {
		t.Errorf("all is well: %v", found)
	}
	s.Clock.Set(s.Clock.Now().Add(30 * time.Hour))
	if found := kinds(); !slices.Equal(found, []operator.ConcernKind{operator.ConcernBacklog}) {
		t.Errorf("nobody collects: %v", found)
	}
	waiting, err := operator.FindDeliveries.Do(ctx, desk, operator.Matching(operator.DeliveryFilter{State: store.Waiting}))
	if err != nil || len(waiting.Items) != 1 {
		t.Fatalf("%d copies wait, %v", len(waiting.Items), err)
	}
	if _, err := operator.MoveDeliveries.Do(ctx, desk, operator.Moving{Move: operator.Park, IDs: []string{waiting.Items[0].ID}}); err != nil {
		t.Fatal(err)
	}
	if found := kinds(); !slices.Equal(found, []operator.ConcernKind{operator.ConcernParked}) {
		t.Errorf("a copy is parked: %v", found)
	}
}

// TestLookUps asks the directory for what the development world has.
func TestLookUps(t *testing.T) {
	s := nodetest.Boot(t)
	desk, ctx := operatorOf(t, s), t.Context()
	practice, err := operator.LookUpOrganisation.Do(ctx, desk, operator.OrganisationRef{Code: "b86056"})
	if err != nil || !practice.Practice || practice.SubICB != "02V" || practice.SubICBName == "" {
		t.Errorf("a practice: %+v, %v", practice, err)
	}
	places, err := operator.LookUpPostcode.Do(ctx, desk, operator.PostcodeQuestion{Postcode: "ls177df"})
	if err != nil || places.SubICB != "15F" || places.LocalAuthority != "E08000035" || places.Country != "E92000001" {
		t.Errorf("a postcode: %+v, %v", places, err)
	}
	jack, err := operator.LookUpPatient.Do(ctx, desk, operator.PatientQuestion{Patient: nodetest.Jack, Reason: "a test"})
	if err != nil || jack.Family != "DAWKINS" || jack.GP != "B86056" || jack.Places.SubICB != "15F" || jack.BirthDate != "2017-10-02" {
		t.Errorf("a patient: %+v, %v", jack, err)
	}
	story := storyOf(t, desk, nodetest.Jack)
	if !slices.ContainsFunc(story, func(e operator.StoryEntry) bool { return e.Reason == "a test" }) {
		s.Eventually("the story has the look-up", func() bool {
			return slices.ContainsFunc(storyOf(t, desk, nodetest.Jack), func(e operator.StoryEntry) bool { return e.Reason == "a test" })
		})
	}
	for name, ask := range map[string]func() error{
		"an organisation": func() error {
			return operator.LookUpOrganisation.Run(ctx, desk, operator.OrganisationRef{Code: "Z99999"})
		},
		"a postcode": func() error {
			return operator.LookUpPostcode.Run(ctx, desk, operator.PostcodeQuestion{Postcode: "ZZ1 1ZZ"})
		},
		"a patient": func() error {
			return operator.LookUpPatient.Run(ctx, desk, operator.PatientQuestion{Patient: "9990000018", Reason: "a test"})
		},
	} {
		if err := ask(); !errors.Is(err, operator.NotFound) {
			t.Errorf("%s that is not there: %v", name, err)
		}
	}
}
