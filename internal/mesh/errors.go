package mesh

import (
	"encoding/json"
	"fmt"
	"net/http"

	"nems/internal/plain"
)

// Error is a refusal of the MESH API: what the server sends and what the client
// returns. Code, Event and MessageID may be empty.
type Error struct {
	Status      int    // HTTP
	Event       string // phase: SEND, RECEIVE, TRANSFER, COLLECT
	Code        string // "Error codes" of the specification
	Description string
	MessageID   string
}

func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("MESH answered %d: %s", e.Status, e.Description)
	}
	return fmt.Sprintf("MESH answered %d, %s %s: %s", e.Status, e.Event, e.Code, e.Description)
}

// Temporary reports whether the same request may succeed later, because the
// server is busy, failing or slow. Every other error needs a person.
func (e *Error) Temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500 && e.Status != http.StatusNotImplemented
}

// Is reports whether target is the same fault, whatever message it concerns.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Status == e.Status && t.Code == e.Code && t.Event == e.Event
}

// About returns a copy of the fault for the given message.
func (e *Error) About(messageID string) *Error {
	about := *e
	about.MessageID = messageID
	return &about
}

// With returns a copy of the fault with another description.
func (e *Error) With(description string) *Error {
	other := *e
	other.Description = description
	return &other
}

// The faults of the API. Codes and descriptions come from the specification's
// "Error codes", events and statuses from the sandbox's answers. Codes that are
// words are the sandbox's, except MailboxFull: neither source has a full mailbox,
// so it has HTTP's status for it (RFC 4918, section 11.5). Clients that do not
// know that status try again.
var (
	MissingData         = &Error{417, "COLLECT", "02", "Data file is missing or inaccessible", ""}
	TooLarge            = &Error{413, "SEND", "02", "Data file is larger than 100 MB", ""}
	MailboxFull         = &Error{507, "SEND", "MailboxFull", "The recipient's mailbox is full, try again when it has been collected", ""}
	MalformedHeaders    = &Error{400, "TRANSFER", "06", "Malformed headers", ""}
	InvalidFrom         = &Error{403, "SEND", "07", "Invalid From Address, the mailbox does not match the authorization header", ""}
	MissingTo           = &Error{400, "SEND", "08", "Missing Mex-To header", ""}
	InvalidMessageType  = &Error{417, "SEND", "11", "Invalid Message Type for the transfer, should be DATA", ""}
	UnregisteredTo      = &Error{417, "SEND", "12", "Unregistered to address", ""}
	Undelivered         = &Error{410, "SEND", "14", "Message not collected by recipient after 5 days", ""}
	NotRegistered       = &Error{417, "SEND", "17", "Workflow ID not registered for mailbox", ""}
	NoSuchMessage       = &Error{404, "RECEIVE", "20", "Message does not exist", ""}
	Gone                = &Error{410, "SEND", "Message already accepted", "Message no longer available for download", ""}
	InvalidChunks       = &Error{417, "SEND", "InvalidHeaderChunks", "Invalid chunk values sent in Mex-Chunk-Range header", ""}
	InvalidChecksum     = &Error{400, "SEND", "Invalid checksum", "Invalid checksum", ""}
	UnsupportedEncoding = &Error{422, "SEND", "UnsupportedContentEncoding", "Unsupported content encoding", ""}
	EncodingChanged     = &Error{417, "", "", "cannot change content encoding", ""}
	NotUploading        = &Error{423, "", "", "The message is complete, no more chunks can be uploaded", ""}
	NoSuchChunk         = &Error{406, "", "", "The message has fewer chunks", ""}
	ManyMatches         = &Error{300, "", "", "Several messages have this local id", ""}
	UnreadableToken     = &Error{403, "", "", "Error reading from Authorization header", ""}
	InvalidToken        = &Error{403, "", "", "Invalid Authentication Token", ""}
	UsedToken           = &Error{403, "", "", "Error Duplicated Authentication Token", ""}
	Forbidden           = &Error{403, "", "", "The message belongs to another mailbox", ""}
	UnknownPath         = &Error{404, "", "", "No such endpoint", ""}
	WrongMethod         = &Error{405, "", "", "The endpoint does not know this method", ""}
	TooSlow             = &Error{408, "", "", "Data file did not arrive in time", ""}
	Crowded             = &Error{503, "", "", "Too many requests of this mailbox at a time, try again", ""}
	Unavailable         = &Error{503, "", "", "Busy, try again", ""}
	Internal            = &Error{500, "", "", "An internal error occurred", ""}
)

type errorV1 struct {
	MessageID   string `json:"messageID,omitempty"`
	Event       string `json:"errorEvent"`
	Code        string `json:"errorCode"`
	Description string `json:"errorDescription"`
}

type errorV2 struct {
	MessageID  string        `json:"message_id,omitempty"`
	InternalID string        `json:"internal_id,omitempty"`
	Detail     []errorDetail `json:"detail"`
}

type errorDetail struct {
	Event   string `json:"event"`
	Code    string `json:"code"`
	Message string `json:"msg"`
}

// Body returns the JSON of the error in the form of a version. internalID is
// the server's reference for its log; "" for none.
func (e *Error) Body(v Version, internalID string) []byte {
	var form any = errorV1{e.MessageID, e.Event, e.Code, e.Description}
	if v == V2 {
		form = errorV2{e.MessageID, internalID, []errorDetail{{e.Event, e.Code, e.Description}}}
	}
	body, err := json.Marshal(form)
	if err != nil { // cannot fail, because there are only strings
		return []byte(`{"errorDescription":"An internal error occurred"}`)
	}
	return body
}

// ReadError makes an Error from an answer's status and body, in the form of
// either version. If the body has neither form, the description is the status's
// own text. The texts are plain and short, because they are stored, logged and
// shown.
func ReadError(status int, body []byte) *Error {
	var v2 errorV2
	if json.Unmarshal(body, &v2) == nil && len(v2.Detail) > 0 && v2.Detail[0].Message != "" {
		d := v2.Detail[0]
		return answered(status, errorV1{v2.MessageID, d.Event, d.Code, d.Message})
	}
	var v1 errorV1
	if json.Unmarshal(body, &v1) == nil && v1.Description != "" {
		return answered(status, v1)
	}
	return &Error{Status: status, Description: http.StatusText(status)}
}

func answered(status int, said errorV1) *Error {
	return &Error{
		Status: status, Event: plain.Short(said.Event, mostCode), Code: plain.Short(said.Code, mostCode),
		Description: plain.Short(said.Description, mostText), MessageID: messageID(said.MessageID),
	}
}
