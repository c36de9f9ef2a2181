package pdsapi

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/nhs"
)

// What a new Patient may say that a stored one does not (PatientCreateRequest.yaml):
// who registers it, and what PDS reads and does not keep.
const (
	registeringURL = ukCore + "RegisteringAuthority"
	ethnicityURL   = ukCore + "EthnicCategory"
)

var notKept = []string{
	ukCore + "BirthSex", ukCore + "ResidentialStatus", ukCore + "NHSNumberUnavailableReason", deathURL,
	"http://hl7.org/fhir/StructureDefinition/patient-cadavericDonor", "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
}

// newcomer is somebody who has no record yet.
type newcomer struct {
	record    demographics.Record
	authority nhs.ODSCode // who registers the patient
}

// create answers POST /Patient: a record with a new NHS number, for somebody whom a
// search does not find.
func (a *API) create(x *exchange) error {
	if fault := a.mayCreate(); fault != nil {
		return fault
	}
	tree, fault := a.body(x, "application/json", fhirJSON)
	if fault != nil {
		return fault
	}
	n, fault := a.newcomer("", tree, "resourceType", "name", "gender", "birthDate", "address", "telecom", "extension")
	if fault != nil {
		return fault
	}
	done, err := a.allocate(x, broker.RecordRequest{Edit: func(r *demographics.Record) error {
		if err := a.unmatched(x.r.Context(), n.record); err != nil {
			return err
		}
		return n.become(r)
	}}, tree)
	if err != nil {
		return err
	}
	x.created(done)
	return nil
}

// become makes the record of a number that of the newcomer.
func (n newcomer) become(r *demographics.Record) error {
	number := r.NHSNumber
	*r = n.record.Clone()
	r.NHSNumber = number
	return nil
}

// created answers with a new record.
func (x *exchange) created(done broker.RecordChanged) {
	x.w.Header().Set("ETag", etag(done.Record))
	if len(done.Events) > 0 {
		x.w.Header().Set("Notification-ID", done.Events[0].MessageID)
	}
	x.write(http.StatusCreated, encode(done.Record, whole))
}

// body reads a request's body, which is a JSON object.
func (a *API) body(x *exchange, kinds ...string) (object, *Fault) {
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != kinds[0] && kind != kinds[len(kinds)-1] {
		return nil, badRequest(unsupportedService, "The Content-Type must be "+kinds[0])
	}
	text, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if fault := unread(err); fault != nil {
		return nil, fault
	}
	var tree object
	if err := json.Unmarshal(text, &tree); err != nil || tree == nil {
		return nil, badRequest(invalidValue, "Invalid value - the body is not a JSON object in UTF-8 without repeated members")
	}
	return tree, nil
}

// newcomer reads a Patient who has no number yet. at is its place in the body, "" for
// the whole of it.
func (a *API) newcomer(at string, tree object, allowed ...string) (n newcomer, fault *Fault) {
	var f faults
	f.object(at, tree, allowed...)
	for _, needed := range []string{"name", "gender", "birthDate", "address", "extension"} {
		if tree[needed] == nil {
			f.add(missing(at + needed))
		}
	}
	if tree["gender"] == "other" {
		f.add(badRequest(invalidValue, "Invalid value - 'other' in field '"+at+"gender'"))
	}
	tree = copyOf(tree).(object)
	delete(tree, "_birthDate")
	n.authority = f.registration(at, tree, &n.record)
	for i, item := range f.list(at+"address", tree["address"], 1, 5) {
		if o, ok := item.(object); ok && o["period"] == nil {
			f.add(missing(at + "address/" + itoa(i) + "/period"))
		}
	}
	f.list(at+"name", tree["name"], 1, 1)
	if f.first != nil {
		return n, f.first
	}
	now := a.Now()
	ethnicity := n.record.Ethnicity
	n.record, fault = decode(demographics.Record{}, object{}, tree, now.UTC().Format(time.DateOnly), a.newID)
	if fault != nil {
		return n, fault
	}
	n.record.Ethnicity = ethnicity
	if usual := n.record.Usual(); usual == nil {
		return n, wrongValue(n.record.Names[0].Use, at+"name/0/use", "usual")
	} else if usual.End != "" {
		return n, wrongValue(usual.End, at+"name/0/period/end", "no end of a usual name")
	}
	return n, change{old: &demographics.Record{}, new: &n.record, now: now, practice: func(string) bool { return false }}.check()
}

// registration takes out of a Patient what its record does not keep, and returns who
// registers it.
func (f *faults) registration(at string, tree object, r *demographics.Record) (authority nhs.ODSCode) {
	var kept []any
	for i, item := range f.list(at+"extension", tree["extension"], 0, anyNumber) {
		path := at + "extension/" + itoa(i)
		o, _ := item.(object)
		switch url, _ := o["url"].(string); {
		case url == registeringURL:
			for j, part := range f.list(path+"/extension", o["extension"], 2, 3) {
				if p, _ := part.(object); p["url"] == "organisationIdentifier" {
					text := f.needed(path+"/extension/"+itoa(j)+"/valueString", p["valueString"], 15)
					var err error
					if authority, err = nhs.ParseODSCode(text); err != nil {
						f.add(wrongValue(text, path+"/extension/"+itoa(j)+"/valueString", "an ODS code"))
					}
				}
			}
		case url == ethnicityURL:
			r.Ethnicity, _ = at1(o, "valueCodeableConcept", "coding", "code").(string)
		case url == birthplaceURL:
			if a, ok := o["valueAddress"].(object); ok {
				delete(a, "text") // a name for people
			}
			kept = append(kept, item)
		case !slices.Contains(notKept, url):
			kept = append(kept, item)
		}
	}
	if authority == "" && f.first == nil {
		f.add(missing(at + "extension/" + registeringURL))
	}
	tree["extension"] = kept
	return authority
}

// at1 walks into a value by names, taking the first item of each list.
func at1(v any, path ...string) any {
	for _, step := range path {
		if list, ok := v.([]any); ok {
			if len(list) == 0 {
				return nil
			}
			v = list[0]
		}
		o, _ := v.(object)
		v = o[step]
	}
	return v
}

// unmatched refuses somebody who has a record already, by name, birth date and gender.
func (a *API) unmatched(ctx context.Context, r demographics.Record) error {
	name := r.Usual()
	s := search{family: pattern{[]string{readName(name.Family)}}, birth: span{r.BirthDate, r.BirthDate}, gender: r.Gender, most: 2}
	for _, given := range name.Given[:min(1, len(name.Given))] {
		s.given = []pattern{{[]string{readName(given)}}}
	}
	hits, tooMany, err := a.find(ctx, &s)
	switch {
	case err != nil:
		return err
	case tooMany || len(hits) > 1:
		return &Fault{Status: http.StatusOK, Code: multipleMatches, Diagnostics: "Unable to create new patient. Multiple matches found for supplied demographic data."}
	case len(hits) == 1:
		return &Fault{Status: http.StatusOK, Code: singleMatch, Diagnostics: "Unable to create new patient. NHS number " + hits[0].record.NHSNumber.Digits() + " found for supplied demographic data."}
	}
	return nil
}

// numbersTried is how many numbers are tried for one newcomer.
const numbersTried = 200

// allocate makes a record under a number that nobody has, from the range for tests.
// The numbers that are tried follow from the request, so that one that is sent again
// finds what it has made.
func (a *API) allocate(x *exchange, r broker.RecordRequest, tree object) (broker.RecordChanged, error) {
	text, err := json.Marshal(tree, json.Deterministic(true))
	if err != nil {
		return broker.RecordChanged{}, err
	}
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.Join([]string{string(x.caller.ASID), strings.ToLower(x.r.Header.Get("X-Request-ID")), string(text)}, "\n")))
	r.New, r.ID, r.Caller = true, id, x.caller
	first := binary.BigEndian.Uint32(id[:4])
	for i := range uint32(numbersTried) {
		number, exists := nhs.TestNumber(int((first + i) % nhs.TestNumbers))
		if !exists {
			continue
		}
		r.Patient = number
		done, err := a.Records.ChangeRecord(x.r.Context(), r)
		if errors.Is(err, broker.ErrRecordExists) || errors.Is(err, broker.ErrSuperseded) {
			continue
		}
		return done, err
	}
	return broker.RecordChanged{}, &Fault{Status: http.StatusServiceUnavailable, Code: serviceUnavailable, Diagnostics: "Nearly all NHS numbers of the range for tests are in use"}
}

// mayCreate checks that new numbers may be given: they are of the range for tests.
func (a *API) mayCreate() *Fault {
	if a.Open {
		return nil
	}
	return &Fault{Status: http.StatusForbidden, Code: invalidMethod, Display: "Method is not allowed",
		Diagnostics: "New NHS numbers are of the range for tests, and are given in the development world only; nems patients add and born make records under numbers of your own"}
}
