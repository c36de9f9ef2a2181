package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPackageVersionsAreOrdered(t *testing.T) {
	at := time.Date(2026, 11, 28, 10, 12, 56, 0, time.UTC)
	var ordered []string
	for _, test := range []struct{ version, want string }{ // oldest first
		{"8a65b4406bfc", "0~20261128.101256.8a65b4406bfc"},
		{"v1.2.3-rc.1", "1.2.3~rc.1"},
		{"v1.2.3-rc.1-5-gabcdef012345", "1.2.3~rc.1+5.gabcdef012345"},
		{"v1.2.3", "1.2.3"},
		{"v1.2.3-dirty", "1.2.3+dirty"},
		{"v1.2.4", "1.2.4"},
		{"v1.2.4-5-gabcdef012345", "1.2.4+5.gabcdef012345"},
	} {
		got := packageVersion(test.version, at)
		if got != test.want {
			t.Errorf("%s: received %s, want %s", test.version, got, test.want)
		}
		ordered = append(ordered, got)
	}
	if got := packageVersion("12345678-dirty", at); got != "0~20261128.101256.12345678.dirty" {
		t.Errorf("a commit of digits: received %s", got)
	}
	needs(t, "dpkg")
	for i, version := range ordered[1:] {
		if err := exec.Command("dpkg", "--compare-versions", ordered[i], "lt", version).Run(); err != nil {
			t.Errorf("dpkg: %s is not before %s", ordered[i], version)
		}
	}
}

// The settings of a package have no secret that everybody knows, no other MESH, and
// else what the example has.
func TestOwnSettings(t *testing.T) {
	example, err := os.ReadFile("../../docs/nems.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := string(ownSettings(example))
	for _, line := range []string{
		"\nmesh-shared-key: file:/etc/nems/secrets/mesh-shared-key\n", "\n# mesh-remote:\n",
		"\n#   password: file:/etc/nems/secrets/mesh-remote-password\n", "\noperations:\n",
	} {
		if !strings.Contains(own, line) {
			t.Errorf("%q is missing", line)
		}
	}
	if strings.Contains(own, ": change-me") {
		t.Error("a secret is still change-me")
	}
	if strings.Count(own, "\n") != strings.Count(string(example), "\n") {
		t.Error("it has other lines than the example")
	}
}

func TestReadHelp(t *testing.T) {
	got := readHelp(`Usage: nems lend <box> [flags]

Lend a box.

Without flags:

    nems lend box

Arguments:
  <box>    The box.

Flags:
  -h, --help           Show context-sensitive help.

      --long-name=STRING
                       Words that begin in the next
                       line ($NEMS_LONG).
      --yes            Do it.

Run "nems <command> --help" for more information on a command.
`)
	want := help{
		usage: "Usage: nems lend <box> [flags]",
		about: []string{"", "Lend a box.", "", "Without flags:", "", "    nems lend box", ""},
		groups: map[string][]item{
			"Arguments": {{"<box>", "The box."}},
			"Flags": {
				{"-h, --help", "Show context-sensitive help."},
				{"--long-name=STRING", "Words that begin in the next line ($NEMS_LONG)."}, {"--yes", "Do it."},
			},
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(help{}, item{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if text := roff(".x -y \\"); text != `\&.x \-y \e` {
		t.Errorf("roff: received %q", text)
	}
}

// Mozilla's list is read whole, but for authorities whose trust has ended.
func TestCertificateAuthorities(t *testing.T) {
	if _, err := rootsPEM([]byte("certStartOff: 1,\n certLength: 9,"), []byte("short")); err == nil {
		t.Error("a certificate outside of the list passes")
	}
	if _, err := rootsPEM(nil, nil); err == nil {
		t.Error("a list without certificates passes")
	}
	if m := rootEntry.FindAllSubmatch([]byte("certStartOff: 0,\n\t\tcertLength:   626,\n\t},\n{certStartOff: 1,\ncertLength: 2,\n\t\tdistrustAfter: \"2026"), -1); len(m) != 2 ||
		len(m[0][3]) > 0 || !slices.Equal(m[1][1], []byte("1")) || len(m[1][3]) == 0 {
		t.Errorf("received %q", m)
	}
}
