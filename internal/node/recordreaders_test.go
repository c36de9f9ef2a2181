package node_test

import (
	"context"
	"encoding/xml"
	"strings"
	"testing"

	"nems/internal/demographics"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
	"nems/receiver"
)

// gpChange is a change of GP as a processor of suspensions reads it, with the rules of
// nhsconnect/prm-repo-nems-event-processor: a Patient without generalPractitioner and a
// finished EpisodeOfCare is a suspension; with a practice and without a finished
// EpisodeOfCare a registration; with both a transfer.
type gpChange struct {
	Entries []struct {
		Resource struct {
			Patient *struct {
				GP []struct{} `xml:"generalPractitioner"`
			}
			Episode *struct {
				Status struct {
					Value string `xml:"value,attr"`
				} `xml:"status"`
			} `xml:"EpisodeOfCare"`
		} `xml:"resource"`
	} `xml:"entry"`
}

func (g gpChange) says() string {
	practice, finished := false, false
	for _, e := range g.Entries {
		if p := e.Resource.Patient; p != nil {
			practice = practice || len(p.GP) > 0
		}
		finished = finished || e.Resource.Episode != nil && e.Resource.Episode.Status.Value == "finished"
	}
	switch {
	case practice && finished:
		return "transfer"
	case finished:
		return "suspension"
	case practice:
		return "registration"
	}
	return "nothing"
}

// Receivers understand every change of GP that a record makes: the public receiver
// puts them in order, and a processor of suspensions sees what happened.
func TestReceiversUnderstandRecords(t *testing.T) {
	r := newRegistrar(t, "")
	const patient = "9990000107"
	r.Subscribe(r.Leeds(), about(patient)+"&MessageHeader.event="+gp, leeds)
	var want []string
	for range 3 {
		for _, step := range []struct {
			edit demographics.Edit
			says string
		}{
			{demographics.Edit{Practice: "B86056"}, "registration"}, {demographics.Edit{Practice: "E82025"}, "transfer"}, {demographics.Edit{Left: true}, "suspension"},
		} {
			r.change(operator.RecordChange{Patient: patient, Edit: step.edit})
			want = append(want, step.says)
		}
	}
	var got []string
	var orders []receiver.Order
	memory, err := receiver.OpenMemory("", receiver.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	reader, err := receiver.New(receiver.Config{
		URL: r.URL, Mailbox: leeds, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: r.HTTP, Memory: memory, Now: r.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.Collect(t.Context(), func(_ context.Context, m receiver.Message) error {
		if m.Problem != nil {
			t.Errorf("%s: %v", m.Facts.Code, m.Problem)
		}
		var change gpChange
		if err := xml.Unmarshal(m.Body, &change); err != nil {
			t.Error(err)
		}
		got, orders = append(got, change.says()), append(orders, m.Order)
		return nil
	})
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("read as %v, %v; expected %v", got, err, want)
	}
	for i, o := range orders {
		if o == receiver.Stale || o == receiver.Unordered || i > 0 && o == receiver.First {
			t.Errorf("message %d of %d has the order %s", i, len(orders), o)
		}
	}
}
