package mesh

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"nems/internal/plain"
)

// The limits for what a Client accepts from a MESH. Anybody may run the other
// side: its texts get into our database, logs and tables, and its ids into paths
// of requests and names of files.
const (
	maxHead   = 256 << 10 // bytes of an answer's header
	maxFault  = 64 << 10  // of a refusal's body, and of a body that nobody reads
	maxPage   = 1 << 20   // of a page of message ids; 5,000 take 130 KB
	maxAnswer = 4 << 20   // of any other JSON

	mostEndpoints = 10_000 // mailboxes in one look-up

	// In bytes, so in characters at most as many.
	mostID   = 100  // of a message or a mailbox
	mostCode = 64   // of an error, an event, a status
	mostName = 300  // of a file, a workflow, a mailbox; a local id
	mostText = 500  // of a description
	mostNext = 1000 // of a value that continues a list
)

// ErrTooMuch says that an answer of the MESH is larger than any of its kind should be.
var ErrTooMuch = errors.New("MESH's answer is too large")

// IsMessageID reports whether s can be the id of a message at a MESH: 1 to 100
// ASCII letters, digits, hyphens and underscores. Such an id cannot lead to
// another path, file or line.
func IsMessageID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= mostID
}

// messageID returns s if it can be a message's id, otherwise "".
func messageID(s string) string {
	if !IsMessageID(s) {
		return ""
	}
	return s
}

// checkHead refuses an answer whose header is larger than we accept, whichever
// transport has read it.
func checkHead(h http.Header) error {
	size := 0
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size > maxHead {
		return fmt.Errorf("%w: its header has more than %d bytes", ErrTooMuch, maxHead)
	}
	return nil
}

// readAtMost reads a body of at most so many bytes.
func readAtMost(body io.Reader, most int64) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(body, most+1))
	switch {
	case err != nil:
		return nil, plain.Error(fmt.Errorf("MESH's answer broke off: %w", err), mostText)
	case int64(len(read)) > most:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooMuch, most)
	}
	return read, nil
}

// elements reads the first most elements of a JSON array. more says whether
// there are further elements, which are not read.
func elements[T any](raw json.RawMessage, most int) (all []T, more bool, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, false, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, false, errNotJSON
	}
	for d.More() {
		if len(all) == most {
			return all, true, nil
		}
		var e T
		if err := d.Decode(&e); err != nil {
			return nil, false, errNotJSON
		}
		all = append(all, e)
	}
	return all, false, nil
}

var errNotJSON = errors.New("MESH's answer is not the JSON expected")

// clean makes the headers of an answer plain and limits their length. The
// partner id may be as long as the header may be: if it were cut, it would name
// subscriptions that do not exist.
func (h *Headers) clean() {
	for _, t := range h.texts() {
		*t.value = plain.Short(*t.value, t.most)
	}
	h.MessageID, h.LinkedMsgID = messageID(h.MessageID), messageID(h.LinkedMsgID)
}

// readAnswer reads the headers of an answer.
func readAnswer(src http.Header) Headers {
	h := ReadHeaders(src)
	h.clean()
	return h
}
