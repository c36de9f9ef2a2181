package sqs

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signature Version 4 (AWS, IAM user guide, "Create a signed AWS API request").
const (
	algorithm  = "AWS4-HMAC-SHA256"
	service    = "sqs"
	terminator = "aws4_request"
	stampForm  = "20060102T150405Z"
	// skew is how far a signature's moment may be from ours.
	skew = 15 * time.Minute
)

// Key signs requests to a queue.
type Key struct {
	ID, Secret string
	Token      string // of a temporary key; "" for none
}

// signature is what the header Authorization says.
type signature struct {
	keyID, date, region string
	headers             []string // in lower case, in order
	mac                 string
}

// sign signs a request with its body, by headers that it adds.
func sign(r *http.Request, body []byte, k Key, region string, now time.Time) {
	stamp := now.UTC().Format(stampForm)
	r.Header.Set("X-Amz-Date", stamp)
	if k.Token != "" {
		r.Header.Set("X-Amz-Security-Token", k.Token)
	}
	s := signature{keyID: k.ID, date: stamp[:8], region: region, headers: []string{"host"}}
	for name := range r.Header {
		if name = strings.ToLower(name); name == "content-type" || strings.HasPrefix(name, "x-amz-") {
			s.headers = append(s.headers, name)
		}
	}
	slices.Sort(s.headers)
	s.mac = s.compute(r, body, stamp, k.Secret)
	r.Header.Set("Authorization", algorithm+" Credential="+s.keyID+"/"+s.scope()+", SignedHeaders="+strings.Join(s.headers, ";")+", Signature="+s.mac)
}

func (s signature) scope() string { return s.date + "/" + s.region + "/" + service + "/" + terminator }

// compute returns the signature of a request.
func (s signature) compute(r *http.Request, body []byte, stamp, secret string) string {
	var lines strings.Builder
	lines.WriteString(r.Method + "\n" + canonicalPath(r.URL) + "\n" + canonicalQuery(r.URL.Query()) + "\n")
	for _, name := range s.headers {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = cmp.Or(r.Host, r.URL.Host)
		case "content-length": // which package net/http keeps apart
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		lines.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	lines.WriteString("\n" + strings.Join(s.headers, ";") + "\n" + hash(body))
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, service, terminator} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, algorithm+"\n"+stamp+"\n"+s.scope()+"\n"+hash([]byte(lines.String()))))
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonicalPath encodes the path once more, as every service but S3 expects.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = encoded(parts[i])
	}
	return strings.Join(parts, "/")
}

func canonicalQuery(q url.Values) string {
	var pairs []string
	for name, values := range q {
		for _, value := range values {
			pairs = append(pairs, encoded(name)+"="+encoded(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// encoded percent-encodes all but the unreserved characters.
func encoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// readSignature reads the header Authorization.
func readSignature(header string) (s signature, err error) {
	rest, ours := strings.CutPrefix(header, algorithm+" ")
	if !ours {
		return s, noToken
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[3] != service || scope[4] != terminator || parts["SignedHeaders"] == "" || parts["Signature"] == "" {
		return s, badToken
	}
	s = signature{keyID: scope[0], date: scope[1], region: scope[2], headers: strings.Split(parts["SignedHeaders"], ";"), mac: parts["Signature"]}
	for _, needed := range []string{"host", "x-amz-date"} {
		if !slices.Contains(s.headers, needed) {
			return s, badToken
		}
	}
	return s, nil
}

// verify says what is wrong with the signature of a request that the secret should
// have made.
func (s signature) verify(r *http.Request, body []byte, secret string, now time.Time) error {
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(stampForm, stamp)
	switch {
	case err != nil || stamp[:8] != s.date:
		return badToken
	case !hmac.Equal([]byte(s.compute(r, body, stamp, secret)), []byte(s.mac)):
		return badSignature
	case now.Sub(at).Abs() > skew:
		return expired
	}
	return nil
}
