package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCmd prints what this program is.
type versionCmd struct{}

// Run prints module version, revision and Go version.
func (versionCmd) Run() error {
	version, revision := "development", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			version = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	fmt.Fprintf(stdout(), "nems %s%s (%s, NEMS specification 2.15)\n", version, revision, runtime.Version())
	return nil
}
