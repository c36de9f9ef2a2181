package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/pgserver"
)

// changedPatients is how many patients the changes are spread over.
const changedPatients = 2_000

// measureRecords changes patients' records over the operators' API from closed-loop
// connections. Each change moves a patient to another address and practice: it makes
// three events.
func measureRecords(l load) error {
	if err := l.recordsOn("SQLite"); err != nil {
		return err
	}
	pg, flags, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("records on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	return l.recordsOn("PostgreSQL", flags...)
}

func (l load) recordsOn(store string, flags ...string) error {
	s, err := startServer(flags...)
	if err != nil {
		return err
	}
	defer s.stop()
	access, err := operator.ReadAccess(s.data())
	if err != nil {
		return err
	}
	desk := &operator.Client{Access: access, User: "bench", HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.connections}}}
	patients, err := loadPatients(desk)
	if err != nil {
		return err
	}
	changes, cpu, err := l.change(s, desk, patients)
	if err != nil {
		return err
	}
	perSecond := float64(changes) / l.span.Seconds()
	fmt.Printf("records on %s, %d connections: %.0f changes/s with %.0f events/s; %.3f CPU s of the server per 1,000 changes\n",
		store, l.connections, perSecond, 3*perSecond, cpu.Seconds()*1000/float64(changes))
	return nil
}

// loadPatients loads the records of patients, and returns their numbers.
func loadPatients(desk operator.Face) (patients []string, err error) {
	var load operator.RecordsToLoad
	for n := 500_000; len(patients) < changedPatients; n++ {
		number, exists := nhs.TestNumber(n)
		if !exists {
			continue
		}
		patients = append(patients, number.Digits())
		load.Records = append(load.Records, operator.LoadedRecord{Patient: number.Digits(), Record: demographics.Record{
			Names: []demographics.Name{{Use: "usual", Given: []string{"Ann"}, Family: "Example"}}, BirthDate: "1980-01-02", Gender: "female",
			Addresses: []demographics.Address{{Use: "home", Lines: []string{"1 High Street"}, Postcode: "LS1 4AP"}}, Practice: &demographics.Registration{Practice: "B86056"},
		}})
	}
	return patients, operator.LoadRecords.Run(context.Background(), desk, load)
}

// change changes records until the time is over, and counts what was done after the
// warm-up.
func (l load) change(s *server, desk operator.Face, patients []string) (changes int64, cpu time.Duration, err error) {
	var counted, next atomic.Int64
	var failure atomic.Value
	from := time.Now().Add(l.warmUp)
	to := from.Add(l.span)
	before := make(chan time.Duration, 1)
	time.AfterFunc(l.warmUp, func() { before <- s.cpu() })
	var all sync.WaitGroup
	for range l.connections {
		all.Go(func() {
			for time.Now().Before(to) {
				n := next.Add(1)
				if err := operator.ChangeRecord.Run(context.Background(), desk, moving(patients, n)); err != nil {
					failure.Store(err)
					return
				}
				if time.Now().After(from) {
					counted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if err, failed := failure.Load().(error); failed {
		return 0, 0, err
	}
	return counted.Load(), s.cpu() - <-before, nil
}

// moving is the nth change: the patient moves to and fro between two places.
func moving(patients []string, n int64) operator.RecordChange {
	places := []struct {
		postcode string
		practice nhs.ODSCode
	}{{"EX2 5SE", "E82025"}, {"LS1 4AP", "B86056"}}
	to := places[n/int64(len(patients))%2]
	return operator.RecordChange{Patient: patients[n%int64(len(patients))], Edit: demographics.Edit{
		Postcode: to.postcode, Lines: []string{fmt.Sprintf("%d Hill Road", n)}, Practice: to.practice,
	}}
}
