// Package mesh speaks the MESH API: its token, message ids, mex- headers,
// errors and workflow filters, shared by the client here and the server in
// package mailbox.
//
// Source: NHSDigital/mesh-api-specification (2026-05, "mesh-api.yaml"); where
// it is silent, NHSDigital/mesh-sandbox.
package mesh

// Limits of the MESH API ("Send message", "Send chunked message").
const (
	// MaxChunk is the largest body of one request, in bytes: 100 MB.
	MaxChunk = 100 << 20
	// MaxChunks is the most chunks of a message that we take. With MaxChunk it
	// is the 100 GB that a chunked message may have ("Outbox workflow").
	MaxChunks = 1000
	// MaxPartnerID is the longest partner id that a copy here is given with, in
	// bytes; with the rest of the header it stays below what a Client takes. The
	// schema has 500, which a few subscriptions fill.
	MaxPartnerID = 240 << 10
	// DefaultPage and MaxPage are the message ids of one listing.
	DefaultPage = 500
	MinPage     = 10
	MaxPage     = 5000
)
