package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// platforms are the published platforms, as GOOS/GOARCH.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}

// build compiles the program in the folder source for platform into the file
// binary. The result depends on nothing of the machine: no paths (-trimpath),
// no C library, no settings of the caller's Go. The version comes only from the
// argument, because a source archive has no history to read it from
// (-buildvcs). Tables for debuggers are left out (-s -w), a quarter of the size: what
// a panic prints does not need them.
func build(source, version, platform, binary string) error {
	system, processor, ok := strings.Cut(platform, "/")
	if !ok {
		return fmt.Errorf("platform %q: want GOOS/GOARCH, such as linux/amd64", platform)
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	run := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version, "-o", binary, "./cmd/nems")
	run.Dir, run.Stdout, run.Stderr = source, os.Stderr, os.Stderr
	run.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	if err := run.Run(); err != nil {
		return fmt.Errorf("building for %s: %w", platform, err)
	}
	return nil
}

// fileName returns the name of a published binary, for instance nems_v1.2.3_linux_amd64.
func fileName(version, platform string) string {
	name := "nems_" + version + "_" + strings.ReplaceAll(platform, "/", "_")
	if strings.HasPrefix(platform, "windows/") {
		name += ".exe"
	}
	return name
}

// writeSums writes SHA256SUMS for all files of the folder, in the form that
// sha256sum --check reads.
func writeSums(folder string) error {
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, file := range files {
		bytes, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(bytes), file.Name())
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
