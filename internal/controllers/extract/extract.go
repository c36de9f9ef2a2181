// Package extract shows the controller catalogue to everybody: which organisation
// publishes or receives which events, for what purpose and on which basis, as a
// page, CSV and JSON. It is made of the rows that the service itself goes by, so
// that it always says what the service does. It holds no personal data: contacts
// and notes are left out.
package extract

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"nems/internal/controllers"
	"nems/internal/nhs"
)

// The paths at which it is served.
const (
	Path     = "/catalogue"
	PathCSV  = Path + ".csv"
	PathJSON = Path + ".json"
)

// Source is what the extract is made of.
type Source struct {
	// Catalogue and Mode return what the service goes by at this moment.
	Catalogue func() *controllers.Catalogue
	Mode      func() controllers.Mode
	// Display returns an event type's name for people.
	Display func(event string) string
	Now     func() time.Time
}

// Mount serves the extract.
func (s Source) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Path, s.negotiate)
	mux.HandleFunc("GET "+Path+"/{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, Path, http.StatusPermanentRedirect) })
	mux.HandleFunc("GET "+PathCSV, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, s.csv) })
	mux.HandleFunc("GET "+PathJSON, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, s.json) })
}

// negotiate answers in the form that was asked for, by default as a page.
func (s Source) negotiate(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	switch accept := r.Header.Get("Accept"); {
	case strings.Contains(accept, "text/html"):
		s.answer(w, r, s.page)
	case strings.Contains(accept, "text/csv"):
		s.answer(w, r, s.csv)
	case strings.Contains(accept, "application/json"):
		s.answer(w, r, s.json)
	default:
		s.answer(w, r, s.page)
	}
}

// answer sends what write makes of the rows that were asked for. The answer has a
// tag, so that whoever looks often reads only what has changed.
func (s Source) answer(w http.ResponseWriter, r *http.Request, write func(*bytes.Buffer, view) (mediaType string, err error)) {
	var b bytes.Buffer
	mediaType, err := write(&b, s.view(r))
	if err != nil {
		http.Error(w, "the catalogue cannot be shown", http.StatusInternalServerError)
		return
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(b.Bytes()))
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache") // to be asked for again, so that it is never older than the service's own
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.Bytes()))
}

// view is what is shown.
type view struct {
	Mode   controllers.Mode
	Day    controllers.Date
	Rows   []row
	Of     int // how many rows there are in all
	Events []event
	// What was asked for.
	Organisation, Event, Status string
}

type row struct {
	controllers.Row
	Display string
	Permits bool
	Lacks   string
}

type event struct{ Code, Display string }

// view selects the rows that a request asks for.
func (s Source) view(r *http.Request) view {
	q := r.URL.Query()
	v := view{Mode: s.Mode(), Day: controllers.DateOf(s.Now()), Event: q.Get("event"), Status: q.Get("status"), Organisation: strings.ToUpper(strings.TrimSpace(q.Get("organisation")))}
	seen := map[string]bool{}
	all := controllers.Public(s.Catalogue().Rows())
	v.Of = len(all)
	for _, from := range all {
		if !seen[from.Event] {
			seen[from.Event] = true
			v.Events = append(v.Events, event{from.Event, s.Display(from.Event)})
		}
		lacks := from.Lacks(s.Now())
		if v.Organisation != "" && from.Organisation != nhs.ODSCode(v.Organisation) || v.Event != "" && from.Event != v.Event || v.Status != "" && v.Status != state(from, lacks) {
			continue
		}
		v.Rows = append(v.Rows, row{from, s.Display(from.Event), lacks == "", lacks})
	}
	return v
}

// state is a row's status, or expired if its evidence is.
func state(r controllers.Row, lacks string) string {
	if r.Status == controllers.Live && lacks != "" {
		return "expired"
	}
	return string(r.Status)
}

// State is the row's state today.
func (r row) State() string { return state(r.Row, r.Lacks) }

// Until is the day until which the row's evidence holds.
func (r row) Until() string {
	if e, expires := r.Expiry(); expires {
		return e.Expires.String()
	}
	return ""
}

func (s Source) csv(b *bytes.Buffer, v view) (string, error) {
	rows := make([]controllers.Row, len(v.Rows))
	for i, r := range v.Rows {
		rows[i] = r.Row
	}
	return "text/csv; charset=utf-8; header=present", controllers.WriteCSV(b, rows)
}

// published is a row in the JSON form.
type published struct {
	controllers.Row
	Permits bool   `json:"permits"`
	Lacks   string `json:"lacks,omitempty"`
}

func (s Source) json(b *bytes.Buffer, v view) (string, error) {
	all := make([]published, len(v.Rows))
	for i, r := range v.Rows {
		all[i] = published{r.Row, r.Permits, r.Lacks}
	}
	out := json.NewEncoder(b)
	out.SetIndent("", "  ")
	return "application/json", out.Encode(struct {
		Mode controllers.Mode `json:"mode"`
		Day  controllers.Date `json:"day"`
		Rows []published      `json:"rows"`
	}{v.Mode, v.Day, all})
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"join": strings.Join}).Parse(pageText))

func (s Source) page(b *bytes.Buffer, v view) (string, error) {
	return "text/html; charset=utf-8", pageTemplate.Execute(b, v)
}

// States are the states that rows can be in.
func (view) States() []string {
	return []string{"requested", "assured", "live", "suspended", "expired", "ended"}
}
