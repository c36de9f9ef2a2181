package sqs

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crypto/sha256"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var signedAt = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// signedByAmazon is a request that Amazon's own signer has signed.
func signedByAmazon(t *testing.T, address, body string, k Key) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set(target, targetPrefix+"SendMessage")
	sum := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.Token}
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(sum[:]), "sqs", Region, signedAt); err != nil {
		t.Fatal(err)
	}
	return r
}

// Amazon's signer and ours sign alike, whatever the path and the body.
func TestSignature(t *testing.T) {
	for _, address := range []string{"https://sqs.eu-west-2.amazonaws.com/", "http://localhost:8880/000000000000/BOX", "https://a.example/x%20y/ü?b=2&a=1&a=%2F+c"} {
		for _, token := range []string{"", "a token"} {
			k, body := Key{"AKID", "secret", token}, `{"QueueUrl":"https://a"}`
			theirs := signedByAmazon(t, address, body, k)
			s, err := readSignature(theirs.Header.Get("Authorization"))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.verify(theirs, []byte(body), k.Secret, signedAt); err != nil {
				t.Errorf("%s: Amazon's: %v", address, err)
			}
			u, _ := url.Parse(address)
			ours := &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: http.Header{"Content-Type": {mediaType}, target: {targetPrefix + "SendMessage"}}}
			sign(ours, []byte(body), k, Region, signedAt)
			if s, err = readSignature(ours.Header.Get("Authorization")); err != nil || s.verify(ours, []byte(body), k.Secret, signedAt) != nil {
				t.Errorf("%s: ours: %v", address, err)
			}
		}
	}
}

// What was changed on the way, or is too old, is refused.
func TestForgedSignature(t *testing.T) {
	k, body := Key{ID: "AKID", Secret: "secret"}, `{"QueueUrl":"https://a"}`
	for name, c := range map[string]struct {
		change func(r *http.Request) (body string, now time.Time)
		want   error
	}{
		"nothing":  {func(*http.Request) (string, time.Time) { return body, signedAt.Add(skew) }, nil},
		"the body": {func(*http.Request) (string, time.Time) { return body + " ", signedAt }, badSignature},
		"a header": {func(r *http.Request) (string, time.Time) {
			r.Header.Set(target, targetPrefix+"PurgeQueue")
			return body, signedAt
		}, badSignature},
		"the host":  {func(r *http.Request) (string, time.Time) { r.Host = "b.example"; return body, signedAt }, badSignature},
		"too old":   {func(*http.Request) (string, time.Time) { return body, signedAt.Add(skew + time.Second) }, expired},
		"too early": {func(*http.Request) (string, time.Time) { return body, signedAt.Add(-skew - time.Second) }, expired},
		"no date":   {func(r *http.Request) (string, time.Time) { r.Header.Del("X-Amz-Date"); return body, signedAt }, badToken},
	} {
		r := signedByAmazon(t, "https://a.example/", body, k)
		s, err := readSignature(r.Header.Get("Authorization"))
		if err != nil {
			t.Fatal(err)
		}
		sent, now := c.change(r)
		if err := s.verify(r, []byte(sent), k.Secret, now); !errors.Is(err, c.want) {
			t.Errorf("%s: expected %v; received %v", name, c.want, err)
		}
	}
	for header, want := range map[string]error{
		"": noToken, "Bearer x": noToken, "AWS4-HMAC-SHA256 Credential=a": badToken,
		"AWS4-HMAC-SHA256 Credential=a/20260302/eu-west-2/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00":  badToken,
		"AWS4-HMAC-SHA256 Credential=a/20260302/eu-west-2/sqs/aws4_request, SignedHeaders=host, Signature=00":            badToken,
		"AWS4-HMAC-SHA256 Credential=a/20260302/eu-west-2/sqs/aws4_request, SignedHeaders=host;x-amz-date, Signature=00": nil,
	} {
		if _, err := readSignature(header); !errors.Is(err, want) {
			t.Errorf("%s: expected %v; received %v", header, want, err)
		}
	}
}
