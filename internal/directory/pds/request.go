package pds

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// query says whom to ask for. The correlation id belongs to the look-up, so
// that the people who run PDS can find all its requests.
type query struct {
	number      nhs.NHSNumber
	correlation string
}

// maxBody is the largest response in bytes; a full record has about 10 KB.
const maxBody = 1 << 20

// authorised asks with an access token. If PDS no longer accepts the token, it
// asks once more with a new one.
func (c *Client) authorised(ctx context.Context, q query) (record, error) {
	for first := true; ; first = false {
		token, err := c.tokens.get(ctx)
		if err != nil {
			return record{}, err
		}
		r, err := c.ask(ctx, q, token)
		var f *failure
		if !first || !errors.As(err, &f) || f.status != http.StatusUnauthorized {
			return r, err
		}
		c.tokens.drop(token)
		if err := c.turn(ctx); err != nil {
			return record{}, err
		}
	}
}

// ask makes one request.
func (c *Client) ask(ctx context.Context, q query, token string) (record, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/Patient/"+q.number.Digits(), nil)
	if err != nil {
		return record{}, &failure{outcome: Refused, text: "its address cannot be used"}
	}
	id := uuid.NewString()
	for name, value := range map[string]string{
		"Accept": fhirJSON, "Authorization": "Bearer " + token, "User-Agent": "nems",
		"X-Request-ID": id, "X-Correlation-ID": q.correlation,
	} {
		request.Header.Set(name, value)
	}
	if c.Organisation != "" {
		request.Header.Set("NHSD-End-User-Organisation-ODS", string(c.Organisation))
	}
	response, err := c.http.Do(request)
	if err != nil {
		return record{}, broken(ctx, err)
	}
	defer response.Body.Close()
	body, err := readBody(ctx, response)
	if err != nil {
		return record{}, err
	}
	// PDS returns the request's id. Another id means that this is somebody else's answer.
	if mirrored := response.Header.Get("X-Request-ID"); mirrored != "" && !strings.EqualFold(mirrored, id) {
		return record{}, &failure{outcome: Unreadable, text: "it answered another request", again: true}
	}
	if response.StatusCode == http.StatusOK {
		return readRecord(response.Header, body)
	}
	return record{invalidated: true}, c.refusal(response, body)
}

const fhirJSON = "application/fhir+json"

// readBody reads a whole response, up to maxBody.
func readBody(ctx context.Context, response *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, broken(ctx, err)
	}
	if len(body) > maxBody {
		return nil, &failure{outcome: Unreadable, text: "its answer is too large", status: response.StatusCode}
	}
	return body, nil
}

// isJSON reports whether the response's media type is JSON.
func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (kind == fhirJSON || kind == "application/json")
}

// readRecord reads an answer with status 200.
func readRecord(h http.Header, body []byte) (record, error) {
	if isJSON(h) {
		if r, err := parseRecord(body); err == nil {
			return r, nil
		}
	}
	return record{}, &failure{outcome: Unreadable, text: "its answer is not a Patient", status: http.StatusOK}
}

// refusal reads every other answer; nil means that the record was invalidated.
// "Not found" counts only in PDS's own words (patient-get.yaml): a 404 from a
// proxy, or because of a wrong base address, says nothing about a patient.
func (c *Client) refusal(response *http.Response, body []byte) error {
	status := response.StatusCode
	code := ""
	if isJSON(response.Header) {
		code = spineCode(body)
	}
	switch {
	case status == http.StatusNotFound && code == "RESOURCE_NOT_FOUND", status == http.StatusBadRequest && code == "INVALID_RESOURCE_ID":
		return directory.ErrNotFound
	case status == http.StatusNotFound && code == "INVALIDATED_RESOURCE":
		return nil
	case status == http.StatusTooManyRequests:
		c.leaveAlone(retryAfter(response.Header, c.Now()))
		return &failure{outcome: Throttled, text: "too many requests", status: status}
	case status >= 500 || status == http.StatusRequestTimeout:
		return c.failed(response)
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden:
		return &failure{outcome: Refused, text: "it refuses this application's requests", status: status}
	}
	return &failure{outcome: Unreadable, text: "its answer is not one of its specification", status: status}
}

// failed describes PDS's own failure. A second attempt at once makes sense only
// after answers of a proxy in front of PDS, and only if they do not say when to
// try again.
func (c *Client) failed(response *http.Response) error {
	f := &failure{outcome: Failed, text: "it failed", status: response.StatusCode}
	switch f.status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.again = true
	}
	if response.Header.Get("Retry-After") != "" {
		c.leaveAlone(retryAfter(response.Header, c.Now()))
		f.again = false
	}
	return f
}

// The limits for a Retry-After that is missing or absurd.
const minRetryAfter, maxRetryAfter = time.Second, 5 * time.Minute

// retryAfter reads Retry-After (RFC 9110, 10.2.3): seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	d := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, minRetryAfter), maxRetryAfter)
}
