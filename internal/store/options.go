package store

import (
	"log/slog"
	"time"

	"nems/internal/nhs"
)

// Options configure a store. The zero value of each field means its default.
type Options struct {
	// Now is the clock of business time: positions, ends and retention.
	Now func() time.Time
	// Settled is the moment by which housekeeping ends and removes what has an age:
	// that of a clock that may be wrong is not later than what is beyond doubt.
	// Default: Now.
	Settled func() time.Time
	// Steady tells how much time has passed since some moment, whatever Now is set
	// to. Default: what Now says.
	Steady func() time.Duration
	// Log gets what housekeeping cannot report to anybody; it holds no
	// patient's data. Default: nothing.
	Log *slog.Logger
	// Sender is the mailbox id that copies of events come from, and SenderODS
	// its organisation; default X26NEMS and X26.
	Sender    string
	SenderODS nhs.ODSCode
	// Retention is how long a delivered event stays, and a sent message;
	// default 30 days. Expiry is when a message counts as not collected;
	// default 5 days (MESH API).
	Retention time.Duration
	Expiry    time.Duration
	// NonceWindow is how long a nonce is remembered at least; default 5 hours,
	// which covers the two hours either way of a MESH token.
	NonceWindow time.Duration
	// Queue is how many operations may wait, default 2,048; QueueBytes how much
	// they hold, default 64 MiB.
	Queue      int
	QueueBytes int
	// Quotas limit what is stored for one owner.
	Quotas Quotas
	// Housekeeping is the pause between rounds of it, and AuditDelay how long
	// an entry that was only recorded waits for a commit to join.
	Housekeeping time.Duration // default 1 s
	AuditDelay   time.Duration // default 500 ms
}

// WithDefaults returns the options with the defaults filled in.
func (o Options) WithDefaults() Options {
	set(&o.Log, slog.New(slog.DiscardHandler))
	set(&o.Sender, "X26NEMS")
	set(&o.SenderODS, "X26")
	set(&o.Retention, 30*24*time.Hour)
	set(&o.Expiry, 5*24*time.Hour)
	set(&o.NonceWindow, 5*time.Hour)
	set(&o.Queue, 2048)
	set(&o.QueueBytes, 64<<20)
	set(&o.Housekeeping, time.Second)
	set(&o.AuditDelay, 500*time.Millisecond)
	o.Quotas = o.Quotas.WithDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Settled == nil {
		o.Settled = o.Now
	}
	if o.Steady == nil {
		now, begun := o.Now, o.Now()
		o.Steady = func() time.Duration { return now().Sub(begun) }
	}
	return o
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
