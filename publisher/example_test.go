package publisher_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"nems/client"
	"nems/internal/node"
	"nems/message"
	"nems/publisher"
	"nems/publisher/embedded"
	"nems/publisher/pds"
)

// serve runs a NEMS with a development world, as `nems serve --dev` does. Tests take
// package nemstest.
func serve() (surgery *client.Client, folder string, stop func()) {
	folder, err := os.MkdirTemp("", "nems-example-")
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- node.Run(ctx, node.DevConfig(filepath.Join(folder, "nems")), node.Environment{
			Log: slog.New(slog.DiscardHandler), Ready: func(url string) { ready <- url },
		})
	}()
	var url string
	select {
	case url = <-ready:
	case err := <-done:
		panic(err)
	}
	surgery = &client.Client{URL: url, ASID: "300000000161", ODS: "A83627", NEMS: "111111111111"}
	return surgery, folder, func() {
		cancel()
		<-done
		_ = os.RemoveAll(folder)
	}
}

// demographics trace at PDS: here at that of the development world, which gives everybody a
// token. stop ends it.
func demographics(surgery *client.Client) (d publisher.Demographics, stop func()) {
	key, err := rsa.GenerateKey(rand.Reader, 2048) // yours is registered: pds.ParseKey
	check(err)
	tracer, err := pds.New(pds.Config{
		URL: surgery.URL + "/personal-demographics/FHIR/R4", TokenURL: surgery.URL + "/oauth2/token", APIKey: "surgery", KeyID: "surgery-1", Key: key,
	})
	check(err)
	return publisher.Demographics{Tracer: tracer}, tracer.Close
}

// mmr is a vaccination as a surgery records it.
func mmr(p message.Patient) message.Vaccination {
	return message.Vaccination{
		Header: message.Header{
			Timestamp: time.Now(),
			Source: message.Source{
				Name: "Surgery system", ASID: "300000000161", Contact: message.Contact{System: message.Phone, Value: "0191 498 0000"},
			},
			Responsible: message.Organisation{ODS: "A83627", Name: "EXAMPLE SURGERY"},
		},
		Patient:    p,
		Identifier: message.Identifier{System: "https://surgery.example/vaccinations", Value: "4711"},
		Procedure:  message.Snomed{Code: "308081000000105", Display: "Measles mumps and rubella vaccination - first dose (procedure)"},
		Outcome: message.Given{
			Vaccine: message.Snomed{Code: "871831003", Display: "Vaccine product containing only live attenuated antigens of measles, mumps and rubella viruses"},
			Batch:   "LOT0001", Site: &message.Snomed{Code: "61396006", Display: "Structure of left thigh"},
			Dose: 1, Disease: &message.Snomed{Code: "14189004", Display: "Measles"},
		},
		Date: message.On(time.Now()),
	}
}

// A vaccination from typed values: traced, written, checked and sent.
func Example() {
	surgery, _, stop := serve()
	defer stop()
	ctx := context.Background()
	demographics, end := demographics(surgery)
	defer end()

	patient, err := demographics.Patient(ctx, message.Patient{NHSNumber: "9912003888"})
	check(err)
	fmt.Println("routed as", patient.Names[0].Family, patient.BirthDate)

	xml, err := mmr(patient).New()
	check(err)
	fmt.Println("would be refused:", publisher.Check(xml, publisher.Strict))
	_, err = surgery.Publish(ctx, xml)
	fmt.Println("published:", err)

	// What is left out is named before anything is sent.
	_, err = message.Vaccination{Header: mmr(patient).Header, Patient: patient}.New()
	fmt.Println(err)
	// Output:
	// routed as DAWKINS 2017-10-02
	// would be refused: <nil>
	// published: <nil>
	// no message Vaccination can be made: Identifier.System is missing; Identifier.Value is missing; Procedure.Code is missing; Procedure.Display is missing; Outcome is missing: Given or NotGiven; Date is missing
}

// The record and its message are in one transaction of the surgery's own database.
func ExampleOutbox_Add() {
	surgery, folder, stop := serve()
	defer stop()
	ctx := context.Background()

	db, err := embedded.OpenDB(filepath.Join(folder, "surgery.db")) // yours: SQLite or PostgreSQL
	check(err)
	defer db.Close()
	_, err = db.Exec(publisher.Schema(publisher.SQLite) + `CREATE TABLE vaccination (patient TEXT, batch TEXT, message TEXT)`)
	check(err)
	outbox, err := publisher.New(publisher.Config{DB: db, Dialect: publisher.SQLite, Client: surgery, Level: publisher.Strict})
	check(err)

	demographics, end := demographics(surgery)
	defer end()
	patient, err := demographics.Patient(ctx, message.Patient{NHSNumber: "9912003888"})
	check(err)
	xml, err := mmr(patient).New()
	check(err)

	tx, err := db.BeginTx(ctx, nil)
	check(err)
	id, err := outbox.Add(ctx, tx, xml)
	check(err)
	_, err = tx.Exec(`INSERT INTO vaccination VALUES ($1, $2, $3)`, patient.NHSNumber, "LOT0001", id)
	check(err)
	check(tx.Commit())

	_, err = outbox.Send(ctx) // a system runs outbox.Run instead, and calls outbox.Wake after the commit
	check(err)
	record, err := outbox.Sent(ctx, id)
	check(err)
	a := record.Attempts[0]
	fmt.Println(record.Event, record.Kind, "is", record.State)
	fmt.Println("answered", a.Status, "to", a.Header.Get("InteractionID"))
	// Output:
	// vaccinations-1 new is sent
	// answered 202 to urn:nhs:names:services:events:Vaccinations.Write
}

// What was wrong is corrected, and what never happened is withdrawn, under the same
// Identifier. The outbox keeps the order.
func Example_correction() {
	surgery, folder, stop := serve()
	defer stop()
	ctx := context.Background()
	outbox, err := embedded.Open(ctx, filepath.Join(folder, "outbox.db"), publisher.Config{Client: surgery})
	check(err)
	defer outbox.Close()

	demographics, end := demographics(surgery)
	defer end()
	patient, err := demographics.Patient(ctx, message.Patient{NHSNumber: "9912003888"})
	check(err)
	v := mmr(patient)
	for _, write := range []func(message.Vaccination) ([]byte, error){
		message.Vaccination.New,
		func(v message.Vaccination) ([]byte, error) { // the batch was mistyped
			given := v.Outcome.(message.Given)
			given.Batch = "LOT0002"
			v.Outcome = given
			return v.Update()
		},
		message.Vaccination.Delete, // it was another child
	} {
		xml, err := write(v)
		check(err)
		id, err := outbox.AddNow(ctx, xml)
		check(err)
		_, err = outbox.Send(ctx)
		check(err)
		record, err := outbox.Sent(ctx, id)
		check(err)
		fmt.Println(record.Kind, record.State)
	}
	// Output:
	// new sent
	// update sent
	// delete sent
}

// Nothing is sent about patients whom PDS flags, or who dissent. A number that another one
// has replaced gives the new one.
func Example_heldBack() {
	surgery, _, stop := serve()
	defer stop()
	d, end := demographics(surgery)
	defer end()
	d.Dissent = func(_ context.Context, number string) (bool, error) { return number == "9990000077", nil }
	for _, number := range []string{"9990000026", "9990000034", "9990000077", "9990000018", "9990000042"} {
		patient, err := d.Patient(context.Background(), message.Patient{NHSNumber: number})
		if err != nil {
			fmt.Println(errors.Is(err, publisher.ErrHeldBack), err)
		} else {
			fmt.Println(patient.NHSNumber, patient.Names[0].Family)
		}
	}
	// Output:
	// true held back: sensitive (publisher information governance)
	// true held back: invalid (publisher information governance)
	// true held back: dissent (publisher information governance)
	// false PDS has no patient with this NHS number
	// 9990000050 TREMAYNE
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

var _ publisher.Tx = (*sql.Tx)(nil)
