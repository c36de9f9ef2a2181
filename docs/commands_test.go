package docs_test

import (
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/docs"
)

var update = flag.Bool("update", false, "write what the commands of the handbook print into its pages")

// prepared is what pages take for granted: files that a reader has, and values that
// a reader fills in. It is run in the shell, before a page's first command.
var prepared = map[string]string{
	"extensions": subscribed,
	"replay":     subscribed,
	"operating": subscribed + `
echo 9912003888 > number.txt; cp m.xml message.xml; USER=reader
EVENT=$(nems events --format json | grep -oE '[0-9]{18,19}' | head -1)
COPY=$(nems deliveries list --format json | grep -oE '"id":"[^"]*' | head -1 | cut -d'"' -f4)
for box in BOX1 BOX2 BOX3; do NEMS_MAILBOX_PASSWORD=invented nems mailboxes add $box --ods RR8; done
mkdir backups`,
	"publishing": `
cp "$DOCS"/examples/* . && nems example vaccinations-1 --compact > message.xml && nems example vaccinations-1 --kind update --compact > correction.xml`,
	"streams":   `cp "$DOCS"/examples/*.py .`,
	"scenarios": `cp "$DOCS"/../internal/scenario/scenarios/family-moves.yaml my.yaml`,
	"imports": `
printf 'code,name\nA99001,Practice\n' > epraccur.csv; printf 'pcds,ccg\nLS1 4AP,15F\n' > gridall.csv; printf 'nhs_number\n9990000026\n' > patients.csv
unzip() { cat gridall.csv; }`,
}

// operatorToken is what services of pages are started with.
const operatorToken = "invented-for-the-tests-of-the-handbook"

// subscribed leaves a subscription with its id, and an event with its message's.
const subscribed = `
nems example vaccinations-1 > m.xml; nems subscribe --nhs-number 9912003888 --event vaccinations-1 > s.txt; nems publish m.xml
ID=$(grep -oE '[0-9a-f]{32}' s.txt | head -1); MESSAGE_ID=$(grep -A1 '<MessageHeader' m.xml | grep -oE '[0-9a-f-]{36}' | head -1)`

// TestCommands runs every command of the handbook, page by page, on a service of the
// page's own. A block that cannot run here says why, in a comment above it.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the program once for each page")
	}
	missing(t, "sh")
	missing(t, "curl")
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "nems"), "nems/cmd/nems").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ran := 0
	err := fs.WalkDir(docs.Files, ".", func(file string, _ fs.DirEntry, err error) error {
		name, is := strings.CutSuffix(file, ".md")
		if err != nil || !is {
			return err
		}
		source, err := docs.Files.ReadFile(file)
		blocks := blocksOf(t, name, string(source))
		for _, b := range blocks {
			if b.reason != "" {
				t.Logf("%s:%d is not run: %s", file, b.line, b.reason)
			}
		}
		if runnable(blocks) > 0 {
			t.Run(name, func(t *testing.T) { runPage(t, name, bin, blocks) })
			ran += runnable(blocks)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d blocks were run", ran); ran < 30 {
		t.Errorf("only %d blocks were run", ran)
	}
}

// runPage runs the blocks of a page in one shell, in a folder of their own.
func runPage(t *testing.T, name, bin string, blocks []block) {
	if name == "publishing" || name == "streams" || name == "subscriber" {
		missing(t, "python3")
	}
	home := t.TempDir()
	url := serve(t, filepath.Join(bin, "nems"), home)
	here := strings.NewReplacer("http://localhost:8880", url, "http://127.0.0.1:9090", url, "localhost:8880", strings.TrimPrefix(url, "http://"),
		"/etc/nems", home+"/etc", "/var/lib/nems", home+"/nems-data", "/backups", home+"/backups")
	script, outputs := "set -e\ncurl() { command curl --fail-with-body \"$@\"; }\nexec >"+filepath.Join(home, ".before")+" 2>&1\n"+prepared[name]+"\n", filepath.Join(home, ".out")
	for i, b := range blocks {
		if b.reason == "" {
			script += b.script(here, fmt.Sprintf("%s%d", outputs, i))
		}
	}
	c := exec.CommandContext(t.Context(), "sh", "-c", script)
	c.Dir = home
	folder, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	c.Env = append(os.Environ(), "HOME="+home, "NEMS_URL="+url, "DOCS="+folder, "PATH="+bin+":"+os.Getenv("PATH"), "NO_COLOR=1", "PYTHONDONTWRITEBYTECODE=1", "NEMS_PAUSE=0.01", "TZ=UTC", "NEMS_OPERATOR_TOKEN="+operatorToken)
	if err := c.Run(); err != nil {
		said, _ := os.ReadFile(filepath.Join(home, ".before"))
		last := ""
		for i, b := range blocks {
			if out, err := os.ReadFile(fmt.Sprintf("%s%d", outputs, i)); err == nil {
				said, last = out, fmt.Sprintf("%s.md:%d", name, b.line)
			}
		}
		t.Fatalf("%s: %v\n%s", last, err, said)
	}
	there := strings.NewReplacer(url, "http://localhost:8880", strings.TrimPrefix(url, "http://"), "localhost:8880", home+"/", "")
	for i, b := range blocks {
		for n, command := range b.commands {
			out, err := os.ReadFile(fmt.Sprintf("%s%d.%d", outputs, i, n))
			if err != nil && b.reason == "" {
				t.Error(err)
			}
			if got := there.Replace(string(out)); b.reason == "" && !alike(command.output, got) {
				t.Errorf("%s.md:%d: %s prints\n%s\nand the page says\n%s", name, b.line, command.text, got, command.output)
				if *update {
					rewrite(t, name+".md", command, got)
				}
			}
		}
	}
}

// serve starts a service with the development world and returns its address.
func serve(t *testing.T, program, folder string) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	log, err := os.Create(filepath.Join(folder, ".log"))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "serve", "--dev", "--listen", address, "--operator-token", operatorToken) //nolint:noctx // ended below, after the page's commands
	c.Dir, c.Stderr, c.Stdout = folder, log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		<-ended
		_ = log.Close()
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := http.Get("http://" + address + "/health/ready") //nolint:noctx // of our own service
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return "http://" + address
			}
		}
		select {
		case <-ended:
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("the service has ended: %s", said)
		case <-t.Context().Done():
			t.Fatal("the service does not become ready")
		case <-tick.C:
		}
	}
}
