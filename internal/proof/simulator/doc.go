// Package simulator runs the broker, the group committer and the courier with
// its MESH client as two nodes over one simulated disk, and lets everything
// around them fail: commits that fail, are slow, or whose answer is lost, nodes
// that are killed before and after a commit, clocks that jump, a patient
// directory that is away, slow or wrong, and a MESH that drops requests and
// answers, doubles, refuses, reports and lets messages arrive late. Afterwards
// it heals the world, waits until all has settled, and compares what came of it
// with a book that the actors kept (book.go):
//
//   - no acknowledged event is lost, none that was refused is there;
//   - every subscription that had to hear of an event has its copy, none that
//     was deleted, ended or not yet there has one;
//   - one copy for each event and mailbox, with the published bytes; at the far
//     MESH more only for what that MESH itself did, all under one local id;
//   - the audit verifies against checkpoints taken on the way;
//   - nothing is left waiting anywhere.
//
// A run lives in a synctest bubble. Every thread of it wakes at instants that
// no other one wakes at, so that a seed decides the whole schedule and a
// failure replays:
//
//	go test ./internal/proof/simulator -run Seeds -seed 17    # one, with its trace
//	go test ./internal/proof/simulator -run Seeds -seeds 50000
package simulator

// Bug is a fault planted on purpose: the invariants have to find it.
type Bug int

// The planted bugs.
const (
	NoBug             Bug = iota
	AcknowledgesEarly     // answers a publish before its commit
	LosesCursor           // keeps in memory how far a large fan-out has come
	MatchesStaleCache     // matches against subscriptions as it remembers them
	RepeatsAfterCrash     // keeps idempotency keys in memory
	ForgetsAmbiguous      // does not remember that nobody answered a send
	OldestUncertain       // takes the oldest copy of a lane for the one that was on its way when the claim lapsed
)
