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
	"path"
	"strings"
	"time"
)

// imageUser is who the program runs as in an image. A number, because nothing in
// the image turns names into numbers, and because Kubernetes' runAsNonRoot wants
// one.
const imageUser = 65532

// image is a container image for one processor, as the OCI image specification
// (version 1.1) lays it out.
type image struct {
	processor string // GOARCH
	config    []byte
	manifest  []byte
	layers    [][]byte // compressed
	packed    int      // bytes that a registry keeps
}

// descriptor refers to content (OCI image specification, "Content Descriptors").
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func describe(mediaType string, content []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: digest(content), Size: len(content)}
}

// makeImage makes the image of a Linux binary: certificates in one layer, which
// versions share, the program in another, and nothing else. Time zones are in the
// program.
func (p product) makeImage(binary, processor, revision string, roots []byte) (image, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return image{}, err
	}
	license, err := os.ReadFile(path.Join(p.source, "LICENSE"))
	if err != nil {
		return image{}, err
	}
	notice, err := os.ReadFile(path.Join(p.source, "NOTICE"))
	if err != nil {
		return image{}, err
	}
	out := image{processor: processor}
	var plain []string // digests of the layers before they are compressed
	for _, files := range [][]imageFile{
		{{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: roots}},
		{
			{name: "tmp/", mode: 0o1777},
			{name: "usr/bin/nems", mode: 0o755, content: program},
			{name: "usr/share/doc/nems/LICENSE", mode: 0o644, content: license},
			{name: "usr/share/doc/nems/NOTICE", mode: 0o644, content: notice},
			{name: "var/lib/nems/", mode: 0o750, owner: imageUser},
		},
	} {
		layer, uncompressed, err := p.layer(files)
		if err != nil {
			return image{}, err
		}
		out.layers, plain = append(out.layers, layer), append(plain, uncompressed)
		out.packed += len(layer)
	}
	if out.config, err = p.imageConfig(processor, revision, plain); err != nil {
		return image{}, err
	}
	manifest := struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}{2, typeManifest, describe(typeConfig, out.config), nil}
	for _, layer := range out.layers {
		manifest.Layers = append(manifest.Layers, describe(typeLayer, layer))
	}
	out.manifest, err = json.Marshal(manifest)
	return out, err
}

// imageConfig says how the program is run.
func (p product) imageConfig(processor, revision string, layers []string) ([]byte, error) {
	made := p.time.UTC().Format(time.RFC3339)
	return json.Marshal(map[string]any{
		"created": made, "architecture": processor, "os": "linux",
		"config": map[string]any{
			"User":         fmt.Sprintf("%d:%d", imageUser, imageUser),
			"Entrypoint":   []string{"/usr/bin/nems"},
			"Cmd":          []string{"serve"},
			"WorkingDir":   "/var/lib/nems",
			"Env":          []string{"PATH=/usr/bin", "HOME=/var/lib/nems", "NEMS_DATA=/var/lib/nems"},
			"Volumes":      map[string]any{"/var/lib/nems": struct{}{}},
			"ExposedPorts": map[string]any{"8443/tcp": struct{}{}, "8444/tcp": struct{}{}, "9090/tcp": struct{}{}},
			"StopSignal":   "SIGTERM",
			"Labels": map[string]string{
				"org.opencontainers.image.title":       "nems",
				"org.opencontainers.image.description": "National Events Management Service",
				"org.opencontainers.image.licenses":    "MIT",
				"org.opencontainers.image.version":     p.version,
				"org.opencontainers.image.revision":    revision,
				"org.opencontainers.image.created":     made,
			},
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": layers},
		"history": []map[string]string{{"created": made, "created_by": "certificates"}, {"created": made, "created_by": "make release"}},
	})
}

// imageFile is a file in a layer or, with a slash at its end, a folder. The folders
// above it are made, and belong to root.
type imageFile struct {
	name    string
	mode    int64
	owner   int
	content []byte
}

// layer returns a layer and the digest of what it was before it was compressed.
func (p product) layer(files []imageFile) (packed []byte, plain string, err error) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.New()
	w := tar.NewWriter(io.MultiWriter(zip, sum))
	seen := map[string]bool{}
	for _, f := range files {
		parts := strings.SplitAfter(strings.TrimSuffix(f.name, "/"), "/")
		for i := 1; i < len(parts); i++ {
			if above := strings.Join(parts[:i], ""); !seen[above] {
				seen[above] = true
				if err := p.writeTar(w, imageFile{name: above, mode: 0o755}); err != nil {
					return nil, "", err
				}
			}
		}
		if err := p.writeTar(w, f); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	if err := zip.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), fmt.Sprintf("sha256:%x", sum.Sum(nil)), nil
}

func (p product) writeTar(w *tar.Writer, f imageFile) error {
	header := tar.Header{
		Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.content)),
		ModTime: p.time, Format: tar.FormatUSTAR,
	}
	if strings.HasSuffix(f.name, "/") {
		header.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(&header); err != nil {
		return err
	}
	_, err := w.Write(f.content)
	return err
}
