package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"nems/internal/operator"
	"nems/receiver"
)

// nasty is a text that a terminal or a table would act on.
const nasty = "a\x1b[2J\u009b31m\r\nnems: all is well\t\u202eb\u2028\x7f\xff"

// harmless fails for characters that cannot be shown, except line feeds.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s: %U in %q", what, r, text[max(i-30, 0):min(i+30, len(text))])
			return
		}
	}
}

// captured returns what a function prints to standard output.
func captured(t *testing.T, do func() error) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := os.Stdout
	os.Stdout = file
	err = do()
	os.Stdout = before
	text, readErr := os.ReadFile(file.Name())
	if err != nil || readErr != nil {
		t.Fatal(err, readErr)
	}
	return string(text)
}

// TestTablesArePlain checks that each row of a table is one line, whatever is in its cells.
func TestTablesArePlain(t *testing.T) {
	text := captured(t, func() error {
		return printTable("ID REASON", [][]string{{"1", nasty}, {nasty, "2"}, {"\v\f\x00", "3"}})
	})
	harmless(t, "table", text)
	if n := strings.Count(text, "\n"); n != 4 {
		t.Errorf("%d lines: %q", n, text)
	}
}

// TestJSONIsPlain checks that JSON has the same strings, and that every character of them can be
// shown.
func TestJSONIsPlain(t *testing.T) {
	want := strings.ToValidUTF8(nasty, "\ufffd")
	for name, print := range map[string]func() error{
		"value": func() error { return printJSON([]string{nasty}) },
		"lines": func() error {
			return printLines(func(yield func([]string, error) bool) { yield([]string{nasty}, nil) })
		},
	} {
		text := captured(t, print)
		harmless(t, name, text)
		var got []string
		if err := json.Unmarshal([]byte(text), &got); err != nil || got[0] != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestInboxRowsArePlain checks the rows of an inbox, as a table, with tabs and as JSON, and the
// variables of a command.
func TestInboxRowsArePlain(t *testing.T) {
	m := receiver.Message{
		ID: nasty, Kind: receiver.Report, WorkflowID: nasty, From: nasty, LocalID: nasty,
		Subscriptions: []receiver.Subscription{{ID: nasty, Tag: nasty}}, Problem: fmt.Errorf("%s", nasty),
		Facts:  receiver.Facts{Code: nasty, Kind: nasty, MessageID: nasty, Source: nasty},
		Status: receiver.Status{Code: nasty, Description: nasty, LinkedID: nasty},
	}
	row := newInboxRow(m, receiver.Left, fmt.Errorf("%s", nasty), nasty)
	for name, w := range map[string]inboxWriter{
		"table": {inboxCmd: &inboxCmd{Format: "text"}, table: true, headed: true},
		"tabs":  {inboxCmd: &inboxCmd{Format: "text"}},
		"json":  {inboxCmd: &inboxCmd{Format: "json"}},
	} {
		var out bytes.Buffer
		w.w = &out
		if err := w.print(row); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if name == "tabs" {
			if n := strings.Count(text, "\t"); n != 10 {
				t.Errorf("%d tabs: %q", n, text)
			}
			text = strings.ReplaceAll(text, "\t", " ")
		}
		harmless(t, name, text)
		if n := strings.Count(text, "\n"); n != 1 {
			t.Errorf("%s: %d lines: %q", name, n, text)
		}
	}
	for _, v := range variables(m, nasty) {
		if strings.Contains(v, "\n") {
			t.Errorf("%q", v)
		}
		harmless(t, "variable", v)
	}
}

// TestRefusalsArePlain checks that text from another service is printed within the program's own
// lines.
func TestRefusalsArePlain(t *testing.T) {
	text := strings.NewReplacer("\x1b", "", "\x7f", "", "\xff", "", "\r\n", "&#10;").Replace(nasty)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/><details><coding><code value="X"/></coding></details><diagnostics value="%s"/></issue></OperationOutcome>`, text)
	}))
	defer server.Close()
	message := file(t, "message.xml", inboxMessage)
	told := onStderr(t, func() { fails(t, "publish", message, "--url", server.URL) })
	if !strings.Contains(told, "nems: all is well") {
		t.Fatalf("%q", told)
	}
	harmless(t, "refusal", told)
	if strings.Contains(told, "\nnems: all is well") {
		t.Errorf("a line that nobody wrote: %q", told)
	}
}

// TestNamesArePlain checks that a file name, or a name in a registration, cannot add a line to the
// output.
func TestNamesArePlain(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a\n\x1b[2Jb.xml"), []byte("<x"), 0o600); err != nil {
		t.Skip(err) // a file system that does not allow such a name
	}
	text := fails(t, "validate", folder)
	harmless(t, "file name", text)
	text = captured(t, func() error {
		return formatted{Format: "table"}.print(nil, "MAILBOX NAME", [][]string{{"BOX1", operator.Mailbox{Name: nasty}.Name}})
	})
	harmless(t, "name", text)
}
