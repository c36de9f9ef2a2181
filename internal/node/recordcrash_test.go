package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"nems/internal/crashpoint"
	"nems/internal/demographics"
	"nems/internal/operator"
	"nems/internal/store/postgres/pgtest"
)

// recordKills is how often the server is killed while records are changed.
const recordKills = 8

// A change of a record and its events are both there or neither, however the server
// ends: it is killed while four people change four records.
func TestKillWhileRecordsChange(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many processes: not with -short")
	}
	for name, database := range map[string]func() string{
		"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) { killWhileRecordsChange(t, t.TempDir(), database()) })
	}
}

// desk is the desk of a child, as commands reach it.
func (c *child) desk(folder string) operator.Face {
	access, err := operator.ReadAccess(folder)
	if err != nil {
		c.t.Fatal(err)
	}
	return &operator.Client{Access: access, User: "tester", HTTP: c.http}
}

func killWhileRecordsChange(t *testing.T, folder, database string) {
	patients := []string{"9912003888", "9434765919", "9990000204", "9990000166"}
	acknowledged := make([]atomic.Int64, len(patients)) // the newest version that a change was answered with
	random := rand.New(rand.NewPCG(2026, 17))
	changes := 0
	for round := range recordKills {
		after := int64(3 + random.IntN(20))
		// Every second process ends by itself, right before or after a commit.
		point := fmt.Sprintf("%s:%d", []string{crashpoint.BeforeCommit, crashpoint.AfterCommit}[round/2%2], after)
		if round%2 == 0 {
			point = ""
		}
		c := spawn(t, folder, crashDatabase+"="+database, crashpoint.Variable+"="+point)
		desk := c.desk(folder)
		var done atomic.Int64
		reached := make(chan struct{})
		stop := sync.OnceFunc(func() { close(reached) })
		var changing sync.WaitGroup
		for i, patient := range patients {
			changing.Go(func() {
				defer stop()
				for n := 0; ; n++ {
					answer, err := operator.ChangeRecord.Do(context.Background(), desk, operator.RecordChange{Patient: patient, Edit: someEdit(n, i)})
					if err != nil {
						return // killed
					}
					acknowledged[i].Store(answer.Version)
					if done.Add(1) == after {
						stop()
					}
				}
			})
		}
		<-reached
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		changing.Wait()
		c.http.CloseIdleConnections()
		if point == "" && done.Load() < after {
			t.Fatalf("%d of %d changes were answered\n%s", done.Load(), after, c.stderr.Bytes())
		}
		changes += int(done.Load())
	}
	c := spawn(t, folder, crashDatabase+"="+database)
	desk, unanswered := c.desk(folder), 0
	for i, patient := range patients {
		unanswered += wholeRecord(t, desk, patient, acknowledged[i].Load())
	}
	t.Logf("%d kills, %d changes answered; %d more were stored but the answer was cut off", recordKills, changes, unanswered)
	_ = c.end(syscall.SIGTERM)
	c.http.CloseIdleConnections()
}

// someEdit always differs from the one before.
func someEdit(n, of int) demographics.Edit {
	switch n % 3 {
	case 0:
		return demographics.Edit{Phone: fmt.Sprintf("07700 9%05d", rand.IntN(100_000))}
	case 1:
		return demographics.Edit{Postcode: "EX2 5SE", Lines: []string{fmt.Sprintf("%d Hill Road", rand.IntN(1_000_000)), fmt.Sprint(of)}}
	}
	return demographics.Edit{Family: fmt.Sprintf("Name%c%c%c", 'a'+rand.IntN(26), 'a'+rand.IntN(26), 'a'+rand.IntN(26))}
}

// wholeRecord checks that each version of a record has its events and each event a
// version, and that nothing that was acknowledged is missing. It returns how many
// versions were stored beyond that.
func wholeRecord(t *testing.T, desk operator.Face, patient string, acknowledged int64) int {
	t.Helper()
	r, err := operator.ReadRecord.Do(t.Context(), desk, operator.RecordReading{Patient: patient, Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Summary.Version < acknowledged {
		t.Errorf("version %d was acknowledged, the record has %d", acknowledged, r.Summary.Version)
	}
	versions, wanted := int64(0), map[int64]bool{}
	for _, v := range r.Versions {
		versions++
		for _, e := range v.Events {
			wanted[e.Event] = true
			if _, err := operator.ShowEvent.Do(t.Context(), desk, operator.EventRef{Event: fmt.Sprint(e.Event)}); err != nil {
				t.Errorf("version %d: event %d: %v", v.Version, e.Event, err)
			}
		}
	}
	events, err := operator.All(t.Context(), desk, operator.FindEvents, operator.Matching(operator.EventFilter{Patient: patient}))
	if err != nil {
		t.Fatal(err)
	}
	if versions != r.Summary.Version {
		t.Fatalf("%d versions of %d are shown: the test needs all", versions, r.Summary.Version)
	}
	if len(events) != len(wanted) {
		t.Errorf("%d events, %d of versions", len(events), len(wanted))
	}
	for _, e := range events {
		if !wanted[e.Event] {
			t.Errorf("event %d belongs to no version", e.Event)
		}
	}
	return int(r.Summary.Version - acknowledged)
}
