package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signature returns one entry of the header webhook-signature: HMAC-SHA256 over
// id, timestamp and body, with dots between (Standard Webhooks, "Signature scheme").
func signature(secret, id, timestamp string, body []byte) (string, error) {
	encoded, found := strings.CutPrefix(secret, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !found {
		return "", errors.New("the secret of the endpoint cannot be read: rotate it")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// sign sets the headers of Standard Webhooks. During a rotation both secrets sign: that is
// judged at now, by the clock of the service, which may be another than that of at.
func (e Endpoint) sign(h http.Header, id string, at, now time.Time, body []byte) error {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	entry, err := signature(e.Secret, id, timestamp, body)
	if err != nil {
		return err
	}
	if e.Previous != "" && now.Before(e.PreviousUntil) {
		if earlier, err := signature(e.Previous, id, timestamp, body); err == nil {
			entry += " " + earlier
		}
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	h.Set("Webhook-Signature", entry)
	return nil
}
