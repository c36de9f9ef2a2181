package console

import (
	"net/http"
	"strings"
	"time"

	"nems/internal/operator"
)

// story tells all that happened about one patient. Number and reason travel in a
// form, and are recorded.
func (c *Console) story() page {
	p := page{path: "audit/story", title: "A patient’s story", within: "Audit", role: operator.Governance, file: "story.html", css: "story.css"}
	p.read = func(v *visit) (any, error) {
		if v.text("look") == "" {
			return storyPage{}, nil
		}
		f, err := storyFilter(v)
		if err != nil {
			return storyPage{}, err
		}
		found, err := operator.TellPatient.Do(v, v.Desk, search(v, f))
		if err != nil {
			return storyPage{}, err
		}
		return byDay(found), nil
	}
	p.act = func(*visit) (outcome, error) { return outcome{}, nil }
	p.download = func(v *visit, w http.ResponseWriter) error {
		f, err := storyFilter(v)
		if err != nil {
			return err
		}
		// Who typed a number may have it in the file; a number that supersedes it is masked.
		entries := operator.InOrder(operator.Each(v, v.Desk, operator.TellPatient, operator.Matching(f)))
		return export(v, w, "patient-story", masking(v, entries, func(e *operator.StoryEntry) *string {
			if e.Patient == f.Patient {
				return new(string)
			}
			return &e.Patient
		}), operator.WriteStoryCSV)
	}
	return p
}

func storyFilter(v *visit) (f operator.StoryFilter, err error) {
	f = operator.StoryFilter{Patient: strings.ReplaceAll(v.text("patient"), " ", ""), Reason: strings.TrimSpace(v.text("reason"))}
	if f.Reason == "" {
		return f, &operator.Error{Code: operator.Invalid, Field: "reason", Message: "say why you look: the reason is recorded"}
	}
	f.From, f.To, err = between(v)
	return f, err
}

// storyPage is a page of a story, grouped by day.
type storyPage struct {
	Told   bool
	Before []operator.StoryEntry // notes that come first
	Days   []storyDay
	After  []operator.StoryEntry // notes that come last
	Next   string
}

type storyDay struct {
	Day     string
	Entries []operator.StoryEntry
}

func byDay(found operator.Page[operator.StoryEntry]) storyPage {
	out := storyPage{Told: true, Next: found.Next}
	for _, e := range found.Items {
		switch {
		case e.Kind == operator.StoryNote && e.At.IsZero():
			out.Before = append(out.Before, e)
			continue
		case e.Kind == operator.StoryNote:
			out.After = append(out.After, e)
			continue
		}
		day := e.At.UTC().Format("Monday 2 January 2006")
		if len(out.Days) == 0 || out.Days[len(out.Days)-1].Day != day {
			out.Days = append(out.Days, storyDay{Day: day})
		}
		last := &out.Days[len(out.Days)-1]
		last.Entries = append(last.Entries, e)
	}
	return out
}

// storyTag is the colour of what sort of thing happened.
func storyTag(kind operator.StoryKind) string {
	switch kind {
	case operator.StoryRefused:
		return "nhsuk-tag--red"
	case operator.StoryCollected:
		return "nhsuk-tag--green"
	case operator.StoryLookUp, operator.StoryRead:
		return "nhsuk-tag--yellow"
	case operator.StoryPublished, operator.StoryMatched, operator.StoryCopy:
		return "nhsuk-tag--blue"
	}
	return "nhsuk-tag--grey"
}

// clock is the time of a day.
func clock(at time.Time) string { return at.UTC().Format("15:04:05") }
