package receiver

// Memory is what a Receiver knows of the messages before. FileMemory keeps it
// in a file; implement it on your own database to record a message in the same
// transaction as its effect. One Receiver uses it from one goroutine.
//
// Keys and sequences are opaque texts. A sequence holds an NHS number or an
// identifier: store a digest of it, or store it where patients' data may be.
type Memory interface {
	// Finished tells whether a message with this key was finished.
	Finished(key string) (bool, error)
	// Newest returns the newest event finished of a sequence; zero when nothing
	// is known.
	Newest(sequence string) (Known, error)
	// Attempts returns how many attempts were recorded for a message that is not
	// finished, 0 when none were.
	Attempts(key string) (int, error)
	// Attempt records the number of attempts begun, before the Handler is called,
	// so that a message that ends the process is counted too. It need not
	// survive a power cut.
	Attempt(key string, n int) error
	// Finish records that a message needs no more attempts, and what it is in its
	// sequence ("" for none); Newest gives the newest of all, as Known.Merge
	// makes it. It returns when that is on disk: the message is acknowledged next
	// and MESH forgets it.
	Finish(key, sequence string, k Known) error
}
