package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"nems/internal/directory"
	"nems/internal/node"
)

// importCmd fills the directory from a CSV file.
type importCmd struct {
	Kind string `arg:"" enum:"patients,organisations,postcodes" help:"patients, organisations or postcodes."`
	File string `arg:"" help:"CSV file with a header; published files (NHSPD, ONSPD, epraccur) are read as they are. - is standard input."`
	Data string `default:"nems-data" type:"path" help:"Folder of the directory, as nems serve has it."`
}

// Run imports what can be read and reports every line that cannot, by number.
func (i *importCmd) Run(ctx context.Context) error {
	in, size := io.Reader(os.Stdin), int64(-1)
	if i.File != "-" {
		f, err := os.Open(i.File)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		in = f
	}
	sink, err := node.OpenDirectory(i.Data)
	if err != nil {
		return err
	}
	defer sink.Close()
	progress, finish := importProgress(filepath.Base(i.File), size)
	summary, err := directory.Import(ctx, directory.Kind(i.Kind), in, sink, progress)
	finish()
	for _, p := range summary.Problems {
		fmt.Fprintf(os.Stderr, "%s:%d: %s\n", i.File, p.Line, p.Reason)
	}
	if summary.Bad > len(summary.Problems) {
		fmt.Fprintf(os.Stderr, "%s: and %d more lines\n", i.File, summary.Bad-len(summary.Problems))
	}
	if summary.ONSCodes > 0 {
		fmt.Fprintf(os.Stderr, "%s: %d postcodes name their ICB sub-location by an ONS code, which no subscription does; NHSPD has ODS codes\n", i.File, summary.ONSCodes)
	}
	if err != nil {
		return fmt.Errorf("%s: %w (%d %s were imported before)", i.File, err, summary.Rows, i.Kind)
	}
	fmt.Printf("%d %s imported, %d lines left out\n", summary.Rows, i.Kind, summary.Bad)
	return nil
}

// importProgress draws a bar on a terminal, and nothing in a pipe.
func importProgress(name string, size int64) (progress func(read int64, rows, bad int), finish func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(size, progressbar.OptionSetDescription(name), progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
	return func(read int64, _, _ int) { _ = bar.Set64(read) }, func() { _ = bar.Finish() }
}
