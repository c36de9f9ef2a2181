package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// provenanceName is the file that says what the others were made from.
const provenanceName = "provenance.intoto.json"

// subject is a file, by its digest (in-toto Statement v1, ResourceDescriptor).
type subject struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// writeProvenance writes an in-toto statement (v1) with a predicate of SLSA
// provenance (v1): which commit, with which Go and which tools, gave the files of
// the folder. It is not signed: a signature is added by who publishes. It has no
// time, so that it is the same whenever it is made.
func (p product) writeProvenance(folder, revision string, platforms []string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var subjects []subject
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		subjects = append(subjects, subject{Name: e.Name(), Digest: map[string]string{"sha256": fmt.Sprintf("%x", sha256.Sum256(content))}})
	}
	source := subject{Name: "source"}
	if revision != "" {
		source.Digest = map[string]string{"gitCommit": revision}
	}
	dependencies := []subject{source, {Name: "go", URI: "pkg:golang/toolchain@" + strings.TrimPrefix(runtime.Version(), "go")}}
	for _, tool := range []string{generator, packager, rootsModule} {
		dependencies = append(dependencies, subject{URI: "pkg:golang/" + tool})
	}
	content, err := json.MarshalIndent(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "subject": subjects,
		"predicateType": "https://slsa.dev/provenance/v1",
		"predicate": map[string]any{
			"buildDefinition": map[string]any{
				"buildType": "urn:nems:make-release:1",
				"externalParameters": map[string]any{
					"version": p.version, "platforms": platforms, "sourceDateEpoch": p.time.Unix(),
				},
				"resolvedDependencies": dependencies,
			},
			"runDetails": map[string]any{"builder": map[string]any{"id": "urn:nems:make-release"}},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, provenanceName), append(content, '\n'), 0o644)
}
