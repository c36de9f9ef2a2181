package mesh

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The mex- headers, in lower case as they are sent: a client in use compares
// the names with regard to case.
const (
	HeaderFrom              = "mex-from"
	HeaderTo                = "mex-to"
	HeaderWorkflowID        = "mex-workflowid"
	HeaderMessageType       = "mex-messagetype"
	HeaderMessageID         = "mex-messageid"
	HeaderLocalID           = "mex-localid"
	HeaderPartnerID         = "mex-partnerid"
	HeaderFileName          = "mex-filename"
	HeaderSubject           = "mex-subject"
	HeaderChunkRange        = "mex-chunk-range"
	HeaderTotalChunks       = "mex-total-chunks"
	HeaderContentCompressed = "mex-content-compressed"
	HeaderContentEncrypted  = "mex-content-encrypted"
	HeaderContentChecksum   = "mex-content-checksum"
	HeaderContentType       = "mex-content-type"
	HeaderStatusCode        = "mex-statuscode"
	HeaderStatusEvent       = "mex-statusevent"
	HeaderStatusDescription = "mex-statusdescription"
	HeaderStatusSuccess     = "mex-statussuccess"
	HeaderStatusTimestamp   = "mex-statustimestamp"
	HeaderLinkedMsgID       = "mex-linkedmsgid"
	HeaderAddressType       = "mex-addresstype"
	HeaderVersion           = "mex-version"
	HeaderClientVersion     = "mex-clientversion"
	HeaderOSName            = "mex-osname"
	HeaderOSVersion         = "mex-osversion"
	// HeaderReplay is our own: the replay that has a message delivered again.
	HeaderReplay = "mex-replay"
)

// StatusTime is the layout of mex-statustimestamp, in UTC.
const StatusTime = "20060102150405"

// Headers are the mex- headers of a message. Empty ones are not written.
type Headers struct {
	From, To, WorkflowID     string
	MessageType, MessageID   string
	LocalID, PartnerID       string
	FileName, Subject        string
	Chunk                    ChunkRange // zero means absent
	TotalChunks              string     // only in a download
	Compressed, Encrypted    bool
	Checksum, ContentType    string
	StatusCode, StatusEvent  string
	StatusDescription        string
	StatusSuccess            string // SUCCESS or ERROR
	StatusTime               time.Time
	LinkedMsgID, AddressType string
	Version, Replay          string
}

// replaySubject precedes the id of a replay in the subject of a message.
const replaySubject = "NEMS replay "

// ReplaySubject is the subject of a message that a replay has sent again; "" for none. A
// MESH elsewhere hands on no header of ours, but the subject.
func ReplaySubject(replay string) string {
	if replay == "" {
		return ""
	}
	return replaySubject + replay
}

// ReplayOf is the replay that has a message delivered again, by the header of our own
// MESH or by the subject; "" for none.
func (h *Headers) ReplayOf() string {
	if id, is := strings.CutPrefix(h.Subject, replaySubject); is && h.Replay == "" && len(id) <= mostCode {
		return id
	}
	return h.Replay
}

// textHeader is a plain text header: its name, its field, and how many of its
// bytes are accepted in an answer.
type textHeader struct {
	name  string
	value *string
	most  int
}

// texts returns all plain text headers.
func (h *Headers) texts() [20]textHeader {
	return [...]textHeader{
		{HeaderFrom, &h.From, mostID}, {HeaderTo, &h.To, mostID}, {HeaderWorkflowID, &h.WorkflowID, mostName},
		{HeaderMessageType, &h.MessageType, mostCode}, {HeaderMessageID, &h.MessageID, mostName},
		{HeaderLocalID, &h.LocalID, mostName}, {HeaderPartnerID, &h.PartnerID, maxHead},
		{HeaderFileName, &h.FileName, mostName}, {HeaderSubject, &h.Subject, mostText},
		{HeaderTotalChunks, &h.TotalChunks, mostCode}, {HeaderContentChecksum, &h.Checksum, mostID},
		{HeaderContentType, &h.ContentType, mostID}, {HeaderStatusCode, &h.StatusCode, mostCode},
		{HeaderStatusEvent, &h.StatusEvent, mostCode}, {HeaderStatusDescription, &h.StatusDescription, mostText},
		{HeaderStatusSuccess, &h.StatusSuccess, mostCode}, {HeaderLinkedMsgID, &h.LinkedMsgID, mostName},
		{HeaderAddressType, &h.AddressType, mostCode}, {HeaderVersion, &h.Version, mostCode},
		{HeaderReplay, &h.Replay, mostCode},
	}
}

// Write adds the headers to dst under their lower case names. It bypasses the
// methods of http.Header, which would change the case.
func (h Headers) Write(dst http.Header) {
	values := make([]string, 0, 24) // one allocation for all of them
	set := func(name, value string) {
		values = append(values, value)
		dst[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for _, t := range h.texts() {
		if *t.value != "" {
			set(t.name, oneLine(*t.value))
		}
	}
	if h.Chunk != (ChunkRange{}) {
		set(HeaderChunkRange, h.Chunk.String())
	}
	if h.Compressed {
		set(HeaderContentCompressed, "Y")
	}
	if h.Encrypted {
		set(HeaderContentEncrypted, "Y")
	}
	if !h.StatusTime.IsZero() {
		set(HeaderStatusTimestamp, h.StatusTime.UTC().Format(StatusTime))
	}
}

// oneLine prevents a stored value from ending its header.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// ReadHeaders reads the mex- headers of a request or an answer, whatever the
// case of their names. A flag is true for every word that the sandbox accepts
// as yes. A chunk range or time that cannot be read stays zero; ParseChunkRange
// says what is wrong with a range.
func ReadHeaders(src http.Header) Headers { return ReadLower(Lower(src)) }

// ReadLower reads the result of Lower.
func ReadLower(mex map[string]string) Headers {
	var h Headers
	for _, t := range h.texts() {
		*t.value = strings.TrimSpace(mex[t.name])
	}
	h.Compressed = yes(mex[HeaderContentCompressed])
	h.Encrypted = yes(mex[HeaderContentEncrypted])
	if c, err := ParseChunkRange(mex[HeaderChunkRange]); err == nil {
		h.Chunk = c
	}
	if mex[HeaderStatusTimestamp] == "" {
		return h
	}
	if at, err := time.Parse(StatusTime, mex[HeaderStatusTimestamp]); err == nil {
		h.StatusTime = at
	}
	return h
}

// Lower returns the first value of every mex- header under its lower case name.
func Lower(src http.Header) map[string]string {
	mex := make(map[string]string, 16)
	for name, values := range src {
		if len(name) > 4 && strings.EqualFold(name[:4], "mex-") && len(values) > 0 {
			mex[strings.ToLower(name)] = values[0]
		}
	}
	return mex
}

func yes(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "y", "yes", "t", "true", "on", "1":
		return true
	}
	return false
}

// ChunkRange is mex-chunk-range: chunk Number (from 1) of Total.
type ChunkRange struct{ Number, Total int }

func (c ChunkRange) String() string { return strconv.Itoa(c.Number) + ":" + strconv.Itoa(c.Total) }

// ParseChunkRange reads n:total with 1 <= n <= total <= MaxChunks. Its error is
// InvalidChunks.
func ParseChunkRange(s string) (ChunkRange, error) {
	number, total, ok := strings.Cut(strings.TrimSpace(s), ":")
	number, total = strings.TrimSpace(number), strings.TrimSpace(total)
	if !ok || !digits(number, 9) || !digits(total, 9) {
		return ChunkRange{}, InvalidChunks
	}
	n, _ := strconv.Atoi(number) // nine digits always fit
	t, _ := strconv.Atoi(total)
	if n < 1 || n > t || t > MaxChunks {
		return ChunkRange{}, InvalidChunks
	}
	return ChunkRange{n, t}, nil
}
