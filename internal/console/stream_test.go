package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"nems/internal/operator"
)

// watched notes until when the first part may be written, and ends then.
type watched struct {
	*httptest.ResponseRecorder
	until, first time.Time
	stop         func()
}

func (w *watched) SetWriteDeadline(t time.Time) error { w.until = t; return nil }

func (w *watched) Write(p []byte) (int, error) {
	if w.first.IsZero() {
		w.first = w.until
	}
	w.stop()
	return w.ResponseRecorder.Write(p)
}

// A browser that reads nothing holds neither a place among those who watch nor the
// end of the service.
func TestWatchersMustRead(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	ctx, stop := context.WithCancel(t.Context())
	w := &watched{ResponseRecorder: httptest.NewRecorder(), stop: stop}
	s.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://nems.test"+Root+"stream", nil).WithContext(ctx))
	if left := time.Until(w.first); w.first.IsZero() || left > partWait {
		t.Errorf("a part may take until %v", w.first)
	}
}
