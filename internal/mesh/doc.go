// Package mesh implements the MESH API: its token, message ids, mex- headers,
// errors and workflow filters. The client is here; the server in package
// mailbox uses the rest.
//
// Source: NHSDigital/mesh-api-specification (2026-05, "mesh-api.yaml"); where
// it is silent, NHSDigital/mesh-sandbox.
package mesh

// Limits of the MESH API ("Send message", "Send chunked message").
const (
	// MaxChunk is the largest body of one request, in bytes: 100 MB.
	MaxChunk = 100 << 20
	// MaxChunks is the largest number of chunks of a message. With MaxChunk it
	// makes the 100 GB that a chunked message may have ("Outbox workflow").
	MaxChunks = 1000
	// MaxPartnerID is the longest partner id, in bytes, that is sent with a
	// copy. With the rest of the header it stays below what a Client accepts.
	// The schema allows only 500, which a few subscriptions fill.
	MaxPartnerID = 240 << 10
	// DefaultPage, MinPage and MaxPage are numbers of message ids in one listing.
	DefaultPage = 500
	MinPage     = 10
	MaxPage     = 5000
)
