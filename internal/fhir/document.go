package fhir

import (
	"sync"
	"sync/atomic"
)

// Document is a resource read from XML: the bytes and a flat table of its
// elements. It never changes after ParseXML, and it is safe for concurrent
// readers. The narrative is one node (div) without children; Offset returns
// where its bytes are.
type Document struct {
	src   []byte
	nodes []record
	facts *factTable // kept here so that names need no call of facts()

	once       sync.Once // guards references, which are computed at the first request
	references *References

	asked      atomic.Int32 // how often the position of an element was requested
	placesOnce sync.Once    // guards places, which are computed once there were many requests
	places     places
}

// record is one element. A subtree is contiguous: the element, then its
// descendants in document order, up to the index next. A record has only 24
// bytes, because a message may consist of four-byte elements and reading may
// take at most eight times its size.
type record struct {
	start, end uint32 // byte range in the source, tags included
	next       uint32 // index after the last descendant
	parent     uint32
	value      uint32 // offset of the value (for extensions: the url) after its quote; 0 means none
	name       uint16 // index into names; 0 means that STU3 has no such element
	typ        uint16 // index into types; 0 means unknown
}

// Root returns the outermost element.
func (d *Document) Root() Node {
	if d == nil || len(d.nodes) == 0 {
		return Node{}
	}
	return Node{d, 0}
}

// Bytes returns the source as it was parsed. The caller must not change it.
func (d *Document) Bytes() []byte {
	if d == nil {
		return nil
	}
	return d.src
}
