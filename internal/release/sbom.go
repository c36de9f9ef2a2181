package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// generator writes CycloneDX. It is run as a tool of a fixed version, so that
// its own modules stay out of the program's.
const generator = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"

// writeSBOM writes the modules of binary to the file BINARY.cdx.json, and
// checks the file. Serial number and time are left out, because they would
// differ in every run.
func writeSBOM(binary, version string) error {
	file := binary + ".cdx.json"
	run := exec.Command("go", "run", "-trimpath", generator, "bin",
		"-json", "-noserial", "-notimestamp", "-version", version, "-output", file, binary)
	run.Stderr = os.Stderr
	if err := run.Run(); err != nil {
		return fmt.Errorf("%s: %w", generator, err)
	}
	return checkSBOM(binary, file)
}

// checkSBOM returns an error unless the list names exactly the modules that the
// binary was linked with.
func checkSBOM(binary, file string) error {
	linked, err := linkedModules(binary)
	if err != nil {
		return err
	}
	listed, err := listedModules(file)
	if err != nil {
		return err
	}
	if wrong := differences(linked, listed); len(wrong) > 0 {
		return fmt.Errorf("%s: %s", file, strings.Join(wrong, "; "))
	}
	return nil
}

// differences lists the modules that are in only one of the two sets.
func differences(linked, listed map[string]bool) []string {
	var wrong []string
	for _, module := range slices.Sorted(maps.Keys(linked)) {
		if !listed[module] {
			wrong = append(wrong, module+" is in the binary and not in the list")
		}
	}
	for _, module := range slices.Sorted(maps.Keys(listed)) {
		if !linked[module] {
			wrong = append(wrong, module+" is in the list and not in the binary")
		}
	}
	return wrong
}

// linkedModules returns the dependencies in a binary as "path@version", which
// `go version -m` prints as dep.
func linkedModules(binary string) (map[string]bool, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	modules := map[string]bool{}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		modules[m.Path+"@"+m.Version] = true
	}
	if len(modules) == 0 {
		return nil, fmt.Errorf("%s names no modules: was it built as part of a module?", binary)
	}
	return modules, nil
}

// listedModules returns the components of a CycloneDX file as "name@version".
func listedModules(file string) (map[string]bool, error) {
	bytes, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var bom struct {
		Format     string                           `json:"bomFormat"`
		Components []struct{ Name, Version string } `json:"components"`
	}
	if err := json.Unmarshal(bytes, &bom); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if bom.Format != "CycloneDX" {
		return nil, fmt.Errorf("%s: bomFormat is %q, want CycloneDX", file, bom.Format)
	}
	modules := map[string]bool{}
	for _, c := range bom.Components {
		modules[c.Name+"@"+c.Version] = true
	}
	return modules, nil
}
