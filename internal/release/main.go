// Command release makes the files of a published version: a static binary for
// every platform with the list of its modules (SBOM, CycloneDX), a .deb, an .rpm
// and a container image for Linux, the provenance of all of them, and SHA256SUMS.
//
//	go run ./internal/release -version v1.2.3 -time 1795860776 -commit 5b1f... -out dist
//
// The same source and the same Go give the same bytes, wherever they are built. It
// needs Go alone: no Docker, no dpkg, no rpm.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// order is what is to be made.
type order struct {
	product
	commit    string
	out       string
	platforms []string
	sbom      bool
	packages  bool
	rest      bool // the provenance, which names all files, so that it is the same only with all platforms
}

func main() {
	o := order{product: product{source: "."}}
	flag.StringVar(&o.version, "version", "", "what `nems version` says; required")
	flag.StringVar(&o.commit, "commit", "", "the commit that is built, for provenance and labels")
	flag.StringVar(&o.out, "out", "dist", "folder that is made and filled")
	only := flag.String("platforms", strings.Join(platforms, ","), "operating system/processor, separated by commas")
	seconds := flag.Int64("time", 0, "time of the source in seconds since 1970, which files in packages and images have")
	flag.BoolVar(&o.sbom, "sbom", true, "write and check the lists of modules")
	flag.BoolVar(&o.packages, "packages", true, "make .deb, .rpm and image of Linux")
	flag.BoolVar(&o.rest, "provenance", true, "write the provenance")
	flag.Parse()
	if o.version == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	o.time, o.platforms = time.Unix(*seconds, 0).UTC(), strings.Split(*only, ",")
	if err := o.make(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// make creates the folder and fills it. An existing folder is refused, because
// files of an earlier version in it would get into the sums.
func (o order) make() error {
	if err := os.Mkdir(o.out, 0o755); err != nil {
		return err
	}
	for _, platform := range o.platforms {
		binary := filepath.Join(o.out, fileName(o.version, platform))
		if err := build(o.source, o.version, platform, binary); err != nil {
			return err
		}
		if o.sbom {
			if err := writeSBOM(binary, o.version); err != nil {
				return fmt.Errorf("%s: %w", binary, err)
			}
		}
		fmt.Println(binary)
	}
	if o.packages {
		if err := o.pack(); err != nil {
			return err
		}
	}
	if o.rest {
		if err := o.writeProvenance(o.out, o.commit, o.platforms); err != nil {
			return err
		}
	}
	return writeSums(o.out)
}

// pack makes packages and images of the Linux binaries that are built.
func (o order) pack() error {
	stage, err := os.MkdirTemp("", "nems-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	native, err := o.native(stage)
	if err != nil {
		return err
	}
	if err := o.writeStage(stage, native); err != nil {
		return err
	}
	roots, err := certificateAuthorities()
	if err != nil {
		return err
	}
	var images []image
	for _, platform := range o.platforms {
		processor, linux := strings.CutPrefix(platform, "linux/")
		if !linux {
			continue
		}
		made, i, err := o.packFor(o.out, filepath.Join(o.out, fileName(o.version, platform)), processor, stage, roots)
		if err != nil {
			return err
		}
		images = append(images, i)
		fmt.Println(strings.Join(made, "\n"))
	}
	if len(images) < 2 {
		return nil
	}
	file := filepath.Join(o.out, "nems_"+o.version+"_image.tar")
	fmt.Println(file)
	return o.writeImages(file, images...)
}

// packFor makes the packages and the image of one Linux binary in the folder out, and
// returns their files.
func (o order) packFor(out, binary, processor, stage string, roots []byte) ([]string, image, error) {
	made, err := o.writePackages(out, binary, processor, stage)
	if err != nil {
		return nil, image{}, err
	}
	i, err := o.makeImage(binary, processor, o.commit, roots)
	if err != nil {
		return nil, image{}, err
	}
	file := filepath.Join(out, "nems_"+o.version+"_image_"+processor+".tar")
	return append(made, file), i, o.writeImages(file, i)
}

// native returns a binary that this machine can run, one of those that are built
// or a further one.
func (o order) native(folder string) (string, error) {
	here := runtime.GOOS + "/" + runtime.GOARCH
	if slices.Contains(o.platforms, here) {
		return filepath.Abs(filepath.Join(o.out, fileName(o.version, here)))
	}
	binary := filepath.Join(folder, "native")
	return binary, build(o.source, o.version, here, binary)
}
