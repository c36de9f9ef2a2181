package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"nems/internal/certs"
	"nems/internal/signin/providertest"
)

// twoNodes runs docs/two-nodes.md: two machines with networks of their own, and an
// identity provider beside them.
func twoNodes(t *testing.T, deb string) {
	for _, tool := range []string{"ip", "dpkg", "pg_ctlcluster", "prometheus", "promtool", "curl", "update-ca-certificates"} {
		needs(t, tool)
	}
	n := newNetwork(t)
	machines := map[string]machine{"nems1": n.machine(t, 1), "nems2": n.machine(t, 2)}
	trusted := provider(t)
	for name, m := range machines {
		m.copyIn(t, deb, "nems_1.2.3_amd64.deb")
		m.copyIn(t, trusted, "login.crt")
		other := machines[map[string]string{"nems1": "nems2", "nems2": "nems1"}[name]]
		m.put(t, "/usr/local/sbin/systemctl", systemctl)
		m.put(t, "/usr/local/sbin/apt-get", aptGet)
		m.put(t, "/usr/local/sbin/ssh", "#!/bin/sh\nshift\nexec nsenter --mount="+other.namespace+" --net="+other.network+" --uts="+strings.Replace(other.network, "ns/net", "ns/uts", 1)+" chroot "+other.root+" \"$@\"\n")
		m.run(t, "sh", "-ec", `printf '10.213.7.1 nems1.example.nhs.uk\n10.213.7.2 nems2.example.nhs.uk\n10.213.7.254 login.example.nhs.uk\n' >> /etc/hosts
cp /tmp/login.crt /usr/local/share/ca-certificates/
update-ca-certificates
rm -rf /etc/nems /var/lib/nems`)
	}
	for _, b := range pageBlocks(t) {
		if strings.Contains(b.commands, "nems publish ") {
			<-time.After(time.Second) // what was registered at one node is known to the other by then: what the page says
		}
		for _, name := range []string{"nems1", "nems2"} {
			if b.on == name || b.on == "both" {
				t.Logf("%s:\n%s%s", name, b.commands, machines[name].run(t, "sh", "-ec", "PATH=/usr/local/sbin:$PATH\ncd /tmp\n"+b.commands))
			}
		}
	}
	authority := machines["nems1"].run(t, "cat", "/etc/nems/trial/ca.pem")
	signIn(t, authority)
	scraped(t, machines["nems1"])
}

// systemctl starts what the page starts as the units say, since a machine of the test
// has no systemd: of nems.service the user, the files of its environment and its command.
const systemctl = `#!/bin/sh
case "$*" in
"restart postgresql") exec pg_ctlcluster 15 main restart;;
"restart prometheus") . /etc/default/prometheus
    cd /; setsid runuser -u prometheus -- prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/tmp/tsdb $ARGS > /tmp/prometheus.log 2>&1 < /dev/null & ;;
"enable --now nems") set -a
    . /etc/nems/nems.env
    unit=/usr/lib/systemd/system/nems.service
    eval "$(sed -n 's/^Environment=//p' $unit)"
    cd /var/lib/nems; setsid runuser -u "$(sed -n 's/^User=//p' $unit)" -- $(sed -n 's/^ExecStart=//p' $unit) > /tmp/nems.log 2>&1 < /dev/null &
    for i in $(seq 600); do grep -qs 'nems is ready' /tmp/nems.log && exit 0; sleep 0.1; done
    cat /tmp/nems.log >&2; exit 1;;
*) echo "systemctl $*: unknown to this machine" >&2; exit 1;;
esac
`

// aptGet installs files. What comes from a distribution is on the machine, which has no
// way out; after its installation PostgreSQL runs.
const aptGet = `#!/bin/sh
case "$3" in
./*) exec /usr/bin/apt-get "$@";;
postgresql) dpkg --status "$3" > /dev/null && exec pg_ctlcluster 15 main start;;
*) exec dpkg --status "$3" > /dev/null;;
esac
`

// put writes a program of the machine.
func (m machine) put(t *testing.T, path, content string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	m.copyIn(t, file, "put")
	m.run(t, "install", "-D", "-m", "0755", "/tmp/put", path)
}

// pageBlock is a block of commands with the machine that it is for.
type pageBlock struct{ on, commands string }

func pageBlocks(t *testing.T) (all []pageBlock) {
	page, err := os.ReadFile("../../docs/two-nodes.md")
	if err != nil {
		t.Fatal(err)
	}
	on := ""
	for _, m := range regexp.MustCompile("(?ms)^On (both machines|`nems[12]`):$|^```sh\n(.*?)^```").FindAllStringSubmatch(string(page), -1) {
		switch {
		case m[1] == "both machines":
			on = "both"
		case m[1] != "":
			on = strings.Trim(m[1], "`")
		case on == "":
			t.Fatalf("no machine is named for the commands\n%s", m[2])
		default:
			all = append(all, pageBlock{on, m[2]})
		}
	}
	if len(all) < 8 {
		t.Fatalf("docs/two-nodes.md: expected at least 8 blocks of commands; received %d", len(all))
	}
	return all
}

// provider serves the identity provider of the page, and returns the file of the
// authority that vouches for it.
func provider(t *testing.T) string {
	t.Helper()
	authority, err := certs.NewAuthority("login", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Server(time.Now(), time.Hour, "login.example.nhs.uk")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "login.crt")
	if err := authority.WriteFiles(file, file+".key"); err != nil {
		t.Fatal(err)
	}
	_, handler := providertest.New("https://login.example.nhs.uk/", map[string]any{"test-user@login.example.nhs.uk": []string{"nems-viewers"}})
	providertest.Register("nems", "the secret that the identity provider gave you", "https://nems1.example.nhs.uk:9090/console/sign-in/openid/callback")
	server := http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair.TLS()}}, ErrorLog: log.New(io.Discard, "", 0)}
	l := listen(t, "443")
	go func() { _ = server.ServeTLS(l, "", "") }() // ends with the test
	t.Cleanup(func() { _ = server.Close() })
	return file
}

// signIn signs in at the console of the first node, as a browser does.
func signIn(t *testing.T, authority string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{VerifyConnection: func(c tls.ConnectionState) error {
			if c.ServerName != "nems1.example.nhs.uk" {
				return nil // the provider, which is the test's own
			}
			known := x509.NewCertPool()
			known.AppendCertsFromPEM([]byte(authority))
			_, err := c.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: known, DNSName: c.ServerName})
			return err
		}, InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			name, port, _ := strings.Cut(address, ":")
			to := map[string]string{"nems1.example.nhs.uk": "10.213.7.1", "login.example.nhs.uk": hostAddress}[name]
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(to, port))
		},
	}}
	form, err := browser.Get("https://nems1.example.nhs.uk:9090/console/sign-in/openid?back=/console/")
	if err != nil {
		t.Fatal(err)
	}
	defer form.Body.Close()
	page, err := browser.PostForm("https://login.example.nhs.uk/login/username", url.Values{
		"id": {form.Request.URL.Query().Get("authRequestID")}, "username": {"test-user@login.example.nhs.uk"}, "password": {providertest.Password},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	if content, err := io.ReadAll(page.Body); err != nil || page.StatusCode != http.StatusOK || page.Request.URL.Path != "/console/" || !strings.Contains(string(content), "test-user") {
		t.Errorf("the console after signing in: received %s %d, %v\n%.2000s", page.Request.URL, page.StatusCode, err, content)
	}
}

// scraped waits until Prometheus has the metrics of both nodes, of which one has accepted
// the event of the page, and knows the alerts.
func scraped(t *testing.T, m machine) {
	t.Helper()
	for query, want := range map[string]string{"sum(nems_ready)": "2", "sum(nems_events_accepted_total)": "1", "count(count by (alertname) (ALERTS)) or vector(0)": "0"} {
		var answer struct {
			Data struct {
				Result []struct{ Value []any }
			}
		}
		received := ""
		for deadline := time.Now().Add(2 * time.Minute); received != want && time.Now().Before(deadline); time.Sleep(time.Second) {
			out, err := m.command(t, "0:0", "curl", "--silent", "--get", "http://localhost:9091/api/v1/query", "--data-urlencode", "query="+query).Output()
			if err == nil && json.Unmarshal(out, &answer) == nil && len(answer.Data.Result) > 0 && len(answer.Data.Result[0].Value) == 2 {
				received, _ = answer.Data.Result[0].Value[1].(string)
			}
		}
		if received != want {
			t.Errorf("Prometheus: %s: expected %s; received %q\n%s", query, want, received, m.run(t, "cat", "/tmp/prometheus.log"))
		}
	}
	if rules := m.run(t, "curl", "--silent", "http://localhost:9091/api/v1/rules"); !strings.Contains(rules, "NemsNoNodeReady") {
		t.Errorf("Prometheus does not know the alerts: %.500s", rules)
	}
}
