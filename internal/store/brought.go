package store

import (
	"encoding/json"
	"net/url"
	"path"
	"strings"
	"time"

	"nems/internal/audit"
)

// Brought is the endpoint that a subscription brings along. It is stored with the
// subscription, or not at all.
type Brought struct {
	// Endpoint is as it is to be, with the version that was read (0: of none). Its row
	// is found by the id of its mailbox.
	Endpoint Endpoint
	// Alone says that no other live subscription may name the endpoint.
	Alone bool
	Audit audit.Entry // of the endpoint
}

// SwitchedOff is why an endpoint is off that an operator has switched off.
const SwitchedOff = "switched off by an operator"

// HeldError says that an operator has switched off the address of an endpoint, or one
// above it, for its organisation. Nothing was stored.
type HeldError struct{}

func (*HeldError) Error() string { return "an operator has switched off this address" }

// kept are the members by which the values of all channels say where they lead, and
// whether they are off.
type kept struct {
	URL string `json:"url"`
	place
	Target place  `json:"target"`
	Off    bool   `json:"off"`
	Why    string `json:"why"`
}

type place struct {
	Endpoint string `json:"endpoint"`
	Mailbox  string `json:"mailbox"`
}

func readKept(value []byte) (k kept) {
	_ = json.Unmarshal(value, &k) // what cannot be read leads nowhere
	return k
}

// HeldBy returns the address that is held because an operator has switched an endpoint
// with this value off; "" for none.
func HeldBy(value []byte) string {
	if k := readKept(value); k.Off && k.Why == SwitchedOff {
		return k.address()
	}
	return ""
}

// AddressOf returns where an endpoint with this value leads, for Holds.
func AddressOf(value []byte) string { return readKept(value).address() }

func (k kept) address() string {
	for _, box := range []string{k.Mailbox, k.Target.Mailbox} {
		if box != "" {
			return address("mesh://" + box)
		}
	}
	for _, at := range []string{k.URL, k.Target.Endpoint, k.Endpoint} {
		if at != "" {
			return address(at)
		}
	}
	return ""
}

// Stopped says whether nothing is sent to an endpoint, why, and since when. Via is the row
// of the endpoint through which it is sent to; 0 for most.
type Stopped struct {
	Off   bool      `json:"off"`
	Why   string    `json:"why"`
	Since time.Time `json:"since"`
	Via   int64     `json:"via"`
}

// StoppedBy reads the value of an endpoint of any channel.
func StoppedBy(value []byte) (s Stopped) {
	_ = json.Unmarshal(value, &s) // what cannot be read says nothing
	return s
}

// address leaves out what a subscriber can vary without reaching another receiver: the
// query, capitals of the host, the usual port, and how a path is written.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return text
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return strings.ToLower(u.Scheme) + "://" + host + ":" + port + path.Clean("/"+u.Path)
}

// Holds reports whether an address is the held one, or below it.
func Holds(held, address string) bool {
	return address == held || strings.HasPrefix(address, strings.TrimSuffix(held, "/")+"/")
}
