package mtls

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Watch shows operators the state of certificates and handshakes: when each
// certificate and revocation list expires, whether a renewed file is in use,
// and who was turned away and why. It is safe for concurrent use.
type Watch struct {
	log     *slog.Logger
	expiry  *prometheus.GaugeVec
	lists   *prometheus.GaugeVec
	reloads *prometheus.CounterVec
	refused *prometheus.CounterVec
	away    func(Refused)
	now     func() time.Time

	mu   sync.Mutex
	gone map[string]goneIssuers  // by listener
	ends map[[2]string]time.Time // by listener and what expires
}

// goneIssuers are issuers that a listener accepted until their file was replaced. A
// file that was cut short exactly after a certificate looks like one that was
// shortened on purpose, so people are told.
type goneIssuers struct {
	issuers []*x509.Certificate
	since   time.Time
}

// noticeLife is how long people are shown which issuers are gone.
const noticeLife = 24 * time.Hour

// Refused is a peer that was turned away.
type Refused struct {
	Listener string
	Peer     string // address and port
	Reason   string // one of few
	Detail   string // what TLS says
}

// NewWatch returns a Watch, registered with its metrics. away is called for peers
// that are turned away, except those that left by themselves. now is the clock by
// which certificates expire.
func NewWatch(log *slog.Logger, registry prometheus.Registerer, now func() time.Time, away func(Refused)) *Watch {
	w := &Watch{
		log: log, away: away, now: now, gone: map[string]goneIssuers{}, ends: map[[2]string]time.Time{},
		expiry: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "nems_certificate_expiry_timestamp_seconds", Help: "When the certificates of a listener or connection expire: its own (own), the first of its issuers (issuers).",
		}, []string{"listener", "certificate"}),
		lists: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "nems_revocation_list_expiry_timestamp_seconds", Help: "When the first revocation list of a listener expires; 0 without a list.",
		}, []string{"listener"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_certificate_reloads_total", Help: "Changed certificate files (own; client: issuers and revocation lists) by what became of them: taken up, or refused, so that the last good ones stay in force.",
		}, []string{"listener", "file", "outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_tls_refused_total", Help: "TLS handshakes that a listener refused, and open connections that it ended because their certificate is no longer accepted, by reason.",
		}, []string{"listener", "reason"}),
	}
	registry.MustRegister(w.expiry, w.lists, w.reloads, w.refused)
	return w
}

// The groups of files of a listener, as metrics and log name them.
const (
	ownFiles    = "own"
	clientFiles = "client"
)

// reloaded records that a changed file is in use, or why it is not.
func (w *Watch) reloaded(listener, file string, err error) {
	if err != nil {
		w.reloads.WithLabelValues(listener, file, "refused").Inc()
		w.log.Error("certificates: changed files cannot be taken up, the last ones stay in force", "listener", listener, "file", file, "error", err)
		return
	}
	w.reloads.WithLabelValues(listener, file, "taken").Inc()
	w.log.Info("certificates: changed files were taken up", "listener", listener, "file", file)
}

// owns records the certificate that a listener or connection presents.
func (w *Watch) owns(listener string, c *x509.Certificate) {
	w.expiry.WithLabelValues(listener, "own").Set(float64(c.NotAfter.Unix()))
	w.until(listener, "its certificate is valid", c.NotAfter)
	w.expired(listener, ownFiles, c)
}

// until records when something of a listener expires; zero: never.
func (w *Watch) until(listener, what string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[[2]string{listener, what}] = at
}

// Expiry is when something of a listener or connection expires.
type Expiry struct {
	Listener string
	What     string // such as "its certificate is valid"
	At       time.Time
}

// Expiring lists what expires before a moment, or has expired, the first one first.
func (w *Watch) Expiring(before time.Time) (out []Expiry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, at := range w.ends {
		if !at.IsZero() && at.Before(before) {
			out = append(out, Expiry{key[0], key[1], at})
		}
	}
	slices.SortFunc(out, func(a, b Expiry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Listener, b.Listener)) })
	return out
}

// trusts records the issuers and revocation lists that a listener uses.
func (w *Watch) trusts(listener string, a *anchors) {
	first := a.issuers[0].NotAfter
	for _, c := range a.issuers {
		if c.NotAfter.Before(first) {
			first = c.NotAfter
		}
		w.expired(listener, clientFiles, c)
	}
	w.expiry.WithLabelValues(listener, "issuers").Set(float64(first.Unix()))
	w.until(listener, "an issuer of its clients' certificates is valid", first)
	w.until(listener, "its list of revoked certificates is good", a.expires)
	expiry := 0.0
	if !a.expires.IsZero() {
		expiry = float64(a.expires.Unix())
	}
	w.lists.WithLabelValues(listener).Set(expiry)
}

// lost records which issuers a listener no longer accepts.
func (w *Watch) lost(listener string, last, next *anchors) {
	w.mu.Lock()
	defer w.mu.Unlock()
	missing, since := w.gone[listener].issuers, w.gone[listener].since
	for _, c := range last.issuers {
		if !next.trusts(keyOf(c)) {
			w.log.Warn("certificates: an issuer is no longer in the file", "listener", listener, "file", clientFiles, "certificate", c.Subject.String())
			missing, since = append(missing, c), w.now()
		}
	}
	missing = slices.DeleteFunc(missing, func(c *x509.Certificate) bool { return next.trusts(keyOf(c)) })
	w.gone[listener] = goneIssuers{missing, since}
}

// Notices returns what people should know about files that were read again.
func (w *Watch) Notices() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, listener := range slices.Sorted(maps.Keys(w.gone)) {
		gone := w.gone[listener]
		if len(gone.issuers) == 0 || w.now().Sub(gone.since) >= noticeLife {
			continue
		}
		var names []string
		for _, c := range gone.issuers {
			names = append(names, c.Subject.String())
		}
		out = append(out, fmt.Sprintf("The listener %s no longer accepts the client certificates of %s: since %s they are not in its client-ca.",
			listener, strings.Join(names, " and "), gone.since.UTC().Format(time.RFC3339)))
	}
	return out
}

// expired logs an error for a certificate that is in use although nobody will
// accept it. It is used all the same: there may be no other, and clocks differ.
func (w *Watch) expired(listener, file string, c *x509.Certificate) {
	if w.now().After(c.NotAfter) {
		w.log.Error("certificates: one has EXPIRED and is in use all the same", "listener", listener, "file", file, "certificate", c.Subject.String(), "since", c.NotAfter)
	}
}

// ErrorLog returns the ErrorLog of a listener's server. Package net/http
// reports refused handshakes nowhere else.
func (w *Watch) ErrorLog(listener string) *log.Logger {
	return log.New(serverErrors{w, listener}, "", 0)
}

type serverErrors struct {
	watch    *Watch
	listener string
}

// handshake is the beginning of the text that net/http writes about a failed
// handshake; the peer's address and the reason follow.
var handshake = []byte("http: TLS handshake error from ")

func (s serverErrors) Write(line []byte) (int, error) {
	text, isHandshake := bytes.CutPrefix(bytes.TrimSpace(line), handshake)
	if !isHandshake {
		s.watch.log.Debug(string(text), "listener", s.listener)
		return len(line), nil
	}
	peer, detail, _ := strings.Cut(string(text), ": ")
	s.watch.turnAway(s.listener, peer, handshakeReason(detail), detail)
	return len(line), nil
}

// turnAway records who was refused and why. Peers that left by themselves are
// only counted.
func (w *Watch) turnAway(listener, peer, reason, detail string) {
	if reason != "gone" {
		w.away(Refused{Listener: listener, Peer: peer, Reason: reason, Detail: detail})
	}
	w.refused.WithLabelValues(listener, reason).Inc()
}

// handshakeReasons are the reasons, by a text that the detail contains.
var handshakeReasons = []struct{ detail, reason string }{
	{"didn't provide a certificate", "no certificate"},
	{errRefused.Error(), "revoked"},
	{"certificate has expired", "expired"},
	{"unknown authority", "unknown issuer"},
	{"incompatible key usage", "not for clients"},
	{"unsupported versions", "version"},
	{"looks like an HTTP request", "not TLS"},
	{"first record does not look like a TLS handshake", "not TLS"},
	{"timeout", "timeout"},
	{errProxyHeader.Error(), "malformed"},
	{errTwice.Error(), "given more than once"},
	{"EOF", "gone"},
	{"connection reset", "gone"},
}

// handshakeReason returns one of few reasons, so that a metric can count by it.
func handshakeReason(detail string) string {
	for _, r := range handshakeReasons {
		if strings.Contains(detail, r.detail) {
			return r.reason
		}
	}
	return "other"
}
