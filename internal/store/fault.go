package store

import "encoding/json"

// fault is why a copy was given up, or why it continues to wait. Stores keep it
// as JSON under the names of the fields.
type fault struct{ LinkedID, ErrorCode, ErrorEvent, ErrorText string }

func (f fault) pack() []byte {
	b, _ := json.Marshal(f) // four texts: cannot fail
	return b
}

// unpackFault is the inverse of pack; nil is the zero fault.
func unpackFault(b []byte) (f fault, err error) {
	if b != nil {
		err = json.Unmarshal(b, &f)
	}
	return f, err
}

// Fault returns what a store keeps about why a message was given up.
func (m *Message) Fault() []byte {
	return fault{m.LinkedID, m.ErrorCode, m.ErrorEvent, m.ErrorText}.pack()
}

// Fault returns what a store keeps about what went wrong with a delivery; nil
// if nothing did.
func (d *Delivery) Fault() []byte {
	if d.ErrorCode == "" && d.ErrorText == "" {
		return nil
	}
	return fault{d.MESHID, d.ErrorCode, d.ErrorEvent, d.ErrorText}.pack()
}

// Fault returns what a store keeps about what was reported.
func (r *DeliveryReport) Fault() []byte {
	return fault{r.LinkedID, r.ErrorCode, r.ErrorEvent, r.ErrorText}.pack()
}
