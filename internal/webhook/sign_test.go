package webhook

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The vector that the libraries of Standard Webhooks are tested with.
func TestSignatureVector(t *testing.T) {
	got, err := signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want || err != nil {
		t.Errorf("expected %s; received %s, %v", want, got, err)
	}
	for _, secret := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?"} {
		if _, err := signature(secret, "a", "1", nil); err == nil || strings.Contains(err.Error(), "MfK") {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

// During a rotation both secrets sign, afterwards the new one.
func TestRotation(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var e Endpoint
	e.Rotate(now)
	first := e.Secret
	e.Rotate(now)
	if e.Secret == first || e.Previous != first {
		t.Fatal("not rotated")
	}
	for after, want := range map[time.Duration]int{0: 2, RotationTime - time.Second: 2, RotationTime: 1} {
		h := http.Header{}
		if err := e.sign(h, "id", now.Add(1000*time.Hour), now.Add(after), []byte("body")); err != nil {
			t.Fatal(err)
		}
		entries := strings.Fields(h.Get("webhook-signature"))
		ours, _ := signature(e.Secret, "id", h.Get("webhook-timestamp"), []byte("body"))
		theirs, _ := signature(first, "id", h.Get("webhook-timestamp"), []byte("body"))
		if len(entries) != want || entries[0] != ours || want == 2 && entries[1] != theirs {
			t.Errorf("after %s: %v", after, entries)
		}
	}
}
