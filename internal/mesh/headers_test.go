package mesh

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHeadersRoundTripInLowerCase(t *testing.T) {
	h := Headers{
		From: "A", To: "B", WorkflowID: "W", MessageType: "DATA", MessageID: "20200529155357895317_3573F8",
		LocalID: "L", PartnerID: "id|tag~~~id|tag", FileName: "f.xml", Subject: "s",
		Chunk: ChunkRange{2, 3}, TotalChunks: "3", Compressed: true, Encrypted: true, Checksum: "c",
		ContentType: "application/fhir+xml", StatusCode: "00", StatusEvent: "TRANSFER", StatusDescription: "ok",
		StatusSuccess: "SUCCESS", StatusTime: time.Date(2026, 5, 20, 12, 0, 1, 0, time.UTC),
		LinkedMsgID: "x", AddressType: "ALL", Version: "1.0",
	}
	wire := http.Header{}
	h.Write(wire)
	for name := range wire {
		if name != strings.ToLower(name) {
			t.Errorf("%s is not in lower case", name)
		}
	}
	//lint:ignore SA1008 the mex- headers go over the wire in lower case
	if got := wire[HeaderStatusTimestamp]; len(got) != 1 || got[0] != "20260520120001" {
		t.Errorf("status time %v", got)
	}
	// The same headers with canonicalised names, as some servers and clients pass them on.
	canonical := http.Header{}
	for name, values := range wire {
		canonical.Set(name, values[0])
	}
	for _, src := range []http.Header{wire, canonical} {
		if diff := cmp.Diff(h, ReadHeaders(src)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestHeadersStayOneLine(t *testing.T) {
	wire := http.Header{}
	Headers{Subject: "a\r\nmex-to: X"}.Write(wire)
	//lint:ignore SA1008 the mex- headers go over the wire in lower case
	if got := wire[HeaderSubject][0]; strings.ContainsAny(got, "\r\n") {
		t.Errorf("%q", got)
	}
}

func TestParseChunkRange(t *testing.T) {
	for text, want := range map[string]ChunkRange{
		"1:1": {1, 1}, "2:3": {2, 3}, " 2 : 3 ": {2, 3}, "1000:1000": {1000, 1000},
		"": {}, "1": {}, "0:1": {}, "3:2": {}, "a:b": {}, "1:2:3": {}, "-1:2": {}, "1:": {}, ":1": {},
		"1:1001": {}, "99999999999999999999:99999999999999999999": {}, "+1:2": {},
	} {
		got, err := ParseChunkRange(text)
		if got != want || (err == nil) != (want != ChunkRange{}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestAcceptedVersion(t *testing.T) {
	for accept, want := range map[string]Version{
		"": V1, "*/*": V1, MediaJSON: V1, MediaV1: V1, MediaV2: V2, "application/vnd.mesh.v2+json; q=1": V2,
		"application/json, application/vnd.mesh.v2+json": V2, "Application/vnd.MESH.v2+json": V2,
		"application/vnd.mesh.v3+json, application/vnd.mesh.v2+json": V2, "text/html": V1,
	} {
		if got, err := AcceptedVersion(accept); got != want || err != nil {
			t.Errorf("%q: %v, %v", accept, got, err)
		}
	}
	for _, accept := range []string{"application/vnd.mesh.v3+json", "application/vnd.mesh+json"} {
		if _, err := AcceptedVersion(accept); err == nil {
			t.Errorf("%q was accepted", accept)
		}
	}
}

func TestErrorBodiesComeBack(t *testing.T) {
	for _, v := range []Version{V1, V2} {
		want := NotRegistered.About("20200529155357895317_3573F8")
		if got := ReadError(want.Status, want.Body(v, "ref")); *got != *want {
			t.Errorf("version %d: %+v", v, got)
		}
	}
	for _, body := range []string{"", "<soap/>", "[]", `{"detail":[]}`, `{"detail":[{"loc":["a"]}]}`, `{"message":"x"}`, `{"detail":"x"}`} {
		if got := ReadError(503, []byte(body)); got.Status != 503 || got.Description == "" || !got.Temporary() {
			t.Errorf("%q: %+v", body, got)
		}
	}
}

func TestErrorTemporary(t *testing.T) {
	for status, want := range map[int]bool{
		400: false, 403: false, 404: false, 408: true, 417: false, 425: true, 429: true,
		500: true, 501: false, 502: true, 503: true, 504: true,
	} {
		if got := (&Error{Status: status}).Temporary(); got != want {
			t.Errorf("%d: %v", status, got)
		}
	}
}

func BenchmarkHeadersWrite(b *testing.B) {
	h := Headers{From: "A", To: "B", WorkflowID: "W", MessageType: "DATA", LocalID: "L", Chunk: ChunkRange{1, 1}, TotalChunks: "1", StatusCode: "00", StatusTime: noon}
	b.ReportAllocs()
	for b.Loop() {
		h.Write(make(http.Header, 16))
	}
}
