package mailbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"nems/internal/nhs"
	"nems/internal/store"
)

// maxLine limits a line of the sandbox's files.
const maxLine = 1 << 20

// ReadMailboxes reads the MESH sandbox's mailboxes.jsonl: one object a line
// with mailbox_id, mailbox_name, ods_code and password. Other members are
// ignored. Ids and ODS codes become capitals. An error names the line.
func ReadMailboxes(r io.Reader) ([]store.Mailbox, error) {
	return readLines(r, func(line []byte) (store.Mailbox, error) {
		var in struct {
			ID       string `json:"mailbox_id"`
			Name     string `json:"mailbox_name"`
			ODS      string `json:"ods_code"`
			Password string `json:"password"`
		}
		if err := json.Unmarshal(line, &in); err != nil {
			return store.Mailbox{}, errLine
		}
		box := store.Mailbox{Name: in.Name, Password: in.Password}
		var err error
		if box.ID, err = store.MailboxKey(strings.TrimSpace(in.ID)); err != nil {
			return box, fmt.Errorf("mailbox_id: %w", err)
		}
		if in.ODS != "" {
			box.ODS, err = nhs.ParseODSCode(strings.TrimSpace(in.ODS))
		}
		return box, err
	})
}

// ReadWorkflows reads the MESH sandbox's workflows.jsonl: one object a line
// with workflow_id, senders and receivers. An error names the line.
func ReadWorkflows(r io.Reader) ([]store.Workflow, error) {
	return readLines(r, func(line []byte) (store.Workflow, error) {
		var in struct {
			ID        string   `json:"workflow_id"`
			Senders   []string `json:"senders"`
			Receivers []string `json:"receivers"`
		}
		if err := json.Unmarshal(line, &in); err != nil {
			return store.Workflow{}, errLine
		}
		w := store.Workflow{ID: strings.TrimSpace(in.ID), Senders: capitals(in.Senders), Receivers: capitals(in.Receivers)}
		if w.ID == "" {
			return w, errors.New("workflow_id is missing")
		}
		return w, nil
	})
}

// errLine does not quote the line, because it may contain a password.
var errLine = errors.New("not the JSON object expected")

func capitals(ids []string) []string {
	var out []string
	for _, id := range ids {
		if id = strings.ToUpper(strings.TrimSpace(id)); id != "" {
			out = append(out, id)
		}
	}
	return out
}

// readLines reads one value a line and skips blank lines.
func readLines[T any](r io.Reader, read func([]byte) (T, error)) ([]T, error) {
	var all []T
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		v, err := read(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, v)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading lines: %w", err)
	}
	return all, nil
}
