package sqs

import "strings"

// Queue returns the name of the queue in an ARN, and whether its account is that of
// the queues here.
func Queue(arn string) (name string, ours bool) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 {
		return "", false
	}
	return parts[5], parts[4] == account
}
