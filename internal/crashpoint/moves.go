package crashpoint

// The points of a move between databases. Moves lists them in their order.
const (
	MoveMarked   = "move-marked"   // the target has its mark and nothing else
	MoveTable    = "move-table"    // another table is copied
	MoveCopied   = "move-copied"   // everything is copied, and not compared
	MoveCompared = "move-compared" // everything is compared, and the mark is still there
)

// Moves is described at MoveMarked.
var Moves = []string{MoveMarked, MoveTable, MoveCopied, MoveCompared}
