package docs_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"nems/client"
	"nems/nemstest"
)

// language is how an example is run.
type language struct {
	name, file string
	program    string
	arguments  []string
}

// languages that are tried where their tools are.
var languages = []language{
	{"Python", "publish.py", "python3", []string{"publish.py"}},
	{"curl", "publish.sh", "sh", []string{"publish.sh"}},
	{"Java", "Publish.java", "java", []string{"Publish.java"}},
	{".NET", "Publish.cs", "dotnet", []string{"run", "Publish.cs", "--"}},
}

// run runs an example in its folder and returns what it said and its exit code.
func (l language) run(t *testing.T, environment []string, arguments ...string) (string, int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), l.program, append(slices.Clone(l.arguments), arguments...)...)
	c.Dir = "examples"
	c.Env = append(append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "NEMS_PAUSE=0.01"), environment...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", l.name, err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// each runs a test for every language whose tool is installed.
func each(t *testing.T, test func(t *testing.T, l language)) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			// Java runs a source file only with its compiler.
			for _, program := range map[string][]string{"sh": {"curl", "openssl"}, "java": {"javac"}}[l.program] {
				missing(t, program)
			}
			missing(t, l.program)
			if l.program == "java" {
				oldJava(t)
			}
			test(t, l)
		})
	}
}

// oldJava skips the test where Java cannot run the example.
func oldJava(t *testing.T) {
	t.Helper()
	out, _ := exec.CommandContext(t.Context(), "java", "-version").CombinedOutput()
	found := regexp.MustCompile(`version "(\d+)`).FindSubmatch(out)
	if found == nil {
		t.Skip("java does not say its version: its example is not tried")
	}
	if n, _ := strconv.Atoi(string(found[1])); n < 17 {
		t.Skipf("java %d is installed; the example needs 17 and is not tried", n)
	}
}

func missing(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed: its example is not tried", program)
	}
}

// Every example publishes to a real service, and a subscriber of Python's collects the
// messages byte for byte.
func TestExamplesPublish(t *testing.T) {
	missing(t, "python3")
	nems := nemstest.Start(t, nemstest.Strict())
	collector := language{"Python", "collect.py", "python3", []string{"collect.py"}}
	url := []string{"NEMS_URL=" + nems.URL}
	if out, code := collector.run(t, url, "subscribe", nemstest.Jack, "vaccinations-1", "nipe-outcome-1"); code != 0 || !strings.Contains(out, "subscribed:") {
		t.Fatalf("subscribing: %d, %s", code, out)
	}
	var want [][]byte
	each(t, func(t *testing.T, l language) {
		first, second := save(t, nems.Message("vaccinations-1", "new")), save(t, nems.Message("nipe-outcome-1", "new"))
		out, code := l.run(t, url, first, second)
		if code != 0 || strings.Count(out, "accepted: 202") != 2 {
			t.Fatalf("exit code %d: %s", code, out)
		}
		for _, file := range []string{first, second} {
			want = append(want, read(t, file))
		}
	})
	// Python's example makes a message by itself.
	if out, code := languages[0].run(t, url); code != 0 || !strings.Contains(out, "accepted: 202") {
		t.Fatalf("its own message: exit code %d: %s", code, out)
	}
	folder := t.TempDir()
	if out, code := collector.run(t, url, "collect", folder); code != 0 {
		t.Fatalf("collecting: exit code %d: %s", code, out)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.xml"))
	if err != nil || len(files) != len(want)+1 {
		t.Fatalf("collected %d copies; expected %d, %v", len(files), len(want)+1, err)
	}
	var got [][]byte
	for _, file := range files {
		got = append(got, read(t, file))
	}
	for i, message := range want {
		if !slices.ContainsFunc(got, func(b []byte) bool { return bytes.Equal(b, message) }) {
			t.Errorf("message %d was not collected as it was published", i)
		}
	}
	if left := nems.Collect(nemstest.Mailbox); len(left) > 0 {
		t.Errorf("%d copies were not acknowledged", len(left))
	}
}

// A refusal is shown, and stops what would come after it.
func TestExamplesShowRefusals(t *testing.T) {
	nems := nemstest.Start(t)
	_, err := nems.Subscriber().Subscribe(t.Context(), client.Subscription{
		Criteria: client.Explicit(nemstest.Jack).Event("vaccinations-1").Search(), Mailbox: nemstest.Mailbox, Reason: "Follow-up",
	})
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, l language) {
		broken := bytes.ReplaceAll(nems.Message("vaccinations-1", "new"), []byte(`<notGiven value="false"/>`), nil)
		out, code := l.run(t, []string{"NEMS_URL=" + nems.URL}, save(t, broken), save(t, nems.Message("vaccinations-1", "new")))
		if code != 1 || !strings.Contains(out, "422") || !strings.Contains(out, "INVALID_RESOURCE") || !strings.Contains(out, "ofType(Immunization)") {
			t.Errorf("exit code %d: %s", code, out)
		}
	})
	if copies := nems.Collect(nemstest.Mailbox); len(copies) > 0 {
		t.Errorf("%d messages overtook the refused one", len(copies))
	}
}

// Nothing is sent about patients whom PDS flags; a number that is superseded gives the new one.
func TestExampleTraces(t *testing.T) {
	missing(t, "python3")
	nems := nemstest.Start(t, nemstest.Strict())
	_, err := nems.Subscriber().Subscribe(t.Context(), client.Subscription{
		Criteria: client.Explicit("9990000050").Event("vaccinations-1").Search(), Mailbox: nemstest.Mailbox, Reason: "Follow-up",
	})
	if err != nil {
		t.Fatal(err)
	}
	url := "NEMS_URL=" + nems.URL
	for _, number := range []string{"9990000026", "9990000034", "9990000018"} {
		if out, code := languages[0].run(t, []string{url, "NEMS_PATIENT=" + number}); code != 1 || !strings.Contains(out, "held back:") {
			t.Errorf("%s: exit code %d: %s", number, code, out)
		}
	}
	environment := []string{url, "NEMS_PATIENT=9990000042"}
	if _, err := exec.LookPath("openssl"); err == nil { // the development world gives everybody a token
		environment = append(environment, "NEMS_PDS_TOKEN_URL="+nems.URL+"/oauth2/token", "NEMS_PDS_API_KEY=surgery", "NEMS_PDS_KEY="+keyFile(t), "NEMS_PDS_KEY_ID=k1")
	}
	if out, code := languages[0].run(t, environment); code != 0 {
		t.Errorf("a superseded number: exit code %d: %s", code, out)
	}
	if copies := nems.Collect(nemstest.Mailbox); len(copies) != 1 || !bytes.Contains(copies[0].Body, []byte("TREMAYNE")) {
		t.Errorf("%d copies", len(copies))
	}
}

// keyFile makes an RSA key.
func keyFile(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return savedKey(t, key)
}

func savedKey(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return save(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// What passes is tried again with the same key, and tokens are signed where there is a key.
func TestExamplesRetryAndSign(t *testing.T) {
	missing(t, "openssl") // which signs for Python and curl
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := savedKey(t, key)
	each(t, func(t *testing.T, l language) {
		s := &unsteady{t: t, key: &key.PublicKey, answers: []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}}
		server := httptest.NewServer(s)
		defer server.Close()
		message := save(t, nemsMessage)
		out, code := l.run(t, []string{"NEMS_URL=" + server.URL, "NEMS_KEY=" + file, "NEMS_KEY_ID=k1"}, message)
		if code != 0 || len(s.keys) != 3 || s.keys[0] != "236a1d4a-5d69-4fa9-9c7f-e72bf505aa5b" || s.keys[2] != s.keys[0] {
			t.Errorf("exit code %d, idempotency keys %q: %s", code, s.keys, out)
		}
	})
}

// nemsMessage is as much of a message as a publisher reads.
var nemsMessage = []byte(`<Bundle xmlns="http://hl7.org/fhir"><id value="b"/><type value="message"/><entry><resource><MessageHeader>
<id value="236a1d4a-5d69-4fa9-9c7f-e72bf505aa5b"/><event><system value="s"/><code value="vaccinations-1"/></event></MessageHeader></resource></entry></Bundle>`)

// unsteady is a service that is busy first. It verifies tokens.
type unsteady struct {
	t       *testing.T
	key     *rsa.PublicKey
	mu      sync.Mutex
	answers []int
	keys    []string
}

func (s *unsteady) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	signed, signature, _ := cutLast(token)
	sum := sha512.Sum512([]byte(signed))
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err == nil {
		err = rsa.VerifyPKCS1v15(s.key, crypto.SHA512, sum[:], raw)
	}
	if err != nil {
		s.t.Errorf("the token is not signed: %v", err)
	}
	if got := r.Header.Get("InteractionID"); got != "urn:nhs:names:services:events:Vaccinations.Write" {
		s.t.Errorf("the interaction id is %q", got)
	}
	status := http.StatusAccepted
	if len(s.answers) > 0 {
		status, s.answers = s.answers[0], s.answers[1:]
	}
	w.WriteHeader(status)
}

func cutLast(token string) (signed, signature string, found bool) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return "", "", false
	}
	return token[:i], token[i+1:], true
}

func save(t *testing.T, content []byte) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "*.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
