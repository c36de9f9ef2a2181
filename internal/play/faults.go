package play

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Faults are how often something goes wrong on the way from a publisher to the
// service: shares from 0 to 1.
type Faults struct {
	// Duplicate sends something twice: messages with the same idempotency key, or with
	// another one; changes with the same request.
	Duplicate float64
	// Reorder sends a message after the next one about its patient.
	Reorder float64
	// Delay is the longest time by which messages are late. Those about one patient
	// keep their order.
	Delay time.Duration
	// Gap never sends a message.
	Gap float64
	// Corrupt sends broken bytes before the message, which must be refused.
	Corrupt float64
	// Refuse lets the service seem to be down at the first attempt.
	Refuse float64
	// Lost loses the first answer, so that the sender sends again.
	Lost float64
}

// The names of the faults, in the order in which they are shown.
const (
	faultDuplicate = "duplicate"
	faultReorder   = "reorder"
	faultDelay     = "delay"
	faultGap       = "gap"
	faultCorrupt   = "corrupt"
	faultRefuse    = "refuse"
	faultLost      = "lost-202"
)

// FaultNames lists the faults.
var FaultNames = []string{faultDuplicate, faultReorder, faultDelay, faultGap, faultCorrupt, faultRefuse, faultLost}

func (f *Faults) share(name string) *float64 {
	return map[string]*float64{
		faultDuplicate: &f.Duplicate, faultReorder: &f.Reorder, faultGap: &f.Gap, faultCorrupt: &f.Corrupt, faultRefuse: &f.Refuse, faultLost: &f.Lost,
	}[name]
}

// ParseFaults reads a list such as duplicate=1%,delay=10m.
func ParseFaults(text string) (f Faults, err error) {
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if seen[name] {
			return f, fmt.Errorf("faults: %s is there twice", name)
		}
		seen[name] = true
		switch to := f.share(name); {
		case name == faultDelay:
			if f.Delay, err = time.ParseDuration(value); err != nil || f.Delay < 0 {
				return f, fmt.Errorf("faults: delay: expected the longest delay, such as delay=10m; received %q", value)
			}
		case to == nil:
			return f, fmt.Errorf("faults: there is no fault %q; expected some of %s, such as duplicate=1%%,delay=10m", name, strings.Join(FaultNames, ", "))
		default:
			if *to, err = share(value); err != nil {
				return f, fmt.Errorf("faults: %s: expected a share from 0%% to 100%%, such as %s=1%%; received %q", name, name, value)
			}
		}
	}
	return f, nil
}

// share reads 1% or 0.01.
func share(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if percent {
		n /= 100
	}
	if err == nil && (math.IsNaN(n) || n < 0 || n > 1) {
		err = strconv.ErrRange
	}
	return n, err
}

// step is one attempt to get something to the service.
type step struct {
	act *act
	at  time.Time
	// place and turn order the steps of one moment.
	place, turn int
	key         string // idempotency key of a message
	body        []byte // of a message
	fault       string // "" for the usual way
	again       bool   // it repeats what was sent before
	corrupt     bool   // the service must refuse it
	down, lost  bool   // faults of the connection
}

// steps works out what is sent when. The same plan, faults and seed make the same
// steps. done counts what the faults were done to.
func (f Faults) steps(acts []act, seed uint64) (all []step, done map[string]int) {
	done = map[string]int{}
	sent := map[string][]int{} // messages about each patient, as places in all
	for i := range acts {
		a := &acts[i]
		draw := newDraw(seed, a)
		s := step{act: a, at: a.at, place: i, body: a.message, key: a.id.String()}
		if a.message != nil && draw.happens(faultGap, f.Gap) {
			done[faultGap]++
			continue
		}
		s.down, s.lost = draw.happens(faultRefuse, f.Refuse), draw.happens(faultLost, f.Lost)
		count(done, faultRefuse, s.down)
		count(done, faultLost, s.lost)
		if a.message != nil {
			if f.Delay > 0 {
				s.at = s.at.Add(draw.upTo(faultDelay, f.Delay).Truncate(time.Second))
				count(done, faultDelay, s.at.After(a.at))
			}
			if before := sent[a.patient]; len(before) > 0 && all[before[len(before)-1]].at.After(s.at) {
				s.at = all[before[len(before)-1]].at
			}
			sent[a.patient] = append(sent[a.patient], len(all))
		}
		all = append(all, s)
	}
	f.reorder(all, sent, seed, done)
	all = append(all, f.beside(all, seed, done)...)
	slices.SortStableFunc(all, func(a, b step) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.place, b.place), cmp.Compare(a.turn, b.turn))
	})
	return all, done
}

func count(done map[string]int, fault string, is bool) {
	if is {
		done[fault]++
	}
}

// reorder lets messages change places with the next one about their patient.
func (f Faults) reorder(all []step, sent map[string][]int, seed uint64, done map[string]int) {
	for _, of := range sent {
		for i := 0; i+1 < len(of); i++ {
			one, next := &all[of[i]], &all[of[i+1]]
			if newDraw(seed, one.act).happens(faultReorder, f.Reorder) {
				one.at, next.at = next.at, one.at
				one.place, next.place = next.place, one.place
				done[faultReorder]++
				i++ // the next one has moved already
			}
		}
	}
}

// beside returns what is sent beside: broken bytes before a message, and repetitions
// after something.
func (f Faults) beside(all []step, seed uint64, done map[string]int) (more []step) {
	for _, s := range all {
		draw := newDraw(seed, s.act)
		s.down, s.lost = false, false
		if s.act.message != nil && draw.happens(faultCorrupt, f.Corrupt) {
			broken := s
			broken.turn, broken.fault, broken.corrupt, broken.body, broken.key = -1, faultCorrupt, true, draw.broken(s.body), ""
			more = append(more, broken)
			done[faultCorrupt]++
		}
		if draw.happens(faultDuplicate, f.Duplicate) {
			again := s
			again.turn, again.fault, again.again = 1, faultDuplicate, true
			if s.act.message != nil && draw.half("another key") {
				again.key = draw.another(s.act.id)
			}
			more = append(more, again)
			done[faultDuplicate]++
		}
	}
	return more
}
