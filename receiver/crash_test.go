package receiver_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"nems/receiver"
)

// Environment variables that turn the test binary into a receiver which runs
// until it is killed: the address of the MESH, the folder for its files, and the
// point at which it dies.
const (
	crashURL    = "NEMS_TEST_RECEIVER_URL"
	crashFolder = "NEMS_TEST_RECEIVER_FOLDER"
	crashPoint  = "NEMS_TEST_RECEIVER_POINT"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashURL) != "" {
		if err := receiveUntilKilled(os.Getenv(crashURL), os.Getenv(crashFolder)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// die kills the process at the chosen point, as kill -9 does.
func die(point string) {
	if os.Getenv(crashPoint) == point {
		p, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = p.Kill()
		}
		fmt.Fprintln(os.Stderr, "still alive:", err)
		select {}
	}
}

// dyingMemory and dyingMESH die before or after their work on message M2.
type dyingMemory struct{ *receiver.FileMemory }

func (m dyingMemory) Finish(key, sequence string, k receiver.Known) error {
	if k.MessageID != "e2" {
		return m.FileMemory.Finish(key, sequence, k)
	}
	die("before memory")
	err := m.FileMemory.Finish(key, sequence, k)
	die("after memory")
	return err
}

type dyingMESH struct{}

func (dyingMESH) RoundTrip(r *http.Request) (*http.Response, error) {
	last := r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/M2/")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if last {
		die("after acknowledging")
	}
	return answer, err
}

// receiveUntilKilled collects once and writes what it handles to a file.
func receiveUntilKilled(url, folder string) error {
	memory, err := receiver.OpenMemory(filepath.Join(folder, "memory"), receiver.MemoryOptions{})
	if err != nil {
		return err
	}
	audit, err := receiver.OpenAudit(filepath.Join(folder, "audit"), receiver.AuditOptions{})
	if err != nil {
		return err
	}
	r, err := receiver.New(receiver.Config{
		URL: url, Mailbox: "BOX", Password: "password", SharedKey: "TestKey",
		HTTP: &http.Client{Transport: dyingMESH{}}, Memory: dyingMemory{memory}, Audit: audit,
	})
	if err != nil {
		return err
	}
	_, err = r.Collect(context.Background(), func(_ context.Context, m receiver.Message) error {
		if m.ID == "M2" {
			die("before handling")
		}
		f, err := os.OpenFile(filepath.Join(folder, "handled"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = fmt.Fprintln(f, m.ID)
		if m.ID == "M2" {
			die("after handling")
		}
		return err
	})
	return err
}

// A receiver that was killed at any point and starts again handles every
// message. It handles one twice only where the memory could not know, and its
// audit records each attempt.
func TestKilledAtAnyPoint(t *testing.T) {
	for _, c := range []struct {
		point   string
		handled []string // of M2
		audit   string   // of M2
	}{
		{"before handling", []string{"M2"}, "received received processed"},
		{"after handling", []string{"M2", "M2"}, "received received processed"},
		{"before memory", []string{"M2", "M2"}, "received processed received processed"},
		{"after memory", []string{"M2"}, "received processed received discarded"},
		{"after acknowledging", []string{"M2"}, "received processed"},
	} {
		t.Run(c.point, func(t *testing.T) {
			f, folder := newFakeMESH(notice{id: "e1", thing: "a"}.in("M1"), notice{id: "e2", thing: "b"}.in("M2"), notice{id: "e3", thing: "c"}.in("M3")), t.TempDir()
			defer f.Close()
			if said, err := runChild(f.URL, folder, c.point); err == nil {
				t.Fatalf("it was not killed: %s", said)
			}
			if said, err := runChild(f.URL, folder, ""); err != nil {
				t.Fatalf("started again: %v %s", err, said)
			}
			acked := f.acknowledged()
			slices.Sort(acked)
			if !slices.Equal(acked, []string{"M1", "M2", "M3"}) {
				t.Errorf("acknowledged: %v", acked)
			}
			text, err := os.ReadFile(filepath.Join(folder, "handled"))
			mustDo(t, err)
			want := slices.Concat([]string{"M1"}, c.handled, []string{"M3"})
			if got := strings.Fields(string(text)); !slices.Equal(got, want) {
				t.Errorf("handled %v, want %v", got, want)
			}
			reader, err := receiver.ReadAudit(filepath.Join(folder, "audit"))
			mustDo(t, err)
			var steps []string
			for e, err := range reader.Entries(receiver.AuditFilter{MeshID: "M2"}) {
				mustDo(t, err)
				steps = append(steps, string(e.Step))
			}
			if got := strings.Join(steps, " "); got != c.audit {
				t.Errorf("the audit of M2: %s; want %s", got, c.audit)
			}
		})
	}
}

func runChild(url, folder, point string) (said []byte, err error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashURL+"="+url, crashFolder+"="+folder, crashPoint+"="+point)
	return cmd.CombinedOutput()
}
