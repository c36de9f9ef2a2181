package fhir

import (
	"sync"
	"sync/atomic"
)

// Document is a resource read from XML: the bytes and a flat table of its
// elements. It is never changed after ParseXML and safe for concurrent
// readers. The narrative is one node (div) without children: its bytes are
// to be had with Offset.
type Document struct {
	src   []byte
	nodes []record
	facts *factTable // so that no name costs a look at the once

	once       sync.Once // references, worked out when first asked for
	references *References

	asked      atomic.Int32 // how often it was asked where something stands
	placesOnce sync.Once    // places, worked out when that is often
	places     places
}

// record is one element. A subtree lies in one piece: the element, then its
// descendants in document order, up to the index next. 24 bytes, since a
// message may consist of four-byte elements and eight times its size is all
// that reading may take.
type record struct {
	start, end uint32 // byte range in the source, tags included
	next       uint32 // index behind the last descendant
	parent     uint32
	value      uint32 // offset of the value (url for extensions) behind its quote; 0: none
	name       uint16 // into names; 0: not an element of STU3
	typ        uint16 // into types; 0: unknown
}

// Root gives the outermost element.
func (d *Document) Root() Node {
	if d == nil || len(d.nodes) == 0 {
		return Node{}
	}
	return Node{d, 0}
}

// Bytes gives the source as it was parsed. It must not be changed.
func (d *Document) Bytes() []byte {
	if d == nil {
		return nil
	}
	return d.src
}
