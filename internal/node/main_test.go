package node_test

import (
	"os"
	"testing"

	"nems/internal/store/postgres/pgtest"
)

// TestMain runs the tests and checks that no goroutine of a server outlives it.
// As a child of the crash test it is a server instead.
func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		serveUntilKilled(folder)
		return
	}
	pgtest.Main(m)
}

// about returns the beginning of the criteria of an explicit subscription.
func about(number string) string {
	return "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + number
}

// rule returns the beginning of the criteria of a generic subscription.
func rule(kind, organisation string) string {
	return "/Bundle?type=message&subscriptionRuleType=" + kind + "&Organization.identifier=" + organisation
}
