// Package simulator runs the broker, the group committer and the courier with its MESH
// client, and makes everything around them fail. Commits fail, are slow, or their answers
// are lost. Nodes are killed before and after a commit. Clocks jump. The patient directory
// is unreachable, slow or wrong. The MESH drops requests and answers, duplicates, refuses,
// reports, and lets messages arrive late.
//
// A seed runs with one of two databases (database.go). One is the real SQLite store, used
// by one node. SQLite reads and writes its files on a drive (drive.go, vfs.go) that fills
// up, fails, and loses what was not synced when the power is cut. The other is a model of
// a store (disk.go), shared by two nodes, because SQLite allows only one node per file.
//
// At the end the simulator heals everything, waits until everything has settled, and
// compares the results with a book that the actors kept (book.go):
//
//   - no acknowledged event is lost, and no refused one is stored;
//   - every subscription that had to receive an event has its copy, and none that
//     was deleted, had ended or did not exist yet has one;
//   - there is one copy for each event and mailbox, with the published bytes; at
//     the far MESH there are more only because of what that MESH did, all with one
//     local id;
//   - the audit verifies against checkpoints taken during the run;
//   - nothing is left waiting anywhere.
//
// Everything that the SQLite store did is repeated on the model (oracle.go): each call
// must have had the same answer, each mailbox must have listed the same copies in the same
// order, and at the end both must hold the same.
//
// A run takes place in a synctest bubble. Every thread of it wakes at instants at which no
// other thread wakes, so that a seed decides the whole schedule and a failure can be
// replayed:
//
//	go test ./internal/proof/simulator -run Seeds -seed 17    # one, with its trace
//	go test ./internal/proof/simulator -run Seeds -seeds 50000
//	go test ./internal/proof/simulator -run Seeds -sqlite     # all with the SQLite store
//
// Planted bugs show that the invariants find faults (flaws.go).
package simulator
