package receiver

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"
)

// Errors of FileMemory, for errors.Is.
var (
	// ErrInUse says that another process, or this one, has the memory or the audit open.
	ErrInUse = errors.New("another receiver uses this")
	// ErrDamaged says that something else changed the file, or the disk lost
	// part of it. A receiver that loses its memory starts from nothing: a
	// message that it finished before is handed over again if it is delivered
	// again.
	ErrDamaged = errors.New("the file is damaged")
)

// MemoryOptions set the limits of a FileMemory. Both limits apply to messages
// and to sequences separately. Each entry takes about 100 bytes on disk and in
// memory.
type MemoryOptions struct {
	// MaxAge is how long a message and a sequence are remembered; 0 means 90 days.
	// (MESH keeps messages for 30.) A correction that arrives later than this
	// looks like a new thing.
	MaxAge time.Duration
	// MaxEntries is how many entries are remembered; the oldest are forgotten
	// first. 0 means 500,000. Up to a quarter more are held before that
	// happens.
	MaxEntries int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// FileMemory is a Memory in one append-only file. When half of the file is of
// no more use, it is rewritten without those records. Finish costs one fsync. A
// record that a power failure cut short is dropped at the next start. Keys and
// sequences are stored as keyed digests. Not safe for concurrent use.
type FileMemory struct {
	options  MemoryOptions
	log      *logFile // nil when nothing is kept on disk
	salt     []byte
	tick     int64 // time of the last record, unix nanoseconds, strictly rising
	finished map[digest]int64
	newest   map[digest]placed
	attempts map[digest]trial
}

type digest [16]byte

type placed struct {
	Known
	at int64
}

type trial struct {
	n  int
	at int64
}

// OpenMemory reads the memory in a file, or creates it; the folder must exist.
// With an empty path the memory is kept in the process only. It returns
// ErrInUse, ErrDamaged, or the error of the file system.
func OpenMemory(path string, o MemoryOptions) (*FileMemory, error) {
	o.MaxAge = or(o.MaxAge, 90*24*time.Hour)
	o.MaxEntries = or(o.MaxEntries, 500_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &FileMemory{
		options: o, salt: make([]byte, sha256.Size),
		finished: map[digest]int64{}, newest: map[digest]placed{}, attempts: map[digest]trial{},
	}
	if _, err := rand.Read(m.salt); err != nil {
		return nil, fmt.Errorf("receiver memory: %w", err)
	}
	if path == "" {
		return m, nil
	}
	log, err := openLog(path)
	if err != nil {
		return nil, fmt.Errorf("receiver memory: %w", err)
	}
	m.log = log
	err = m.load()
	if now := o.Now().UnixNano(); err == nil && m.wasAhead(now) {
		m.putRight(now)
		err = log.rewrite(m.write)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("receiver memory: %w", err), log.close())
	}
	if err := m.tidy(); err != nil {
		return nil, errors.Join(fmt.Errorf("receiver memory: %w", err), log.close())
	}
	return m, nil
}

// Close closes the file and lets another process open it.
func (m *FileMemory) Close() error {
	if m.log == nil {
		return nil
	}
	return m.log.close()
}

// Finished implements Memory.
func (m *FileMemory) Finished(key string) (bool, error) {
	at, ok := m.finished[m.digest(key)]
	return ok && at > m.horizon(), nil
}

// Newest implements Memory.
func (m *FileMemory) Newest(sequence string) (Known, error) {
	if p := m.newest[m.digest(sequence)]; p.at > m.horizon() {
		return p.Known, nil
	}
	return Known{}, nil
}

// Attempts implements Memory.
func (m *FileMemory) Attempts(key string) (int, error) {
	return m.attempts[m.digest(key)].n, nil
}

// Attempt implements Memory. The number survives the end of the process, but not a power cut.
func (m *FileMemory) Attempt(key string, n int) error {
	r := record{op: opAttempt, at: m.now(), key: m.digest(key), attempt: n}
	return m.append(r, false)
}

// Finish implements Memory.
func (m *FileMemory) Finish(key, sequence string, k Known) error {
	r := record{op: opFinish, at: m.now(), key: m.digest(key)}
	if sequence != "" {
		r.sequence, r.known = m.digest(sequence), k
	}
	return m.append(r, true)
}

// append writes a record and then applies it, never the other way round: what
// is not on disk must not be believed.
func (m *FileMemory) append(r record, durably bool) error {
	if m.log != nil {
		if err := m.log.append(r.encode(), durably); err != nil {
			return err
		}
	}
	m.apply(r)
	return m.tidy()
}

func (m *FileMemory) apply(r record) {
	m.tick = max(m.tick, r.at)
	if r.op == opAttempt {
		m.attempts[r.key] = trial{r.attempt, r.at}
		return
	}
	m.finished[r.key] = r.at
	delete(m.attempts, r.key)
	if r.sequence != (digest{}) {
		m.newest[r.sequence] = placed{m.newest[r.sequence].Merge(r.known), r.at}
	}
}

// load reads the file. The first line holds the salt, each further line a
// record. A power cut may damage the end, which is then dropped. Damage before
// a good record has another cause and is an error.
func (m *FileMemory) load() error {
	in := bufio.NewReader(io.NewSectionReader(m.log.file, 0, m.log.size))
	first, err := in.ReadBytes('\n')
	if err != nil && bytes.HasPrefix(header(m.salt), first[:min(len(first), len(signature))]) {
		return errors.Join(m.log.truncate(0), m.log.append(header(m.salt), true))
	}
	one := false
	if m.salt, one, err = readHeader(first); err != nil {
		return fmt.Errorf("%s: %w", m.log.path, err)
	}
	decode := decode
	if one {
		decode = decodeOne
	}
	good, spoilt := int64(len(first)), 0
	for number := 2; ; number++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			if one {
				return m.log.rewrite(m.write)
			}
			return m.log.truncate(good)
		}
		if err != nil {
			return err
		}
		r, err := decode(line)
		switch {
		case err == nil && spoilt > 0:
			return fmt.Errorf("%s, line %d: %w", m.log.path, spoilt, ErrDamaged)
		case err == nil:
			m.log.records++
			m.apply(r)
			good += int64(len(line))
		case spoilt == 0:
			spoilt = number
		}
	}
}

func (m *FileMemory) digest(text string) digest {
	h := hmac.New(sha256.New, m.salt)
	h.Write([]byte(text))
	return digest(h.Sum(nil)[:len(digest{})])
}

// horizon is the time up to which everything is forgotten.
func (m *FileMemory) horizon() int64 {
	return m.options.Now().Add(-m.options.MaxAge).UnixNano()
}

// write writes the whole memory to w, as records.
func (m *FileMemory) write(w io.Writer) (records int, err error) {
	out := bufio.NewWriterSize(w, 1<<16)
	_, err = out.Write(header(m.salt))
	put := func(r record) {
		if err == nil {
			_, err = out.Write(r.encode())
			records++
		}
	}
	for key, at := range m.finished {
		put(record{op: opFinish, at: at, key: key})
	}
	for sequence, p := range m.newest {
		put(record{op: opSequence, at: p.at, sequence: sequence, known: p.Known})
	}
	for key, t := range m.attempts {
		put(record{op: opAttempt, at: t.at, key: key, attempt: t.n})
	}
	return records, errors.Join(err, out.Flush())
}

// tidy forgets the oldest entries once there are a quarter too many, and
// rewrites the file once half of it is of no more use.
func (m *FileMemory) tidy() error {
	limit := m.options.MaxEntries
	full := limit + limit/4
	if len(m.finished) > full || len(m.newest) > full || len(m.attempts) > full {
		m.forget()
	}
	live := len(m.finished) + len(m.newest) + len(m.attempts)
	if m.log == nil || m.log.records < 2*live+1000 {
		return nil
	}
	m.forget()
	return m.log.rewrite(m.write)
}

func (m *FileMemory) forget() {
	horizon, most := m.horizon(), m.options.MaxEntries
	keepLatest(m.finished, horizon, most, func(at int64) int64 { return at })
	keepLatest(m.newest, horizon, most, func(p placed) int64 { return p.at })
	keepLatest(m.attempts, horizon, most, func(t trial) int64 { return t.at })
}
