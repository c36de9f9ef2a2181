package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker where a version is published (internal/release).
var version string

// versionCmd prints what this program is.
type versionCmd struct{}

// Run prints version, revision where it is known, and Go version.
func (versionCmd) Run() error {
	fmt.Fprintf(stdout(), "nems %s (%s, NEMS specification 2.15)\n", named(), runtime.Version())
	return nil
}

// named says which version this is: the published one, else what Go has noted
// of the module and the revision that it was built from.
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
