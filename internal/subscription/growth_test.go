package subscription

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"nems/internal/fhir"
)

// TestWorkGrowsWithTheResource: twice as many of anything cause at most twice
// as many steps and allocations, in XML and in JSON.
func TestWorkGrowsWithTheResource(t *testing.T) {
	for name, c := range map[string]struct{ before, unit, after string }{
		"contacts":        {request[:strings.Index(request, `<contact>`)], `<contact><value value="$"/></contact>`, `<end` + strings.SplitN(request, `<end`, 2)[1]},
		"kept contacts":   {request[:strings.Index(request, `<end`)], `<contact><value value="$"/></contact>`, `<end` + strings.SplitN(request, `<end`, 2)[1]},
		"modifiers":       {request[:strings.Index(request, `<status`)], `<modifierExtension url="$"><valueUri value="a"/></modifierExtension>`, `<status` + strings.SplitN(request, `<status`, 2)[1]},
		"criteria":        {request[:strings.Index(request, `UHV`)], `a`, `UHV` + strings.SplitN(request, `UHV`, 2)[1]},
		"JSON members":    {`{"resourceType":"Subscription",`, `"m$":1,`, `"reason":"r"}`},
		"JSON contacts":   {`{"resourceType":"Subscription","contact":[`, `{"value":"$"},`, `{"value":"a"}]}`},
		"JSON strings":    {`{"resourceType":"Subscription","reason":"`, `\n`, `"}`},
		"JSON empty":      {`{"resourceType":"Subscription","contact":[`, `{},`, `{}]}`},
		"JSON extensions": {`{"resourceType":"Subscription","_reason":{"extension":[`, `{"url":"$","valueUri":"a"},`, `{"url":"a"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			length := 0
			work := func(n int) int64 {
				var all strings.Builder
				for i := range n {
					all.WriteString(strings.ReplaceAll(c.unit, "$", strconv.Itoa(i+100000)))
				}
				source := []byte(c.before + all.String() + c.after)
				length = len(source)
				return steps(func() { readEither(t, source) })
			}
			work(1) // pays for what is computed only once
			const few = 3000
			least, once, twice := work(1), work(few), work(2*few)
			if twice > 2*once+least+few || twice > 10*int64(length)+500_000 { // each finding costs something, up to the cap
				t.Errorf("1: %d, %d: %d, %d: %d steps, for %d bytes", least, few, once, 2*few, twice, length)
			}
		})
	}
}

func readEither(t *testing.T, source []byte) {
	if source[0] == '{' {
		var err error
		if source, _, err = fhir.JSONToXML(source); err != nil {
			t.Fatal(err)
		}
	}
	doc, _, err := fhir.ParseXML(source)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := ReadResource(doc.Root())
	_, _ = ParseCriteria(r.Criteria)
}

// steps counts what f does: elements visited, bytes looked at, allocations.
func steps(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	count := fhir.CountWork(f)
	runtime.ReadMemStats(&after)
	return count + int64(after.Mallocs-before.Mallocs)
}
