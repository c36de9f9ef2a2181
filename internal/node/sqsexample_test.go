package node_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

// TestQueueExample runs the consumer of the handbook, which is one for Amazon's
// queues, where Amazon's library for Python is installed.
func TestQueueExample(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import boto3").Run() != nil {
		t.Skip("python3 with boto3 is not installed")
	}
	here := nodetest.Boot(t)
	subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1", "arn:aws:sqs:eu-west-2:000000000000:MAILBOX1234", "application/fhir+json")
	for range 2 {
		here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	}
	cmd := exec.Command(python, "../../docs/examples/queue_consumer.py")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "MESSAGES=2", "QUEUE_ENDPOINT="+here.URL)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "imms-vaccination-record-change-1 ") != 2 {
		t.Errorf("%v: %s", err, out)
	}
}
