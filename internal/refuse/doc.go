// Package refuse has the refusals of a NEMS: codes, issues, and one function for
// each situation in which a request is refused. It knows neither HTTP nor FHIR's
// syntax; package api writes what it says.
//
// Sources: Spine Core, "Error handling"; NEMS specification 2.15, "Create
// Subscription" and "Publish an Event Message"; the NHS harness where those are
// silent.
package refuse
