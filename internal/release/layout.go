package main

import (
	"archive/tar"
	"encoding/json"
	"os"
	"slices"
	"strings"
)

// writeImages writes images as an OCI image layout in a tar file, which Podman,
// Skopeo, Docker and containerd load. With one image the file also has what
// versions of Docker before 25 read, manifest.json.
func (p product) writeImages(file string, images ...image) error {
	tag := strings.ReplaceAll(p.version, "+", "-")
	blobs := map[string][]byte{}
	var list []descriptor
	for _, i := range images {
		for _, blob := range append([][]byte{i.config, i.manifest}, i.layers...) {
			blobs[blobPath(blob)] = blob
		}
		d := describe(typeManifest, i.manifest)
		d.Platform = &platform{Architecture: i.processor, OS: "linux"}
		list = append(list, d)
	}
	if len(images) > 1 {
		index, err := indexOf(list)
		if err != nil {
			return err
		}
		blobs[blobPath(index)] = index
		list = []descriptor{describe(typeIndex, index)}
	}
	list[0].Annotations = map[string]string{"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": "localhost/nems:" + tag}
	index, err := indexOf(list)
	if err != nil {
		return err
	}
	files := []imageFile{
		{name: "oci-layout", mode: 0o644, content: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{name: "index.json", mode: 0o644, content: index},
	}
	if len(images) == 1 {
		old, err := dockerManifest(images[0], "localhost/nems:"+tag)
		if err != nil {
			return err
		}
		files = append(files, imageFile{name: "manifest.json", mode: 0o644, content: old})
	}
	for name, blob := range blobs {
		files = append(files, imageFile{name: name, mode: 0o644, content: blob})
	}
	slices.SortFunc(files, func(a, b imageFile) int { return strings.Compare(b.name, a.name) }) // oci-layout first, as its specification wants it to be found
	return p.writeLayout(file, files)
}

func (p product) writeLayout(file string, files []imageFile) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	for _, f := range files {
		if err := p.writeTar(w, f); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}

func blobPath(content []byte) string {
	return "blobs/" + strings.Replace(digest(content), ":", "/", 1)
}

func indexOf(list []descriptor) ([]byte, error) {
	return json.Marshal(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}{2, typeIndex, list})
}

// dockerManifest is the table of contents in a file of `docker save`.
func dockerManifest(i image, name string) ([]byte, error) {
	var layers []string
	for _, layer := range i.layers {
		layers = append(layers, blobPath(layer))
	}
	return json.Marshal([]struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{{blobPath(i.config), []string{name}, layers}})
}
