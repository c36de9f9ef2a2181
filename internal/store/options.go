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
	// Settled is the moment by which housekeeping ends subscriptions and removes
	// old rows. If the clock may be wrong, it is not later than the time that is
	// certain. Default: Now.
	Settled func() time.Time
	// Steady returns how much time has passed since some fixed moment, whatever
	// Now is set to. Default: what Now says.
	Steady func() time.Duration
	// Machine is the machine's clock, where Now is another one on purpose, as in the dev
	// world. Default: Now.
	Machine func() time.Time
	// Log receives what housekeeping cannot report to anybody. It gets no
	// patient data. Default: nothing is logged.
	Log *slog.Logger
	// Sender is the mailbox id that copies of events come from, and SenderODS
	// its organisation. Default: X26NEMS and X26.
	Sender    string
	SenderODS nhs.ODSCode
	// Retention is how long a delivered event and a sent message are kept;
	// default 30 days. Expiry is after how long a message counts as not
	// collected; default 5 days (MESH API).
	Retention time.Duration
	// RetentionTypes are rules of event types that keep delivered events for a shorter time.
	RetentionTypes []TypeRetention
	Expiry         time.Duration
	// NonceWindow is the shortest time that a nonce is remembered. The default,
	// 5 hours, covers the two hours either way that a MESH token may differ.
	NonceWindow time.Duration
	// Queue is how many operations may wait, default 2,048; QueueBytes is how
	// many bytes they may hold, default 64 MiB.
	Queue      int
	QueueBytes int
	// Quotas limit what is stored for one owner.
	Quotas Quotas
	// Housekeeping is the pause between its rounds, and AuditDelay is how long
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
	if o.Machine == nil {
		o.Machine = o.Now
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
