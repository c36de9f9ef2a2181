package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker when a version is published (internal/release).
var version string

// versionCmd prints what this program is.
type versionCmd struct{}

// Run prints the version, the revision if it is known, and the Go version.
func (versionCmd) Run() error {
	fmt.Fprintf(stdout(), "nems %s (%s, NEMS specification 2.15)\n", named(), runtime.Version())
	return nil
}

// named returns the version: the published one, or else what Go has recorded of
// the module and of the revision that it was built from.
func named() string {
	if version != "" {
		return version
	}
	name, revision := "development", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			name = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	return name + revision
}
