package sqs

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"nems/internal/store"
)

// problem is an answer that refuses. Clients know it by its code: those that came
// with SQS's JSON protocol by the shape, all others by the code of the earlier
// Query protocol, which the answer's header has (AWS, "AWS JSON protocol", query
// compatibility).
type problem struct {
	shape   string // of AWS's model of SQS
	query   string // "" for the shape
	status  int
	message string
}

func (p *problem) Error() string { return p.message }

// because returns the problem with other words.
func (p *problem) because(format string, args ...any) *problem {
	out := *p
	out.message = fmt.Sprintf(format, args...)
	return &out
}

// code is by which clients know the problem.
func (p *problem) code() string {
	if p.query != "" {
		return p.query
	}
	return p.shape
}

// former is what codes of the Query protocol begin with.
const former = "AWS.SimpleQueueService."

func refused(shape, query, message string) *problem {
	return &problem{shape, query, http.StatusBadRequest, message}
}

// The problems (AWS, SQS API reference, "Errors" of each action).
var (
	noQueue       = refused("QueueDoesNotExist", former+"NonExistentQueue", "The specified queue does not exist or you do not have access to it.")
	notOffered    = refused("UnsupportedOperation", former+"UnsupportedOperation", "This service does not offer the operation.")
	badHandle     = refused("ReceiptHandleIsInvalid", "", "The receipt handle does not belong to this queue.")
	notHeld       = refused("MessageNotInflight", former+"MessageNotInflight", "The message is not in flight: its visibility timeout has passed, or it was received again.")
	badValue      = refused("InvalidParameterValue", "", "A parameter has a value that is not allowed.")
	missing       = refused("MissingParameter", "", "A required parameter is missing.")
	badContents   = refused("InvalidMessageContents", "", "The message has characters that are not allowed: expected #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD or #x10000 to #x10FFFF.")
	badAttribute  = refused("InvalidAttributeName", "", "There is no such attribute.")
	noEntries     = refused("EmptyBatchRequest", former+"EmptyBatchRequest", "The batch has no entries.")
	manyEntries   = refused("TooManyEntriesInBatchRequest", former+"TooManyEntriesInBatchRequest", "The batch has more than 10 entries.")
	sameIDs       = refused("BatchEntryIdsNotDistinct", former+"BatchEntryIdsNotDistinct", "Two entries of the batch have one id.")
	badEntryID    = refused("InvalidBatchEntryId", former+"InvalidBatchEntryId", "The id of an entry has 1 to 80 letters, digits, dashes or underscores.")
	longBatch     = refused("BatchRequestTooLong", former+"BatchRequestTooLong", "The messages of the batch have more than 1048576 bytes together.")
	throttled     = refused("RequestThrottled", "", "Too many requests of this caller are served at the same time.")
	full          = refused("OverLimit", "", "The queue has no room: its consumer must delete messages first.")
	unreadable    = refused("SerializationException", "", "The body is not a JSON object as the operation expects.")
	unknown       = refused("UnknownOperationException", "", "Expected POST with the header X-Amz-Target: AmazonSQS.<operation>.")
	noToken       = &problem{"MissingAuthenticationToken", "", http.StatusForbidden, "Expected the header Authorization with a Signature Version 4."}
	badToken      = &problem{"IncompleteSignature", "", http.StatusForbidden, "The header Authorization is not a complete Signature Version 4 for the service sqs."}
	badSignature  = &problem{"SignatureDoesNotMatch", "", http.StatusForbidden, "The access key is not known, or the signature is not that of the request."}
	expired       = &problem{"RequestExpired", "", http.StatusForbidden, "The request was signed more than 15 minutes ago, or is dated so far ahead."}
	accessDenied  = &problem{"AccessDenied", "", http.StatusForbidden, "The caller may not do that with this queue."}
	unavailable   = &problem{"ServiceUnavailable", "", http.StatusServiceUnavailable, "The service is busy. Try again."}
	internalError = &problem{"InternalError", "InternalFailure", http.StatusInternalServerError, "The service has failed. Its log says more, under the id of the request."}
)

// problemOf is how an error is answered.
func problemOf(err error) *problem {
	var p *problem
	var quota *store.QuotaError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &quota):
		return full
	case errors.Is(err, store.ErrDelayed):
		return full.because("%d messages of this queue are delayed, which is the most.", store.MostDelayed)
	case errors.As(err, &tooLarge):
		return badValue.because("The request has more than %d bytes.", tooLarge.Limit)
	case errors.Is(err, store.ErrNotFound):
		return noQueue
	case store.Temporary(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable
	}
	return internalError
}
