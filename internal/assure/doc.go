// Package assure puts a supplier's system through a test plan and writes a report
// that an assurer can accept.
//
// A real NEMS runs on a folder that is thrown away afterwards (service.go). In front of
// it is a door (door.go), to which the system under test is pointed. The door records
// every exchange, judges every request by the specification (judge.go), and answers in
// the service's place where a step says so (fault.go). A plan is a file (plan.go); its
// templates become steps for the declared event types (step.go), with nothing but the
// event types' catalogue files. The engine (engine.go) takes one step after the other:
// it does the step's deeds to the service, has a Driver ask for what is to be done, waits
// until it has come, and lets the step's checks judge it. What came of all that is the
// Report.
//
// # To add a step
//
// A step that uses what there is needs a few lines in a plan and no Go. A new check is
// an entry of the table checks: a function over the Outcome, which has the exchanges of
// the step and all before it. A new deed is an entry of the table deeds: a function that
// does something to the service (its desk, its clock, its mailboxes) and returns what
// puts it back. A new answer is an entry of the table refusals.
//
// # The other side
//
// A plan with the side "subscriber" runs on the same engine. The exchanges of
// subscribing, and of the MESH API below /messageexchange/, pass the same door and are
// in the Outcome. Deeds publish what the system is to collect. What the system made of
// it comes as Outcome.Told.
//
// Each check has a name that requirements refer to: the side and the check, such as
// publisher/token-scope; and rule:ID for the rules of an event type's page. The package
// requirements has the list of them.
package assure

// The sides of a plan.
const (
	Publisher  = "publisher"
	Subscriber = "subscriber"
)
