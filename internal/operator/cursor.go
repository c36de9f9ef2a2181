package operator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
)

// processKey seals the cursors of a desk without a key of its own.
var processKey = sync.OnceValue(func() []byte { return []byte(rand.Text()) })

// sealSize is how many bytes of the HMAC a cursor has.
const sealSize = 16

// seal makes the cursor of the place where a page has ended. It is bound to the
// list, its filter and the user, so that nobody reads on in what somebody else
// has looked for: the audit has an entry of the first page alone.
func (d Desk) seal(list string, filter, place any) (string, error) {
	at, err := json.Marshal(place)
	if err != nil {
		return "", err
	}
	mac, err := d.mac(list, filter, at)
	return base64.RawURLEncoding.EncodeToString(append(mac, at...)), err
}

// open reads into place what seal made a cursor of; "" leaves it alone.
func (d Desk) open(cursor, list string, filter, place any) error {
	if cursor == "" {
		return nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	// Some texts that differ decode to the same bytes: only the one that was given counts.
	if err != nil || len(sealed) < sealSize || base64.RawURLEncoding.EncodeToString(sealed) != cursor {
		return errCursor
	}
	mac, err := d.mac(list, filter, sealed[sealSize:])
	if err != nil {
		return err
	}
	if !hmac.Equal(mac, sealed[:sealSize]) || json.Unmarshal(sealed[sealSize:], place) != nil {
		return errCursor
	}
	return nil
}

// errCursor is the answer to a cursor that this desk has not made for this search.
var errCursor = &Error{Code: Invalid, Field: "after", Expected: "the next of a page of the same search",
	Message: "after: expected the next of a page of the same search; received another value, the next of another search, or one from before the service was started: search again"}

func (d Desk) mac(list string, filter any, at []byte) ([]byte, error) {
	selected, err := json.Marshal(filter)
	if err != nil {
		return nil, err
	}
	key := d.CursorKey
	if key == nil {
		key = processKey()
	}
	h := hmac.New(sha256.New, key)
	for _, part := range [][]byte{[]byte("operator"), []byte(list), []byte(d.User), selected, at} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return h.Sum(nil)[:sealSize], nil
}

// listing is a list that a page is cut out of: behind the place after, limit
// items of those that the filter selects.
type listing[P any] struct {
	desk   Desk
	name   string
	filter any
	limit  int
	after  P // the zero value: from the beginning
}

// list begins a page.
func list[P any](d Desk, name string, filter any, p Paging) (l listing[P], err error) {
	l = listing[P]{desk: d, name: name, filter: filter}
	if l.limit, err = limited("limit", p.Limit); err == nil {
		err = d.open(p.After, name, filter, &l.after)
	}
	return l, err
}

// page makes the page of items, of which one more than the limit was read if
// there is. place says where an item stands.
func page[T, P any](l listing[P], items []T, place func(T) P) (Page[T], error) {
	if len(items) <= l.limit {
		return Page[T]{Items: append([]T{}, items...)}, nil
	}
	next, err := l.desk.seal(l.name, l.filter, place(items[l.limit-1]))
	return Page[T]{Items: items[:l.limit], Next: next}, err
}

// shown makes a page of what people see of a page of rows.
func shown[R, T any](p Page[R], err error, show func(R) (T, error)) (Page[T], error) {
	out := Page[T]{Items: make([]T, len(p.Items)), Next: p.Next}
	for i := 0; i < len(p.Items) && err == nil; i++ {
		out.Items[i], err = show(p.Items[i])
	}
	if err != nil {
		return Page[T]{}, err
	}
	return out, nil
}
