// Command site writes the handbook as a web site of plain files: docs/ becomes site/.
// Any web server can serve it, and a browser can open it from the disk. Search needs
// no server. The pages are those that the console shows under Help.
//
// A link or an anchor that leads nowhere, or a page that is in no section of
// docs/contents.yaml, makes it fail.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	from := flag.String("docs", "docs", "folder of the handbook")
	to := flag.String("out", "site", "folder of the site; what is there is replaced")
	flag.Parse()
	n, err := write(os.DirFS(*from), *to)
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d pages; open %s\n", *to, n, filepath.Join(*to, "index.html"))
}

// write makes the site in a folder and returns how many pages it has.
func write(docs fs.FS, out string) (pages int, err error) {
	s, err := read(docs)
	if err != nil {
		return 0, err
	}
	if err := clear(out); err != nil {
		return 0, err
	}
	for file, content := range s {
		path := filepath.Join(out, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // to be read by a web server
			return 0, err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // to be read by a web server
			return 0, err
		}
		if filepath.Ext(file) == ".html" {
			pages++
		}
	}
	return pages, nil
}

// clear removes an earlier site, and nothing else.
func clear(out string) error {
	there, err := os.ReadDir(out)
	if os.IsNotExist(err) || err == nil && len(there) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(out, indexFile)); err != nil {
		return fmt.Errorf("%s holds something else than a site (it has no %s): name another folder", out, indexFile)
	}
	return os.RemoveAll(out)
}
