package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// TestPackages makes a release of this machine's processor and installs it. The
// program is built once.
func TestPackages(t *testing.T) {
	if os.Getenv("NEMS_PACKAGES") == "" {
		t.Skip("packages and images are not tried: make packages does, which compiles nfpm for minutes the first time")
	}
	if runtime.GOOS != "linux" {
		t.Skip("packages and images are for Linux: not tried")
	}
	here := runtime.GOOS + "/" + runtime.GOARCH
	o := order{
		product: product{source: "../..", version: "v1.2.3", time: time.Unix(1795860776, 0).UTC()},
		commit:  commit, out: filepath.Join(t.TempDir(), "dist"), platforms: []string{here}, packages: true, rest: true,
	}
	if err := o.make(); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(o.out, fileName(o.version, here))
	deb := filepath.Join(o.out, packageName("1.2.3", runtime.GOARCH, "deb"))
	rpm := filepath.Join(o.out, packageName("1.2.3", runtime.GOARCH, "rpm"))
	image := filepath.Join(o.out, "nems_v1.2.3_image_"+runtime.GOARCH+".tar")

	t.Run("sizes", func(t *testing.T) {
		for file, most := range map[string]int64{binary: 35 << 20, image: 40e6, deb: 40e6, rpm: 40e6} {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %.1f MB", filepath.Base(file), float64(info.Size())/1e6)
			if info.Size() > most {
				t.Errorf("%s has %d bytes; expected at most %d", file, info.Size(), most)
			}
		}
	})
	t.Run("same bytes", func(t *testing.T) { sameBytes(t, o, binary) })
	t.Run("provenance", func(t *testing.T) { provenanceIsRight(t, o.out) })
	t.Run("deb", func(t *testing.T) { installDeb(t, deb) })
	t.Run("rpm", func(t *testing.T) { installRPM(t, rpm) })
	t.Run("image", func(t *testing.T) { runImage(t, image) })
	t.Run("two nodes", func(t *testing.T) { twoNodes(t, deb) })
}

// sameBytes makes packages and image twice in different folders, of a small program.
func sameBytes(t *testing.T, o order, native string) {
	folder := t.TempDir()
	stage := filepath.Join(folder, "stage")
	program := filepath.Join(folder, "program")
	if err := os.WriteFile(program, []byte("a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(stage, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := o.writeStage(stage, native); err != nil {
		t.Fatal(err)
	}
	var made [2][]string
	for i := range made {
		out := t.TempDir()
		var err error
		if made[i], _, err = o.packFor(out, program, runtime.GOARCH, stage, []byte("certificates")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(stage, stage+"2"); err != nil {
			t.Fatal(err)
		}
		stage += "2"
	}
	for i, file := range made[0] {
		a, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(made[1][i])
		if err != nil {
			t.Fatal(err)
		}
		if len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("%s: made twice, it has other bytes", filepath.Base(file))
		}
	}
}

// provenanceIsRight compares the statement and the sums with the files.
func provenanceIsRight(t *testing.T, folder string) {
	var statement struct {
		Type      string `json:"_type"`
		Subject   []subject
		Predicate struct {
			BuildDefinition struct{ ResolvedDependencies []subject }
		}
	}
	content, err := os.ReadFile(filepath.Join(folder, provenanceName))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &statement); err != nil {
		t.Fatal(err)
	}
	if statement.Type != "https://in-toto.io/Statement/v1" || statement.Predicate.BuildDefinition.ResolvedDependencies[0].Digest["gitCommit"] != commit {
		t.Errorf("expected an in-toto statement with the commit %s; received %s", commit, content)
	}
	sums, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		if f.Name() != "SHA256SUMS" && !strings.Contains(string(sums), sum+"  "+f.Name()+"\n") {
			t.Errorf("%s is not in SHA256SUMS", f.Name())
		}
		if f.Name() != "SHA256SUMS" && f.Name() != provenanceName &&
			!slices.ContainsFunc(statement.Subject, func(s subject) bool { return s.Name == f.Name() && s.Digest["sha256"] == sum }) {
			t.Errorf("%s is not in the provenance", f.Name())
		}
	}
}

// thisMachine is a machine whose files are this one's until they are changed.
func thisMachine(t *testing.T) machine {
	return newMachine(t, t.TempDir(), overlaid)
}

// overlaid is the script of thisMachine.
const overlaid = `mount -t tmpfs nems "$1"
mkdir "$1/changes" "$1/work" "$1/root"
mount -t overlay nems -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs nems "$1/root/run"
mount -t tmpfs nems "$1/root/tmp"`

// copyIn copies a file into the machine's folder /tmp, under the name given.
func (m machine) copyIn(t *testing.T, file, name string) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c := m.command(t, "0:0", "tee", "/tmp/"+name)
	c.Stdin, c.Stdout = in, io.Discard
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
}

func installDeb(t *testing.T, deb string) {
	needs(t, "dpkg")
	m := thisMachine(t)
	m.copyIn(t, deb, "nems.deb")
	m.run(t, "dpkg", "--install", "/tmp/nems.deb")
	tryInstalled(t, m)

	// A second time, as an upgrade does: what was changed stays.
	m.run(t, "sh", "-c", "echo '# mine' >> /etc/nems/nems.yaml")
	m.run(t, "dpkg", "--install", "/tmp/nems.deb")
	m.run(t, "grep", "-q", "^# mine$", "/etc/nems/nems.yaml")

	m.run(t, "dpkg", "--remove", "nems")
	m.run(t, "test", "-s", "/etc/nems/nems.yaml", "-a", "-s", "/var/lib/nems/nems.db", "-a", "!", "-e", "/usr/bin/nems")
	m.run(t, "dpkg", "--purge", "nems")
	m.run(t, "test", "!", "-e", "/etc/nems/nems.yaml", "-a", "-s", "/var/lib/nems/nems.db", "-a", "-s", "/etc/nems/audit.key")
}

func installRPM(t *testing.T, rpm string) {
	needs(t, "rpm")
	m := thisMachine(t)
	m.copyIn(t, rpm, "nems.rpm")
	install := []string{"rpm", "--install", "--nodeps", "--dbpath", "/tmp/rpm"} // Debian's rpm knows nothing of what is installed
	m.run(t, append(install, "/tmp/nems.rpm")...)
	tryInstalled(t, m)
	m.run(t, "sh", "-c", "echo '# mine' >> /etc/nems/nems.yaml")
	m.run(t, append(install, "--force", "/tmp/nems.rpm")...)
	m.run(t, "grep", "-q", "^# mine$", "/etc/nems/nems.yaml")
	m.run(t, "rpm", "--erase", "--nodeps", "--dbpath", "/tmp/rpm", "nems")
	m.run(t, "test", "-s", "/etc/nems/nems.yaml.rpmsave", "-a", "-s", "/var/lib/nems/nems.db", "-a", "!", "-e", "/usr/bin/nems")
}

// tryInstalled does what docs/installing.md says about the first start.
func tryInstalled(t *testing.T, m machine) {
	if out := m.run(t, "nems", "version"); !strings.HasPrefix(out, "nems v1.2.3 ") {
		t.Errorf("nems version: received %q", out)
	}
	for _, block := range firstStart(t)[:2] {
		m.run(t, "sh", "-ec", block)
	}
	m.serve(t, "nems", nil, "--config", "/etc/nems/nems.yaml")
	if out := m.run(t, "stat", "-c", "%U %G %a", "/etc/nems", "/etc/nems/nems.yaml", "/etc/nems/fhir.key", "/var/lib/nems", "/var/lib/nems/nems.db"); out !=
		"root nems 750\nroot nems 640\nroot nems 640\nnems nems 750\nnems nems 640\n" {
		t.Errorf("owners and rights: received\n%s", out)
	}
	for shell, want := range map[string]string{"bash": completions["bash"], "fish": completions["fish"]} {
		if got := m.run(t, "nems", "completion", shell, "-c"); got != want {
			t.Errorf("completion for %s: the program says\n%s\nand the package has\n%s", shell, got, want)
		}
	}
	if out := m.run(t, "env", "COMP_LINE=nems audit ver", "/usr/bin/nems"); strings.TrimSpace(out) != "verify" {
		t.Errorf("completing nems audit ver: received %q", out)
	}
	if _, err := exec.LookPath("systemd-analyze"); err == nil {
		if out := m.run(t, "systemd-analyze", "verify", "--man=no", "nems.service"); out != "" {
			t.Errorf("systemd-analyze verify: %s", out)
		}
	}
	if _, err := exec.LookPath("man"); err == nil {
		if out := m.run(t, "man", "--warnings", "nems"); !strings.Contains(out, "nems audit verify") || strings.Contains(out, "warning:") {
			t.Errorf("man nems: received\n%.2000s", out)
		}
	}
}

// firstStart returns the commands of that part of the handbook, block by block.
func firstStart(t *testing.T) (blocks []string) {
	page, err := os.ReadFile("../../docs/installing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(page), "\n## First start\n")
	part, _, _ = strings.Cut(part, "\n## ")
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(part, -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) != 3 {
		t.Fatalf("docs/installing.md, First start: expected 3 blocks of commands; received %d", len(blocks))
	}
	return blocks
}

// runImage unpacks the layers and runs the entry point as the image says, with a root
// that nobody can write to.
func runImage(t *testing.T, file string) {
	blobs := readTar(t, file)
	var index, manifest struct{ Manifests, Layers []descriptor }
	var config struct {
		Config struct {
			User            string
			Entrypoint, Env []string
		}
	}
	var named struct{ Config descriptor }
	decode(t, blobs["index.json"], &index)
	content := blobs["blobs/sha256/"+strings.TrimPrefix(index.Manifests[0].Digest, "sha256:")]
	decode(t, content, &manifest)
	decode(t, content, &named)
	decode(t, blobs["blobs/sha256/"+strings.TrimPrefix(named.Config.Digest, "sha256:")], &config)
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/usr/bin/nems"}) {
		t.Errorf("user and entry point: received %+v", config.Config)
	}
	for name, blob := range blobs {
		if sum, is := strings.CutPrefix(name, "blobs/sha256/"); is && fmt.Sprintf("%x", sha256.Sum256(blob)) != sum {
			t.Errorf("%s: has another digest", name)
		}
	}
	folder := t.TempDir()
	for _, layer := range manifest.Layers {
		unpack(t, blobs["blobs/sha256/"+strings.TrimPrefix(layer.Digest, "sha256:")], filepath.Join(folder, "root"))
	}
	m := newMachine(t, folder, `mount --bind "$1/root" "$1/root"
mount -t tmpfs -o uid=65532,gid=65532,mode=0750 volume "$1/root/var/lib/nems"
mount -o remount,bind,ro "$1/root"`)
	run := func(args ...string) {
		c := m.command(t, config.Config.User, append(config.Config.Entrypoint, args...)...)
		c.Env = config.Config.Env
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("certs", "/var/lib/nems/trial", "--host", "localhost")
	run("world", "--format", "csv", "--save", "/var/lib/nems/trial")
	for _, kind := range []string{"organisations", "postcodes", "patients"} {
		run("import", kind, "/var/lib/nems/trial/"+kind+".csv")
	}
	settings := slices.Concat(config.Config.Env, []string{"NEMS_MESH_SHARED_KEY=for-a-test"})
	for _, side := range []string{"FHIR", "MESH"} {
		settings = append(settings, "NEMS_"+side+"_CERT=/var/lib/nems/trial/server.pem", "NEMS_"+side+"_KEY=/var/lib/nems/trial/server.key",
			"NEMS_"+side+"_CLIENT_CA=/var/lib/nems/trial/ca.pem")
	}
	m.serve(t, config.Config.User, settings)
}

func decode(t *testing.T, content []byte, value any) {
	t.Helper()
	if err := json.Unmarshal(content, value); err != nil {
		t.Fatalf("%v: %q", err, content)
	}
}

func readTar(t *testing.T, file string) map[string][]byte {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(in); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// unpack writes the files of a layer. Owners are left out: what matters of them is
// mounted.
func unpack(t *testing.T, layer []byte, root string) {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zip); ; {
		header, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, filepath.FromSlash(header.Name))
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else if content, failed := io.ReadAll(r); failed != nil {
			err = failed
		} else {
			err = os.WriteFile(path, content, header.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
