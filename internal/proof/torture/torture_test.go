//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/client"
)

// TestLedgerFindsViolations checks that the ledger notices everything that the table reports.
func TestLedgerFindsViolations(t *testing.T) {
	l := newLedger([]byte("<bad/>"))
	l.begin("f", "A", "B")
	away := &client.Error{Status: 503}
	answers := []error{nil, nil, nil, &client.Error{Status: 400}, away}
	messages, digests := make([][]byte, len(answers)), make([]digest, len(answers))
	for n, answer := range answers {
		base := []byte("<x/>")
		if n == 3 {
			base = l.bad
		}
		messages[n], digests[n] = l.issue(base)
		l.told(digests[n], answer)
	}
	l.received("A", "1", messages[0]) // whole, B twice
	l.received("B", "2", messages[0])
	l.received("B", "3", messages[0])
	l.received("B", "3", messages[0])         // the same copy once more
	l.received("A", "4", messages[1])         // B is missing; message 2 is lost
	l.received("A", "5", messages[3])         // refused
	l.received("A", "6", messages[4])         // stored, the answer was cut off
	l.received("A", "7", []byte("<changed>")) // other bytes
	want := row{Acknowledged: 3, Lost: 1, Missing: 3, Doubled: 1, Repeated: 1, Unheard: 1, Wrong: 2}
	if got := l.sums()["f"]; got != want || !got.broken() {
		t.Errorf("expected %+v; received %+v", want, got)
	}
	l.took("A", "1")
	if l.wasTaken("A", "2") || !l.wasTaken("A", "1") {
		t.Error("what was acknowledged is not known")
	}
	l.cameBack()
	want.Doubled, want.Repeated = want.Doubled+1, want.Repeated+1
	if got := l.sums()["f"]; got != want {
		t.Errorf("an acknowledged copy came back: expected %+v; received %+v", want, got)
	}
	if sha256.Sum256(messages[0]) != digests[0] {
		t.Error("the digest is of other bytes")
	}
}

// TestCollectorsMayMeet checks that a copy that two collectors have listed may
// be gone for the slower one, and that a copy that is gone although nobody has
// downloaded it is lost.
func TestCollectorsMayMeet(t *testing.T) {
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.mesh.v2+json")
		w.WriteHeader(http.StatusGone)
	}))
	defer gone.Close()
	m, err := client.NewMailbox(client.MailboxConfig{URL: gone.URL, ID: leeds, Password: "password", SharedKey: "TestKey"})
	if err != nil {
		t.Fatal(err)
	}
	dep := &deployment{ledger: newLedger(nil)}
	dep.ledger.received(leeds, "SEEN", nil)
	if err := dep.take(t.Context(), m, leeds, "SEEN"); err != nil {
		t.Errorf("another collector was faster: %v", err)
	}
	if err := dep.take(t.Context(), m, leeds, "UNSEEN"); err == nil {
		t.Error("a copy that nobody has downloaded may be gone")
	}
}

// TestLedgerJudgesAnswers checks that answers that are wrong for their message are noticed.
func TestLedgerJudgesAnswers(t *testing.T) {
	expired := &client.Error{Status: 400, Issues: []client.Issue{{Code: "MISSING_OR_INVALID_HEADER"}}}
	for _, c := range []struct {
		base   string
		answer error
		wrong  int
	}{
		{"<good/>", nil, 0},
		{"<good/>", io.ErrUnexpectedEOF, 0},
		{"<good/>", &client.Error{Status: 429}, 0},
		{"<good/>", &client.Error{Status: 503}, 0},
		{"<good/>", expired, 0},
		{"<good/>", &client.Error{Status: 500}, 1},
		{"<good/>", &client.Error{Status: 422}, 1},
		{"<bad/>", &client.Error{Status: 422}, 0},
		{"<bad/>", &client.Error{Status: 500}, 1},
		{"<bad/>", nil, 1},
	} {
		l := newLedger([]byte("<bad/>"))
		_, d := l.issue([]byte(c.base))
		l.told(d, c.answer)
		if got := l.sums()[""]; got.Wrong != c.wrong || (got.Note != "") != (c.wrong > 0) {
			t.Errorf("%s, answered %v: %+v", c.base, c.answer, got)
		}
	}
}

// TestTorture is a short torture of the real program: kill -9, three crash
// points, and a line that drops replies.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("builds nems and kills it: not with -short")
	}
	rows, err := torture(options{store: onSQLite, seconds: 4, seed: 1, only: "kill-9,before-commit,after-commit,migrate", hosted: true}, t.Output())
	if err != nil {
		t.Error(err)
	}
	for _, r := range rows {
		t.Logf("%+v", r)
		if r.Rounds == 0 {
			t.Errorf("%s: no round", r.Fault)
		}
	}
}

func TestChoose(t *testing.T) {
	if _, err := choose(options{store: onSQLite, only: "no-such-fault"}); err == nil {
		t.Error("an unknown fault is taken")
	}
	if all, err := choose(options{store: onSQLite, only: "migrate,kill-9"}); err != nil || len(all[0].faults) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestFlakyDiskForgets checks that the disk drops what a failed fsync should
// have written, so that a program that relies on the second fsync is caught.
func TestFlakyDiskForgets(t *testing.T) {
	d, err := newFlakyDisk(filepath.Join(t.TempDir(), "flaky"))
	if err != nil {
		t.Skip("cannot mount FUSE here:", err)
	}
	t.Cleanup(func() {
		if err := d.unmount(); err != nil {
			t.Error(err)
		}
	})
	name := filepath.Join(d.at, "data", "f")
	if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string, off int64) {
		t.Helper()
		if _, err := f.WriteAt([]byte(text), off); err != nil {
			t.Fatal(err)
		}
	}
	write("kept kept kept", 0)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	tripped := d.damage(breakage{fsyncs: true, once: true}, 1)
	write("LOST LOST LOST LOST", 0)
	if err := f.Sync(); err == nil {
		t.Error("the fsync that fails is taken for success")
	}
	<-tripped
	write("again", 5)
	if err := f.Sync(); err != nil {
		t.Errorf("the second fsync: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	dropped, forgotten, err := d.forget()
	if err != nil || dropped != 19 || forgotten != 14 {
		t.Errorf("%d bytes were dropped, %d of them for good, %v", dropped, forgotten, err)
	}
	got, err := os.ReadFile(name)
	if want := []byte("kept again" + "kept\x00\x00\x00\x00\x00"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("expected %q; received %q, %v", want, got, err)
	}
}

// TestFlakyDiskFails checks that a broken disk returns errors, tears what it writes, and works when
// healed.
func TestFlakyDiskFails(t *testing.T) {
	d, err := newFlakyDisk(filepath.Join(t.TempDir(), "flaky"))
	if err != nil {
		t.Skip("cannot mount FUSE here:", err)
	}
	t.Cleanup(func() {
		if err := d.unmount(); err != nil {
			t.Error(err)
		}
	})
	name := filepath.Join(d.at, "data", "f")
	if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	d.damage(breakage{writes: true, torn: true}, 2)
	if err := os.WriteFile(name, []byte("first"), 0o600); err != nil {
		t.Errorf("the write before: %v", err)
	}
	if err := os.WriteFile(name, []byte("second"), 0o600); err == nil {
		t.Error("a torn write is taken for success")
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "sec" {
		t.Errorf("half of the write should be there: %q, %v", got, err)
	}
	d.heal()
	if err := os.WriteFile(name, []byte("third"), 0o600); err != nil {
		t.Errorf("healed: %v", err)
	}
}

// TestCrowdFindsViolations checks that a generator notices missing, repeated and wrong copies.
func TestCrowdFindsViolations(t *testing.T) {
	g := &generator{accepted: []int64{1, 2, 3}, unknown: map[int64]bool{4: true}}
	var got row
	g.count(map[string]map[int64]int{
		"A": {1: 1, 2: 2, 4: 1, 5: 1}, // 2 twice; 4 had no answer; 5 was refused
		"B": {1: 1, 0: 2},             // 2 is missing, 3 lost; two of other bytes
	}, &got)
	want := row{Acknowledged: 3, Lost: 1, Missing: 3, Doubled: 2, Repeated: 2, Wrong: 3}
	if got != want || !got.broken() {
		t.Errorf("expected %+v; received %+v", want, got)
	}
}

// TestCrowdKnowsItsMessages checks that a generator distinguishes its messages from all others.
func TestCrowdKnowsItsMessages(t *testing.T) {
	g := &generator{message: []byte("<x/>")}
	rc := newRawClient("http://127.0.0.1:1", g.message)
	if string(rc.number) != "0000000000" || !bytes.HasSuffix(rc.request, []byte("<x/><!-- 0000000000 -->")) {
		t.Errorf("the request ends in %q", rc.request[len(rc.request)-30:])
	}
	for text, want := range map[string]int64{"<x/><!-- 0000000012 -->": 12, "<x/><!-- 12 -->": 0, "<y/><!-- 0000000012 -->": 0, "<x/>": 0, "": 0} {
		if got := g.number([]byte(text)); got != want {
			t.Errorf("%q: expected %d; received %d", text, want, got)
		}
	}
}

// TestGunReadsAnswers checks how a rawClient reads the answers of a server.
func TestGunReadsAnswers(t *testing.T) {
	for text, want := range map[string]struct {
		reply
		closing, failing bool
	}{
		"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n":                                 {reply: reply{status: 202}},
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno":  {reply: reply{status: 503, later: true}},
		"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno": {reply: reply{status: 429}, closing: true},
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 20\r\n\r\ncut":                  {reply: reply{status: 503}, failing: true},
		"rubbish": {failing: true},
	} {
		rc := &rawClient{in: bufio.NewReader(strings.NewReader(text))}
		var s reply
		closing, err := rc.answer(&s)
		if (err != nil) != want.failing || err == nil && (s != want.reply || closing != want.closing) {
			t.Errorf("%q: %+v, %v, %v", text, s, closing, err)
		}
	}
}
