package assure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// The checks of messages: what a publisher says about what happened to whom.

func checkArrived(o *Outcome) ([]string, bool) {
	came := len(o.Messages())
	if o.Step.Plan.Any {
		came = len(o.Exchanges)
	}
	if came >= o.Step.Wants {
		return nil, true
	}
	return []string{fmt.Sprintf("expected %s; received %d", counted(o.Step.Wants, "message"), came)}, true
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// checkAccepted leaves messages alone that break a rule: that they are refused is not
// another fault.
func checkAccepted(o *Outcome) (wrong []string, tested bool) {
	for _, x := range o.Publishes() {
		if x.Instead != "" || x.broken() {
			continue
		}
		tested = true
		if !x.taken() {
			wrong = append(wrong, fmt.Sprintf("expected 202 for message %d; the service answered %d %s", x.Number, x.Status, x.Code))
		}
	}
	return wrong, tested
}

// broken reports whether the message itself breaks a rule.
func (x *Exchange) broken() bool {
	return slices.ContainsFunc(x.Problems, func(p Problem) bool {
		return strings.HasPrefix(p.Check, "rule:") || strings.HasPrefix(p.Check, "message-")
	})
}

func checkEvent(o *Outcome) ([]string, bool) {
	return o.each(func(x *Exchange) string {
		if x.Facts.Code == o.Step.Event.Code {
			return ""
		}
		return fmt.Sprintf("message %d: MessageHeader.event.code is %s; received %s", x.Number, o.Step.Event.Code, cmp.Or(x.Facts.Code, "none"))
	})
}

func checkKind(o *Outcome) ([]string, bool) {
	return o.each(func(x *Exchange) string {
		if x.Facts.Kind == o.Step.Plan.Kind {
			return ""
		}
		return fmt.Sprintf("message %d: messageEventType is %s; received %s", x.Number, o.Step.Plan.Kind, cmp.Or(x.Facts.Kind, "none"))
	})
}

func checkPatientAsked(o *Outcome) ([]string, bool) {
	return o.each(func(x *Exchange) string {
		if nhs.SameID(x.Person.NHSNumber, o.Step.Current.NHSNumber) {
			return ""
		}
		return fmt.Sprintf("message %d: the routing demographics have the NHS number %s; received another", x.Number, o.Step.Current.NHSNumber)
	})
}

func checkNewID(o *Outcome) ([]string, bool) {
	used := map[string]*Exchange{}
	for _, x := range o.Earlier {
		if x.publishes() && x.Facts.MessageID != "" {
			used[strings.ToLower(x.Facts.MessageID)] = x
		}
	}
	return o.each(func(x *Exchange) string {
		id := strings.ToLower(x.Facts.MessageID)
		before := used[id]
		if id != "" {
			used[id] = x
		}
		if before == nil || before.Hash == x.Hash {
			return ""
		}
		return fmt.Sprintf("message %d has the MessageHeader.id of message %d, which was another one; expected an id of its own", x.Number, before.Number)
	})
}

// checkSentOnce finds what is sent again although its sender knows that it was accepted.
func checkSentOnce(o *Outcome) (wrong []string, tested bool) {
	taken := map[string]int{}
	for _, x := range slices.Concat(o.Earlier, o.Exchanges) {
		if !x.publishes() {
			continue
		}
		if first := taken[x.Hash]; first > 0 && x.Step == o.Step.ID {
			wrong = append(wrong, fmt.Sprintf("message %d is message %d again, for which the service had answered 202; expected that it is sent once", x.Number, first))
		}
		if x.taken() {
			taken[x.Hash] = x.Number
			tested = tested || x.Step == o.Step.ID
		}
	}
	return wrong, tested
}

// checkCorrection looks at kind and identifier of an update or a delete.
func checkCorrection(o *Outcome) ([]string, bool) {
	wrong, tested := checkKind(o)
	if o.Before == nil || o.Before.Facts.Identifier.IsZero() {
		return wrong, tested
	}
	for _, x := range o.Messages() {
		if !x.Facts.SameThing(o.Before.Facts) {
			wrong = append(wrong, fmt.Sprintf("message %d corrects message %d: the resource that MessageHeader.focus references has the same identifier; received %s",
				x.Number, o.Before.Number, anotherOrNone(x.Facts.Identifier.IsZero())))
		}
	}
	return wrong, tested
}

// checkComplete compares the resources of a correction with those of what it corrects.
func checkComplete(o *Outcome) ([]string, bool) {
	if o.Before == nil {
		return nil, false
	}
	return o.each(func(x *Exchange) string {
		var missing []string
		for _, name := range o.Before.resources {
			if !slices.Contains(x.resources, name) {
				missing = append(missing, name)
			}
		}
		if len(missing) == 0 {
			return ""
		}
		return fmt.Sprintf("message %d corrects message %d: expected its whole content; received no %s", x.Number, o.Before.Number, strings.Join(missing, ", "))
	})
}

// checkNumbers compares sequence numbers with those of the patient's earlier messages.
func checkNumbers(o *Outcome) (wrong []string, tested bool) {
	type sequence struct{ patient, event string }
	last := map[sequence]*Exchange{}
	for _, x := range slices.Concat(o.Earlier, o.Exchanges) {
		if !x.publishes() || x.Facts.Point.Number == 0 {
			continue
		}
		s := sequence{x.Person.NHSNumber, x.Facts.Code}
		if before := last[s]; before != nil && before.Hash != x.Hash && x.Step == o.Step.ID {
			tested = true
			if x.Facts.Point.Number <= before.Facts.Point.Number {
				wrong = append(wrong, fmt.Sprintf("message %d: MessageHeader.meta.versionId is higher than the %d of message %d; received %d",
					x.Number, before.Facts.Point.Number, before.Number, x.Facts.Point.Number))
			}
		}
		last[s] = x
	}
	return wrong, tested
}

func anotherOrNone(none bool) string {
	if none {
		return "none"
	}
	return "another"
}

func checkNewer(o *Outcome) (wrong []string, tested bool) {
	if o.Before == nil {
		return nil, false
	}
	for _, x := range o.Messages() {
		newer, known := newerThan(x.Facts.Point, o.Before.Facts.Point)
		if !known {
			continue
		}
		tested = true
		if !newer {
			wrong = append(wrong, fmt.Sprintf("message %d corrects message %d: MessageHeader.meta.lastUpdated is later (or versionId higher, where the times are equal); received one that is not",
				x.Number, o.Before.Number))
		}
	}
	return wrong, tested
}

func checkSilent(o *Outcome) ([]string, bool) {
	var wrong []string
	for _, x := range o.Publishes() {
		wrong = append(wrong, fmt.Sprintf("expected no message about the patient; received message %d", x.Number))
	}
	return wrong, true
}

// checkTraced compares the routing demographics with PDS, as the service does.
func checkTraced(o *Outcome) ([]string, bool) {
	pds := o.Step.Current
	record := directory.Patient{Family: pds.Family, Given: strings.Fields(pds.Given)}
	record.BirthDate, _ = time.Parse(time.DateOnly, pds.Born)
	return o.each(func(x *Exchange) string {
		differ := directory.Agrees(record, x.Person.Family, x.Person.Given, x.Person.Born)
		if x.Person.NHSNumber != pds.NHSNumber {
			differ = append([]string{"nhsNumber"}, differ...)
		}
		if len(differ) == 0 {
			return ""
		}
		return fmt.Sprintf("message %d: the routing demographics are those of PDS; received another %s", x.Number, strings.Join(differ, ", "))
	})
}
