package message

import (
	"time"

	"github.com/google/uuid"
)

// Header is what every event message has (page "Generic Event Message Requirements").
type Header struct {
	// ID becomes MessageHeader.id, a UUID in lower case; "" means a fresh one. Send
	// a message again with the same id, so that nobody takes it for a second event.
	ID string
	// IDs returns the ids of all other resources; nil means random UUIDs. The same
	// ids and values make the same bytes.
	IDs func() string
	// Timestamp is when the message is made.
	Timestamp time.Time
	// LastUpdated is when what the message is about was recorded. Subscribers order
	// the messages of one patient by it. The zero time means Timestamp.
	LastUpdated time.Time
	// VersionID is MessageHeader.meta.versionId, a number; "" means none.
	VersionID string
	// Source is the system that sends the message. The zero Source means the Spine's
	// demographics, in their own events; other events need one.
	Source Source
	// Responsible is the organisation that answers for the message. The zero
	// Organisation means NHS England, in events of demographics.
	Responsible Organisation
}

// Source is a system that sends messages: MessageHeader.source.
type Source struct {
	Name    string
	Contact Contact // whom receivers ask when a message puzzles them
	ASID    string  // twelve digits
}

// Systems of a Contact.
const (
	Phone = "phone"
	Email = "email"
)

// Contact is a telephone number or an e-mail address.
type Contact struct {
	System string // Phone or Email
	Value  string
}

// Organisation is an organisation of the Organisation Data Service.
type Organisation struct {
	ODS  string // its code, in capital letters
	Name string
	// PartOf is the organisation that commissions this one. Only a change of GP says
	// it, of every organisation; there nil means NHS England.
	PartOf *Organisation
	// Telecom is how the organisation is reached.
	Telecom []Contact
}

// nhsEngland is the organisation that runs the Spine.
var nhsEngland = Organisation{ODS: "X26", Name: "NHS ENGLAND"}

// spineSource is the source of the demographics' events, as their pages' examples have it.
var spineSource = Source{
	Name:    "Personal Demographics Service",
	Contact: Contact{Email, "ssd.nationalservicedesk@nhs.net"},
	ASID:    "477121000323",
}

// ofSpine fills in what events of demographics have in common.
func (h Header) ofSpine() Header {
	if h.Source == (Source{}) {
		h.Source = spineSource
	}
	if h.Responsible.ODS == "" && h.Responsible.Name == "" {
		partOf, telecom := h.Responsible.PartOf, h.Responsible.Telecom
		h.Responsible = nhsEngland
		h.Responsible.PartOf, h.Responsible.Telecom = partOf, telecom
	}
	return h
}

// complete fills in the ids and times that are left out.
func (h Header) complete() Header {
	if h.IDs == nil {
		h.IDs = uuid.NewString
	}
	if h.LastUpdated.IsZero() {
		h.LastUpdated = h.Timestamp
	}
	return h
}

func (h Header) check(c *checker) {
	if h.ID != "" && !isUUID(h.ID) {
		c.wrong("Header.ID", "is a UUID in lower case, like f81d4fae-7dec-41d0-a765-00a0c91e6bf6")
	}
	c.time("Header.Timestamp", h.Timestamp)
	c.time("Header.LastUpdated", h.LastUpdated)
	c.optional(h.VersionID, func() { c.number("Header.VersionID", h.VersionID) })
	c.text("Header.Source.Name", h.Source.Name)
	c.contact("Header.Source.Contact", h.Source.Contact)
	c.asid("Header.Source.ASID", h.Source.ASID)
	h.Responsible.check(c, "Header.Responsible")
}

func (o Organisation) check(c *checker, field string) {
	c.ods(field+".ODS", o.ODS)
	c.text(field+".Name", o.Name)
	for i, contact := range o.Telecom {
		c.contact(at(field+".Telecom", i), contact)
	}
	c.parents(field, o.PartOf)
}

// maxParents ends the way up from an organisation: the directory has five levels.
const maxParents = 10

// parents checks the organisations above one. Two may name each other; the way up
// is followed until it comes back.
func (c *checker) parents(field string, parent *Organisation) {
	seen := map[*Organisation]bool{}
	for ; parent != nil && !seen[parent]; parent = parent.PartOf {
		seen[parent] = true
		field += ".PartOf"
		if len(seen) > maxParents {
			c.wrong(field, "is at most ten organisations up")
			return
		}
		c.ods(field+".ODS", parent.ODS)
		c.text(field+".Name", parent.Name)
	}
}
