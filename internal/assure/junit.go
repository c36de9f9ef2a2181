package assure

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// The form of JUnit, as build servers read it: a suite for each step, a case for each
// check. What is found in requests is a suite of its own.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes a report as JUnit's XML.
func (r *Report) JUnit() ([]byte, error) {
	all := junitSuites{Name: "nems assure " + r.Side}
	for _, s := range r.Steps {
		suite := junitSuite{Name: s.ID, Time: fmt.Sprintf("%.3f", s.Ended.Sub(s.Started).Seconds()), Timestamp: s.Started.UTC().Format(time.RFC3339)}
		for _, c := range s.Checks {
			one := junitCase{Class: s.ID, Name: c.Name}
			switch c.Verdict {
			case Fail:
				one.Failure = &junitMessage{c.Says, strings.Join(c.Wrong, "\n")}
			case NotTested:
				one.Skipped = &junitMessage{Message: "the step gave no occasion"}
			}
			suite.Cases = append(suite.Cases, one)
		}
		if len(s.Checks) == 0 {
			suite.Cases = []junitCase{{Class: s.ID, Name: "step", Skipped: &junitMessage{Message: s.Note}}}
		}
		all.add(suite)
	}
	all.add(r.requestSuite())
	text, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}

// requestSuite has what was found in requests.
func (r *Report) requestSuite() junitSuite {
	suite := junitSuite{Name: "every request", Timestamp: r.Started.UTC().Format(time.RFC3339), Time: "0"}
	for _, f := range r.Findings {
		if len(f.Exchanges) == 0 {
			continue // a step's check has it
		}
		one := junitCase{Class: "every request", Name: f.Check}
		text := fmt.Sprintf("%s\nrequirements: %s\nexchanges: %v", f.Text, strings.Join(f.Requirements, ", "), f.Exchanges)
		if f.Verdict == Fail {
			one.Failure = &junitMessage{f.Text, text}
		} else {
			one.Skipped = &junitMessage{Message: "observed: " + f.Text}
		}
		suite.Cases = append(suite.Cases, one)
	}
	return suite
}

// add counts a suite in.
func (all *junitSuites) add(s junitSuite) {
	for _, c := range s.Cases {
		s.Tests++
		if c.Failure != nil {
			s.Failures++
		}
		if c.Skipped != nil {
			s.Skipped++
		}
	}
	all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
	all.Suites = append(all.Suites, s)
}
