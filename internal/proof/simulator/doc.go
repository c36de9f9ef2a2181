// Package simulator runs the broker, the group committer and the courier with
// its MESH client, and lets everything around them fail: commits that fail, are
// slow, or whose answer is lost, nodes that are killed before and after a commit,
// clocks that jump, a patient directory that is away, slow or wrong, and a MESH
// that drops requests and answers, doubles, refuses, reports and lets messages
// arrive late.
//
// A seed runs over one of two databases (database.go). One is the SQLite store
// that ships, used by one node. SQLite reads and writes its files on a drive
// (drive.go, vfs.go) that fills up, fails, and loses what was not synced when the
// power is cut. The other is a model of a store (disk.go), shared by two nodes,
// because SQLite has one node to a file.
//
// Afterwards it heals everything, waits until all has settled, and compares what
// came of it with a book that the actors kept (book.go):
//
//   - no acknowledged event is lost, none that was refused is there;
//   - every subscription that had to hear of an event has its copy, none that
//     was deleted, ended or not yet there has one;
//   - one copy for each event and mailbox, with the published bytes; at the far
//     MESH more only for what that MESH itself did, all under one local id;
//   - the audit verifies against checkpoints taken on the way;
//   - nothing is left waiting anywhere.
//
// Whatever the SQLite store did is done again on the model (oracle.go): each call
// must have had the same answer, each mailbox must have listed the same copies in
// the same order, and in the end both must hold the same.
//
// A run lives in a synctest bubble. Every thread of it wakes at instants that
// no other one wakes at, so that a seed decides the whole schedule and a
// failure replays:
//
//	go test ./internal/proof/simulator -run Seeds -seed 17    # one, with its trace
//	go test ./internal/proof/simulator -run Seeds -seeds 50000
//	go test ./internal/proof/simulator -run Seeds -sqlite     # all over the SQLite store
//
// What the invariants are worth, planted bugs show (flaws.go).
package simulator
