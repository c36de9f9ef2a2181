// Command release makes the files of a published version: a static binary for
// every platform, the list of its modules (SBOM, CycloneDX), and SHA256SUMS of
// both.
//
//	go run ./internal/release -version v1.2.3 -out dist
//
// The same source and the same Go give the same bytes, wherever they are built.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	version := flag.String("version", "", "what `nems version` says; required")
	out := flag.String("out", "dist", "folder that is made and filled")
	only := flag.String("platforms", strings.Join(platforms, ","), "operating system/processor, separated by commas")
	sbom := flag.Bool("sbom", true, "write and check the lists of modules")
	flag.Parse()
	if *version == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := release(*version, *out, strings.Split(*only, ","), *sbom); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release creates the folder out and fills it. An existing folder is refused,
// because files of an earlier version in it would get into the sums.
func release(version, out string, platforms []string, sbom bool) error {
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	for _, platform := range platforms {
		binary := filepath.Join(out, fileName(version, platform))
		if err := build(".", version, platform, binary); err != nil {
			return err
		}
		if sbom {
			if err := writeSBOM(binary, version); err != nil {
				return fmt.Errorf("%s: %w", binary, err)
			}
		}
		fmt.Println(binary)
	}
	return writeSums(out)
}
