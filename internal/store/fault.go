package store

import "encoding/json"

// fault is why a copy was given up, or goes on waiting. Stores keep it as JSON
// under the names of the fields.
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

// Fault is what a store keeps of why a message was given up.
func (m *Message) Fault() []byte {
	return fault{m.LinkedID, m.ErrorCode, m.ErrorEvent, m.ErrorText}.pack()
}

// Fault is what a store keeps of what went wrong with a delivery; nil for
// nothing.
func (d *Delivery) Fault() []byte {
	if d.ErrorCode == "" && d.ErrorText == "" {
		return nil
	}
	return fault{d.MESHID, d.ErrorCode, d.ErrorEvent, d.ErrorText}.pack()
}

// Fault is what a store keeps of what was reported.
func (r *DeliveryReport) Fault() []byte {
	return fault{r.LinkedID, r.ErrorCode, r.ErrorEvent, r.ErrorText}.pack()
}
