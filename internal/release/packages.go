package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// packager makes .deb and .rpm. It is run as a tool of a fixed version: as a
// library it would bring sixty modules into the program's graph, among them a
// client of Git and a library for terminals.
const packager = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.48.0"

// product is what a release is made of.
type product struct {
	source  string    // the project's folder
	version string    // as `nems version` says it
	time    time.Time // of the source: every file in a package or an image has it
}

// writePackages writes the .deb and the .rpm of a Linux binary into the folder
// out and returns their paths. The processor is GOARCH. The stage holds the files
// that they have in common.
func (p product) writePackages(out, binary, processor, stage string) ([]string, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if err := p.put(stage, "nems", content); err != nil {
		return nil, err
	}
	stage, err = filepath.Abs(stage)
	if err != nil {
		return nil, err
	}
	template, err := os.ReadFile(filepath.Join(p.source, "deploy/packages/nfpm.yaml"))
	if err != nil {
		return nil, err
	}
	version := packageVersion(p.version, p.time)
	values := map[string]string{
		"ARCH": processor, "VERSION": version, "LICENSE": "MIT", "STAGE": stage, "TIME": p.time.Format(time.RFC3339),
	}
	config := filepath.Join(stage, "nfpm.yaml")
	text := os.Expand(string(template), func(name string) string { return values[name] })
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	var made []string
	for _, format := range []string{"deb", "rpm"} {
		file := filepath.Join(out, packageName(version, processor, format))
		target, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		run := exec.Command("go", "run", "-trimpath", packager, "package", "--config", config, "--packager", format, "--target", target)
		run.Dir = p.source
		run.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", p.time.Unix()), "GOFLAGS=", "GOWORK=off")
		if out, err := run.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", packager, err, out)
		}
		made = append(made, file)
	}
	return made, nil
}

// packageName returns the usual name of a package's file.
func packageName(version, processor, format string) string {
	if format == "deb" {
		return "nems_" + version + "_" + processor + ".deb"
	}
	return "nems-" + version + "-1." + map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[processor] + ".rpm"
}

// published is a version as `git describe` writes it: tag, commits since, commit.
var published = regexp.MustCompile(`^v?(\d[^-]*)(?:-((?:alpha|beta|rc)[^-]*))?(?:-(\d+)-g([0-9a-f]+))?(-dirty)?$`)

// packageVersion returns a version that dpkg and rpm order as it is meant: a
// candidate before its version, later commits after it. What has no tag comes
// before every version, ordered by its time.
func packageVersion(version string, at time.Time) string {
	// A commit may begin with a digit; a tag has a dot.
	m := published.FindStringSubmatch(version)
	if m == nil || !strings.Contains(m[1], ".") {
		return "0~" + at.UTC().Format("20060102.150405") + "." + strings.ReplaceAll(version, "-", ".")
	}
	v := m[1]
	if m[2] != "" {
		v += "~" + m[2]
	}
	if m[3] != "" {
		v += "+" + m[3] + ".g" + m[4]
	}
	if m[5] != "" {
		v += "+dirty"
	}
	return v
}

// writeStage fills a folder with what every package holds beside the binary. The
// binary native, which this machine can run, tells its commands itself.
func (p product) writeStage(stage, native string) error {
	copies := map[string]string{
		"nems.service": "deploy/systemd/nems.service", "nems.sysusers": "deploy/systemd/nems.sysusers", "nems.tmpfiles": "deploy/systemd/nems.tmpfiles",
		"LICENSE": "LICENSE", "NOTICE": "NOTICE", "nems.yaml": "docs/nems.example.yaml",
		"nems.rules.yaml": "deploy/prometheus/nems.rules.yaml", "nems.json": "deploy/grafana/nems.json",
	}
	for name, from := range copies {
		content, err := os.ReadFile(filepath.Join(p.source, from))
		if err != nil {
			return err
		}
		if name == "nems.yaml" {
			content = ownSettings(content)
		}
		if err := p.put(stage, name, content); err != nil {
			return err
		}
	}
	page, err := manual(native, p.version, p.time)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is a right one
	if _, err := w.Write(page); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := p.put(stage, "nems.1.gz", packed.Bytes()); err != nil {
		return err
	}
	for shell, text := range completions {
		if err := p.put(stage, "nems."+shell, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file with the time of the source, which packages take over.
func (p product) put(folder, name string, content []byte) error {
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, content, 0o755); err != nil {
		return err
	}
	return os.Chtimes(path, p.time, p.time)
}

// placeholder is a secret of the example configuration that its reader must replace.
var placeholder = regexp.MustCompile(`^([a-z-]+): change-me$`)

// ownSettings makes the configuration of a package from the example: its secrets are
// in files of /etc/nems/secrets, each named by its setting, and there is no other MESH
// before somebody says where it is.
func ownSettings(example []byte) []byte {
	away := false
	var out []string
	for line := range strings.Lines(string(example)) {
		if line == "mesh-remote:\n" {
			away = true
		}
		if m := placeholder.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			name := m[1]
			if away {
				name = "mesh-remote-" + name
			}
			line = strings.Replace(line, "change-me", "file:/etc/nems/secrets/"+name, 1)
		}
		if line == "\n" {
			away = false
		}
		if away {
			line = "# " + line
		}
		out = append(out, line)
	}
	return []byte(strings.Join(out, ""))
}

// completions are the files that shells load by themselves; the program answers.
var completions = map[string]string{
	"bash": "complete -o default -o bashdefault -C /usr/bin/nems nems\n",
	"fish": `function __complete_nems
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    /usr/bin/nems
end
complete -f -c nems -a "(__complete_nems)"
`,
	"zsh": `#compdef nems
compadd -- ${(f)"$(COMP_LINE="$LBUFFER" /usr/bin/nems)"} || _files
`,
}
