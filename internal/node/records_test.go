package node_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// registrar changes records at a server's desk and reads what a mailbox gets of it.
type registrar struct {
	*testing.T
	*nodetest.Server
	desk operator.Face
}

func newRegistrar(t *testing.T, database string) registrar {
	t.Helper()
	s := nodetest.Boot(t, func(c *node.Config) { c.Database = database })
	access, err := operator.ReadAccess(s.Config.Data)
	if err != nil {
		t.Fatal(err)
	}
	return registrar{t, s, &operator.Client{Access: access, User: "tester", HTTP: s.HTTP}}
}

func (r registrar) change(q operator.RecordChange) operator.RecordChanged {
	r.T.Helper()
	done, err := operator.ChangeRecord.Do(r.Context(), r.desk, q)
	if err != nil {
		r.T.Fatal(err)
	}
	return done
}

var eventCode = regexp.MustCompile(`<event>.*?<code value="([^"]*)"/>`)

// collected returns the codes of what the mailbox has got, in its order, and the
// messages.
func (r registrar) collected() (codes []string, bodies []string) {
	r.T.Helper()
	for _, c := range r.Collect(leeds) {
		bodies = append(bodies, string(c.Body))
		codes = append(codes, eventCode.FindStringSubmatch(string(c.Body))[1])
	}
	return codes, bodies
}

func (r registrar) wants(why string, codes ...string) (bodies []string) {
	r.T.Helper()
	got, bodies := r.collected()
	if !slices.Equal(got, codes) {
		r.Errorf("%s: the mailbox got %v; expected %v", why, got, codes)
	}
	return bodies
}

var scn = regexp.MustCompile(`<Patient[^>]*>.*?<versionId value="([^"]*)"/>`)

// TestRecordsTellSubscribers follows changes of records into a mailbox, on each kind of
// database.
func TestRecordsTellSubscribers(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			r := newRegistrar(t, database(t))
			jack := nodetest.Jack
			r.Subscribe(r.Leeds(), about(nodetest.Jack)+vaccinations+"&MessageHeader.event="+strings.Join([]string{gp, address, record, "pds-death-notification-1"}, "&MessageHeader.event="), leeds)

			moved := operator.RecordChange{Patient: jack, Edit: demographics.Edit{Postcode: "EX2 5SE", Lines: []string{"1 Hill Road"}, Practice: "E82025"}, Request: "7b5f5a0e-7a34-4a0e-9f0e-1c5f3a0f7d11"}
			first := r.change(moved)
			bodies := r.wants("a move", gp, address, record)
			for _, b := range bodies {
				if got := scn.FindStringSubmatch(b); len(got) == 0 || got[1] != "2" {
					t.Errorf("the SCN of a message is %v; expected 2", got)
				}
			}
			if again := r.change(moved); !again.Repeated || again.Events[0].MessageID != first.Events[0].MessageID {
				t.Errorf("the same request again: %+v", again)
			}
			r.wants("the same request again")
			if _, err := operator.ChangeRecord.Do(t.Context(), r.desk, operator.RecordChange{Patient: jack, Version: 1, Edit: demographics.Edit{Family: "X"}}); err == nil || !strings.Contains(err.Error(), "version") {
				t.Errorf("an old version: %v", err)
			}

			r.change(operator.RecordChange{Patient: jack, Edit: demographics.Edit{Sensitive: new(true)}})
			r.change(operator.RecordChange{Patient: jack, Edit: demographics.Edit{Left: true}})
			r.wants("flagged")
			r.change(operator.RecordChange{Patient: jack, Edit: demographics.Edit{Sensitive: new(false)}})
			r.wants("the flag is removed", record)

			r.change(operator.RecordChange{Patient: jack, Edit: demographics.Edit{Death: demographics.FormalDeath, DeathAt: "2026-03-01"}})
			r.wants("died", "pds-death-notification-1", record)

			r.change(operator.RecordChange{Patient: jack, Edit: demographics.Edit{SupersededBy: "9990000204"}})
			if bodies := r.wants("superseded", record); len(bodies) == 1 && (!strings.Contains(bodies[0], jack) || strings.Contains(bodies[0], "9990000204")) {
				t.Error("the record change is not about the superseded number alone")
			}
		})
	}
}

// The directory knows a new patient at once, so that the next publisher is not told
// that there is none.
func TestNewPatientIsKnownAtOnce(t *testing.T) {
	r := newRegistrar(t, "")
	r.Subscribe(r.Leeds(), about("9990000204")+"&MessageHeader.event=pds-birth-notification-1", leeds)
	born, err := operator.NotifyBirth.Do(t.Context(), r.desk, operator.BirthToNotify{Patient: "9990009996", Birth: demographics.Birth{Mother: "9990000204"}})
	if err != nil {
		t.Fatal(err)
	}
	r.wants("a birth", "pds-birth-notification-1")
	number, err := nhs.ParseNHSNumber(born.Patient)
	if err != nil {
		t.Fatal(err)
	}
	r.Subscribe(r.Leeds(), about(born.Patient)+vaccinations, leeds)
	r.Publish(r.Publisher(), nodetest.MessageAbout(t, "vaccinations-1", "new", directory.Patient{
		NHSNumber: number, Family: "FARROW", Given: []string{"Baby"}, BirthDate: nodetest.Start.Truncate(24 * time.Hour),
	}))
	r.wants("a vaccination of the newborn", "vaccinations-1")
}

// A record follows what another system publishes as the Spine.
func TestRecordFollowsTheSpine(t *testing.T) {
	r := newRegistrar(t, "")
	r.change(operator.RecordChange{Patient: nodetest.Jack, Edit: demographics.Edit{Phone: "07700 900111"}})
	r.Clock.Set(nodetest.Start.Add(time.Hour))
	moved := nodetest.Patient(t, nodetest.Jack)
	moved.GP, moved.Postcode = "E82025", "EX2 5SE"
	r.Publish(r.Spine(), nodetest.MessageAbout(t, gp, "new", moved))
	found, err := operator.ReadRecord.Do(t.Context(), r.desk, operator.RecordReading{Patient: nodetest.Jack, Reason: "test"})
	if err != nil || found.Summary.Practice != "E82025" || len(found.Record.Telecoms) != 1 {
		t.Errorf("after the event: %+v, %v", found.Summary, err)
	}
	if done := r.change(operator.RecordChange{Patient: nodetest.Jack, Edit: demographics.Edit{Practice: "E82025"}}); len(done.Events) != 0 {
		t.Errorf("what the event said is no change any more: %+v", done)
	}
}

// One request that arrives several times at once is done once, and each time answered
// with what was done.
func TestSameRequestAtOnce(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			r := newRegistrar(t, database(t))
			var mu sync.Mutex
			var all sync.WaitGroup
			done, repeated := 0, 0
			for range 10 {
				all.Go(func() {
					answer, err := operator.ChangeRecord.Do(t.Context(), r.desk, operator.RecordChange{
						Patient: nodetest.Jack, Version: 1, Edit: demographics.Edit{Family: "Baker"}, Request: "7b5f5a0e-7a34-4a0e-9f0e-1c5f3a0f7d12",
					})
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err != nil || answer.Version != 2:
						t.Errorf("%+v, %v", answer, err)
					case answer.Repeated:
						repeated++
					default:
						done++
					}
				})
			}
			all.Wait()
			if done != 1 || repeated != 9 {
				t.Errorf("done %d times, repeated %d times", done, repeated)
			}
			var births sync.WaitGroup
			babies := map[string]bool{}
			for range 5 {
				births.Go(func() {
					born, err := operator.NotifyBirth.Do(t.Context(), r.desk, operator.BirthToNotify{Birth: demographics.Birth{Mother: "9990000204"}, Request: "7b5f5a0e-7a34-4a0e-9f0e-1c5f3a0f7d13"})
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					babies[born.Patient] = true
				})
			}
			births.Wait()
			if len(babies) != 1 {
				t.Errorf("one request made %d babies", len(babies))
			}
		})
	}
}

// What cannot be is no event.
func TestImpossibleRecords(t *testing.T) {
	r := newRegistrar(t, "")
	for name, e := range map[string]demographics.Edit{
		"birthDate": {BirthDate: "2300-01-01"}, "death.at": {Death: demographics.FormalDeath, DeathAt: "9999-12-31"},
		"names[0].given": {Given: slices.Repeat([]string{"Ann"}, 21)}, "names[0].family": {Family: "A\tB"},
	} {
		if _, err := operator.ChangeRecord.Do(t.Context(), r.desk, operator.RecordChange{Patient: nodetest.Jack, Edit: e}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, q := range []operator.BirthToNotify{
		{Birth: demographics.Birth{Mother: "9990000204"}, Order: 9}, {Birth: demographics.Birth{Mother: "9990000204", Births: 2}, Order: 3},
		{Birth: demographics.Birth{Mother: "9990000204"}, Patient: "9990000204"}, {Birth: demographics.Birth{Mother: "9990000204"}, Born: nodetest.Start.AddDate(1, 0, 0)},
	} {
		if _, err := operator.NotifyBirth.Do(t.Context(), r.desk, q); err == nil {
			t.Errorf("%+v is accepted", q)
		}
	}
	r.change(operator.RecordChange{Patient: nodetest.Jack, Edit: demographics.Edit{Sensitive: new(true)}})
	if _, err := operator.ChangeRecord.Do(t.Context(), r.desk, operator.RecordChange{Patient: nodetest.Jack, Edit: demographics.Edit{SupersededBy: "9990000204"}}); err == nil || !strings.Contains(err.Error(), "flag") {
		t.Errorf("a sensitive record is merged into one that is not: %v", err)
	}
}
