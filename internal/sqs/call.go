package sqs

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/guard"
)

// failure is why a queue did not take a message, in words of our own: nothing of an
// answer is shown but codes that we know.
type failure struct {
	status  int
	why     string
	pause   time.Duration // at least; 0: the schedule's
	content bool          // the queue refuses this message, not any
}

func (f *failure) Error() string { return f.why }

// mostAnswer is how much is read of an answer.
const mostAnswer = 64 << 10

// setupPause is how long a lane waits at least whose queue or key somebody must put right.
const setupPause = 5 * time.Minute

// What the codes of refusals mean (AWS, SQS API reference, "SendMessage" and "Common
// error types"). What is not here counts by its status.
var (
	busyCodes    = []string{"RequestThrottled", "ThrottlingException", "Throttling", "KmsThrottled", "KMS.ThrottlingException", "OverLimit", "ServiceUnavailable", "InternalFailure", "InternalError"}
	contentCodes = []string{"InvalidMessageContents", "InvalidParameterValue", "InvalidParameterCombination", "InvalidAttributeValue", former + "BatchRequestTooLong"}
	setupCodes   = []string{
		"AccessDenied", "AccessDeniedException", former + "NonExistentQueue", "QueueDoesNotExist", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch",
		"InvalidSignatureException", "ExpiredToken", "ExpiredTokenException", "InvalidSecurity", "InvalidAddress", "OptInRequired", "RequestExpired", former + "UnsupportedOperation",
		"KmsAccessDenied", "KmsDisabled", "KmsInvalidKeyUsage", "KmsInvalidState", "KmsNotFound", "KmsOptInRequired",
	}
)

// outgoing is the request that sends a message.
type outgoing struct {
	QueueUrl               string //nolint:staticcheck // AWS's name
	MessageBody            string
	MessageAttributes      map[string]attribute `json:",omitempty"`
	MessageGroupId         string               `json:",omitempty"` //nolint:staticcheck // AWS's name
	MessageDeduplicationId string               `json:",omitempty"` //nolint:staticcheck // AWS's name
}

// call sends a message to a queue elsewhere. A nil failure is a success.
func (s *Sender) call(ctx context.Context, to Address, k Key, m outgoing) *failure {
	body, err := json.Marshal(m)
	if err != nil {
		return &failure{why: err.Error(), content: true}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(guard.For(ctx, to.URL), http.MethodPost, to.server(), bytes.NewReader(body))
	if err != nil {
		return &failure{why: "the URL of the queue cannot be used"}
	}
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set(target, targetPrefix+"SendMessage")
	r.Header.Set("User-Agent", "nems")
	sign(r, body, k, to.Region, s.Machine())
	answer, err := s.client.Do(r)
	if err != nil {
		return &failure{why: guard.Unanswered(err)}
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	return verdict(answer, text, digestOf([]byte(m.MessageBody)))
}

// verdict judges an answer. A success has the checksum of the body that was sent.
func verdict(answer *http.Response, text []byte, digest string) *failure {
	var said struct {
		Type             string `json:"__type"`
		MD5OfMessageBody string
	}
	_ = json.Unmarshal(text, &said) // what is not JSON says nothing
	status := answer.StatusCode
	f := &failure{status: status, why: "answered " + strconv.Itoa(status)}
	switch {
	case status == http.StatusOK && said.MD5OfMessageBody == digest:
		return nil
	case status < 400:
		f.why += ", which is not the answer of a queue to the message"
		return f
	}
	code, _, _ := strings.Cut(answer.Header.Get("X-Amzn-Query-Error"), ";")
	if code == "" {
		code = said.Type[strings.LastIndex(said.Type, "#")+1:]
	}
	switch {
	case slices.Contains(busyCodes, code):
		f.why += " " + code
	case slices.Contains(contentCodes, code):
		f.why, f.content = f.why+" "+code, true
	case slices.Contains(setupCodes, code):
		f.why, f.pause = f.why+" "+code, setupPause
	case status == http.StatusForbidden, status == http.StatusUnauthorized, status == http.StatusNotFound:
		f.pause = setupPause
	}
	return f
}
