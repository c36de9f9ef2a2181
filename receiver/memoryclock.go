package receiver

import "slices"

// now is the time of the next record. It is later than all earlier ones even
// when the clock is set back, so that the oldest records can be found.
func (m *FileMemory) now() int64 {
	now := m.options.Now().UnixNano()
	if m.wasAhead(now) {
		m.putRight(now)
	}
	return max(now, m.tick+1)
}

// wasAhead tells whether the clock was ahead at the last record and is right now. It
// may as well be behind now, as after the start of a machine without a battery; what
// is there must not look old then, once it is put right. So the last record must be
// further ahead than anything is remembered, and the clock not behind the first one.
func (m *FileMemory) wasAhead(now int64) bool {
	if m.tick-now <= int64(m.options.MaxAge) {
		return false
	}
	oldest := now
	m.changeTimes(func(at int64) int64 {
		oldest = min(oldest, at)
		return at
	})
	return len(m.finished)+len(m.newest)+len(m.attempts) == 0 || oldest < now
}

// putRight has what was recorded by a clock that was ahead count as recorded just
// before the clock was put right, in the order that it has: otherwise it, and all that
// is recorded after it, would be remembered until the wrong time comes.
func (m *FileMemory) putRight(now int64) {
	var ahead []int64
	each := func(at int64) int64 {
		if at >= now {
			ahead = append(ahead, at)
		}
		return at
	}
	m.changeTimes(each)
	slices.Sort(ahead)
	ahead = slices.Compact(ahead)
	m.changeTimes(func(at int64) int64 {
		if at < now {
			return at
		}
		n, _ := slices.BinarySearch(ahead, at)
		return now - int64(len(ahead)-n)
	})
	m.tick = now
}

// changeTimes replaces the time of each entry.
func (m *FileMemory) changeTimes(change func(at int64) int64) {
	for key, at := range m.finished {
		m.finished[key] = change(at)
	}
	for sequence, p := range m.newest {
		p.at = change(p.at)
		m.newest[sequence] = p
	}
	for key, t := range m.attempts {
		t.at = change(t.at)
		m.attempts[key] = t
	}
}
