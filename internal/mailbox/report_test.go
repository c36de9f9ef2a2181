package mailbox_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/mailbox"
	"nems/internal/mesh"
)

const day = 24 * time.Hour

// A message that nobody collects leaves the inbox after 5 days, its sender gets
// a report, and after 30 days it is deleted.
func TestExpiry(t *testing.T) {
	fx := newFixture(t)
	alice, bob := fx.client("ALICE"), fx.client("BOB")
	id, err := alice.Send(ctx, mesh.Outgoing{
		Headers: mesh.Headers{To: "BOB", WorkflowID: "W", LocalID: "mine", Subject: "S", FileName: "f"},
		Body:    strings.NewReader("x"), Size: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	collected := fx.send("ALICE", "BOB", "W", "y")
	if err := bob.Acknowledge(ctx, collected); err != nil {
		t.Fatal(err)
	}
	housekeep := func(want mailbox.Housekept) {
		t.Helper()
		if did, err := fx.server.Housekeep(ctx, fx.clock.now()); err != nil || did != want {
			t.Errorf("did %+v, want %+v; %v", did, want, err)
		}
	}
	fx.clock.move(5*day - time.Second)
	housekeep(mailbox.Housekept{})
	fx.clock.move(time.Second)
	housekeep(mailbox.Housekept{Expired: 1})
	housekeep(mailbox.Housekept{})

	if in := fx.inbox("BOB"); len(in) != 0 {
		t.Errorf("still in the inbox: %v", in)
	}
	if _, err := bob.Download(ctx, id); !errors.Is(err, mesh.Gone) {
		t.Errorf("download: %v", err)
	}
	if tracked, err := alice.Track(ctx, id); err != nil || tracked.Status != "undeliverable" || tracked.StatusCode != "14" {
		t.Errorf("%+v, %v", tracked, err)
	}
	checkReport(t, fx, alice, id)

	fx.clock.move(25*day + time.Second)
	housekeep(mailbox.Housekept{Purged: 2}) // the report is younger
	if _, err := alice.Track(ctx, id); !isStatus(err, 404) {
		t.Errorf("after 30 days: %v", err)
	}
}

// checkReport: the headers of the specification's "Asynchronous error
// reporting", and no body.
func checkReport(t *testing.T, fx *fixture, alice *mesh.Client, id string) {
	t.Helper()
	reports := fx.inbox("ALICE")
	if len(reports) != 1 {
		t.Fatalf("reports: %v", reports)
	}
	h, body := read(t, alice, reports[0])
	want := mesh.Headers{
		To: "BOB", WorkflowID: "W", MessageType: "REPORT", MessageID: reports[0], LocalID: "mine", FileName: "f", Subject: "S",
		TotalChunks: "0", StatusCode: "14", StatusEvent: "SEND", StatusDescription: "Message not collected by recipient after 5 days",
		StatusSuccess: "ERROR", StatusTime: fx.clock.now(), LinkedMsgID: id, AddressType: "ALL", Version: "1.0",
	}
	if diff := cmp.Diff(want, h); diff != "" || len(body) != 0 {
		t.Errorf("%s\nbody %q", diff, body)
	}
	if err := alice.Acknowledge(ctx, reports[0]); err != nil {
		t.Error(err)
	}
}

func isStatus(err error, status int) bool {
	var e *mesh.Error
	return errors.As(err, &e) && e.Status == status
}

// A failing store stops the round; the next one goes on.
func TestHousekeepStopsAtAnError(t *testing.T) {
	fx := newFixture(t)
	for i := range 20 {
		fx.send("ALICE", "BOB", fmt.Sprint("W", i), "x")
	}
	fx.clock.move(6 * day)
	broken := errors.New("disk full")
	fx.boxes.Fault = func(method string, _ bool) error {
		if method == "SetStatus" {
			return broken
		}
		return nil
	}
	if did, err := fx.server.Housekeep(ctx, fx.clock.now()); !errors.Is(err, broken) || did.Expired != 0 {
		t.Errorf("%+v, %v", did, err)
	}
	fx.boxes.Fault = nil
	if did, err := fx.server.Housekeep(ctx, fx.clock.now()); err != nil || did.Expired != 20 {
		t.Errorf("%+v, %v", did, err)
	}
	if got := len(fx.inbox("ALICE")); got != 20 {
		t.Errorf("%d reports", got)
	}
}

func TestAdmin(t *testing.T) {
	fx := newFixture(t)
	open := map[string]string{"Authorization": "-"}
	ask := func(method, path, body string, status int) string {
		t.Helper()
		answer, got := fx.do(request{method, path, open, body})
		if answer.StatusCode != status {
			t.Errorf("%s %s: %s %s", method, path, answer.Status, got)
		}
		return got
	}
	body := ask("POST", "admin/report", `{"mailbox_id":"bob","code":"21","description":"bad","workflow_id":"W","subject":"s","local_id":"l","file_name":"f","linked_message_id":"LINK"}`, 200)
	var made struct {
		ID string `json:"message_id"`
	}
	decode(t, body, &made)
	h, content := read(t, fx.client("BOB"), made.ID)
	if h.MessageType != "REPORT" || h.StatusCode != "21" || h.StatusEvent != "TRANSFER" || h.StatusDescription != "bad" || h.LinkedMsgID != "LINK" ||
		h.StatusSuccess != "ERROR" || h.LocalID != "l" || h.Subject != "s" || h.FileName != "f" || h.To != "BOB" || len(content) != 0 {
		t.Errorf("%+v %q", h, content)
	}
	id := fx.send("ALICE", "BOB", "W", "x")
	ask("POST", "/admin/message/"+id+"/event", `{"status":"undeliverable","code":"14","event":"SEND","description":"late"}`, 200)
	if tracked, err := fx.client("ALICE").Track(ctx, id); err != nil || tracked.Status != "undeliverable" || tracked.StatusCode != "14" {
		t.Errorf("%+v, %v", tracked, err)
	}
	if in := fx.inbox("BOB"); len(in) != 1 {
		t.Errorf("inbox %v", in)
	}
	if got := ask("GET", "/admin/message/"+id, "", 200); !strings.Contains(got, `"status":"Undeliverable"`) || !strings.Contains(got, `"file_size":1`) {
		t.Error(got)
	}
	if got := ask("GET", "mailbox/bob", "", 200); !strings.Contains(got, "TESTMB2") || strings.Contains(got, "password") {
		t.Error(got)
	}
	ask("POST", "admin/report", `{"mailbox_id":"NOBODY","code":"1","description":"d","workflow_id":"W"}`, 404)
	ask("POST", "admin/report", `{"mailbox_id":"BOB"}`, 400)
	ask("POST", "admin/report", `[`, 400)
	ask("POST", "admin/report", `{"mailbox_id":"`+strings.Repeat("x", 70<<10)+`"}`, 413)
	ask("POST", "admin/message/"+id+"/event", `{"status":"lost"}`, 400)
	ask("POST", "admin/message/x/event", `{"status":"accepted"}`, 404)
	ask("GET", "admin/message/x", "", 404)
	ask("GET", "/admin/mailbox/NOBODY", "", 404)

	fx.send("BOB", "ALICE", "W", "x")
	ask("DELETE", "/admin/reset/bob", "", 200)
	if bob, alice := fx.inbox("BOB"), fx.inbox("ALICE"); len(bob) != 0 || len(alice) != 1 {
		t.Errorf("after the reset of one: %v, %v", bob, alice)
	}
	ask("DELETE", "/admin/reset/NOBODY", "", 404)
	ask("DELETE", "/messageexchange/admin/reset", "", 200)
	if alice := fx.inbox("ALICE"); len(alice) != 0 {
		t.Errorf("after the reset of all: %v", alice)
	}
}

// Outside dev mode nobody can reset anything.
func TestAdminIsDevOnly(t *testing.T) {
	fx := newFixture(t, func(c *mailbox.Config) { c.Dev = false })
	id := fx.send("ALICE", "BOB", "W", "x")
	for _, r := range []request{
		{"DELETE", "/admin/reset", nil, ""}, {"DELETE", "admin/reset", nil, ""}, {"POST", "admin/report", nil, "{}"},
		{"GET", "admin/message/" + id, nil, ""}, {"GET", "mailbox/BOB", nil, ""},
	} {
		r.header = map[string]string{"Authorization": "-"}
		if answer, body := fx.do(r); answer.StatusCode == http.StatusOK {
			t.Errorf("%s %s: %s", r.method, r.path, body)
		}
	}
	if in := fx.inbox("BOB"); len(in) != 1 {
		t.Errorf("inbox %v", in)
	}
}

func TestReadSandboxFiles(t *testing.T) {
	boxes, err := mailbox.ReadMailboxes(strings.NewReader(`{"mailbox_id":  "x26abc1", "mailbox_name": "TESTMB1", "billing_entity": "England", "ods_code": "x26", "org_code": "X26", "password": "password"}

{"mailbox_id":"B","mailbox_name":"N"}`))
	if err != nil || len(boxes) != 2 || boxes[0].ID != "X26ABC1" || boxes[0].ODS != "X26" || boxes[0].Password != "password" || boxes[1].ID != "B" {
		t.Errorf("%+v, %v", boxes, err)
	}
	flows, err := mailbox.ReadWorkflows(strings.NewReader(`{"workflow_id": " W ", "senders":  ["a", ""], "receivers":  ["B ", "c"]}` + "\n"))
	if err != nil || len(flows) != 1 {
		t.Fatalf("%+v, %v", flows, err)
	}
	if flows[0].ID != "W" || cmp.Diff(flows[0].Senders, []string{"A"}) != "" || cmp.Diff(flows[0].Receivers, []string{"B", "C"}) != "" {
		t.Errorf("%+v", flows[0])
	}
	for _, bad := range []string{"{", `[]`, `{"mailbox_name":"x"}`, `{"mailbox_id":"a b"}`, `{"mailbox_id":"A","ods_code":"?"}`, `{"mailbox_id":1}`} {
		_, err := mailbox.ReadMailboxes(strings.NewReader("\n" + `{"mailbox_id":"OK"}` + "\n" + bad))
		if err == nil || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := mailbox.ReadWorkflows(strings.NewReader(`{"senders":[]}`)); err == nil {
		t.Error("a workflow without id")
	}
	if _, err := mailbox.ReadWorkflows(io.MultiReader(strings.NewReader(`{`), brokenReader{})); err == nil {
		t.Error("a file that cannot be read")
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }
