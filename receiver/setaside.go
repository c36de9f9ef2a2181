package receiver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	visible "nems/internal/plain"
)

// reason is the content of the JSON file beside a message that was set aside.
type reason struct {
	MeshID        string    `json:"meshId"`
	SetAside      time.Time `json:"setAside"`
	Attempts      int       `json:"attempts"`
	Error         string    `json:"error"`
	Kind          Kind      `json:"kind"`
	Event         string    `json:"event,omitempty"`
	MessageID     string    `json:"messageId,omitempty"`
	From          string    `json:"from"`
	To            string    `json:"to"`
	WorkflowID    string    `json:"workflowId"`
	LocalID       string    `json:"localId,omitempty"`
	FileName      string    `json:"fileName,omitempty"`
	Subscriptions []string  `json:"subscriptions,omitempty"` // id|tag
	Problem       string    `json:"problem,omitempty"`
	Status        *Status   `json:"report,omitempty"`
}

// setAside writes a message and its reason into the folder, durably: the
// message is acknowledged next, and MESH forgets it. The files are ID.message
// and ID.json, by the MESH message id. Writing them twice does no harm.
func setAside(folder string, m Message, failure error, now time.Time) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	var text bytes.Buffer
	e := json.NewEncoder(visible.JSON(&text))
	e.SetIndent("", "  ")
	if err := e.Encode(m.reason(failure, now)); err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	name := filepath.Join(folder, m.BaseName())
	err := errors.Join(WriteFile(name+".message", m.Body), WriteFile(name+".json", text.Bytes()))
	if err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	return nil
}

func (m Message) reason(failure error, now time.Time) reason {
	r := reason{
		MeshID: m.ID, SetAside: now.UTC(), Attempts: m.Attempt, Error: failure.Error(), Kind: m.Kind,
		Event: m.Facts.Code, MessageID: m.Facts.MessageID, From: m.From, To: m.To,
		WorkflowID: m.WorkflowID, LocalID: m.LocalID, FileName: m.FileName,
	}
	for _, s := range m.Subscriptions {
		r.Subscriptions = append(r.Subscriptions, s.ID+"|"+s.Tag)
	}
	if m.Problem != nil {
		r.Problem = m.Problem.Error()
	}
	if m.Kind == Report {
		r.Status = &m.Status
	}
	return r
}

// WriteFile writes a file that only its owner may read, and returns when the
// file and its name are on disk. A Handler needs that before it returns nil. It
// writes under a temporary name first, so that a reader never sees half of the
// file.
func WriteFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".part-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(name)
}
