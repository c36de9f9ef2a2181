package receiver

// Memory is what a Receiver remembers of earlier messages. FileMemory keeps it
// in a file. Implement it on your own database to record a message in the same
// transaction as its effect. One Receiver uses it, from one goroutine.
//
// Keys and sequences are opaque texts. A sequence holds an NHS number or an
// identifier: store a digest of it, or store it only where patients' data may
// be.
type Memory interface {
	// Finished reports whether a message with this key was finished.
	Finished(key string) (bool, error)
	// Newest returns the newest finished event of a sequence; the zero Known
	// when nothing is remembered.
	Newest(sequence string) (Known, error)
	// Attempts returns how many attempts were recorded for an unfinished
	// message, 0 when none were.
	Attempts(key string) (int, error)
	// Attempt records how many attempts were begun. It is called before the
	// Handler, so that a message that ends the process is counted too. The record
	// need not survive a power cut.
	Attempt(key string, n int) error
	// Finish records that a message needs no more attempts, and what it
	// contributes to its sequence ("" for none). Newest then returns the newest
	// of all, as Known.Merge combines them. Finish returns when the record is on
	// disk: the message is acknowledged next, and MESH forgets it.
	Finish(key, sequence string, k Known) error
}
