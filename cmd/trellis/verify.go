package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/tables"
	"github.com/trellisdb/trellis/store"
)

// verifyFlags say what is verified and how that is told.
type verifyFlags struct {
	placeFlags
	workers     int
	asJSON      bool
	quiet       bool
	seriesNames map[int64]string
}

func newVerify() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{
		Use:   "verify --data DIR",
		Short: "Read everything and find damage",
		Long: `Reads the whole database and finds out whether it is sound: every row of the catalog is
the one that was written, and none is missing; every segment that it
knows is there with its size and checksum, every block can be decoded, its
summaries are those of its samples bit for bit, and so are the nodes of the trees
above them; the catalog's numbers agree with the files, and the edits that marked
samples are on the trail. Where there is a data directory, its write-ahead log is
read, too. It changes nothing, and a server may go on meanwhile.

Each finding is a line that names the segment, the series and the block. Objects that
nothing refers to are notes.

Exit codes: 0 sound; 3 something is damaged or missing; 1 not everything could be read.

` + placeHelp,
		Example: `  trellis verify --data ./data
  trellis verify --bucket 's3://plant/trellis?region=eu-central-1' --catalog postgres://trellis@db/trellis --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.addFlags(cmd.Flags(), "to verify")
	cmd.Flags().IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "segments to read at once")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "write one JSON object")
	cmd.Flags().BoolVar(&f.quiet, "quiet", false, "show no progress and no notes")
	return cmd
}

// finding is a finding as it is shown.
type finding struct {
	Kind    string `json:"kind"` // damage, unread or note
	Segment string `json:"segment,omitempty"`
	Backup  string `json:"manifest,omitempty"`
	Series  int64  `json:"series_id,omitempty"`
	Name    string `json:"series,omitempty"`
	Block   *int64 `json:"block,omitempty"`
	What    string `json:"what"`
	outside bool   // Segment is the key of an object in a bucket of backups that no manifest names
}

// verifyReport is what --json writes.
type verifyReport struct {
	Sound    bool      `json:"sound"`
	Snapshot int64     `json:"snapshot"`
	Segments int64     `json:"segments"`
	Blocks   int64     `json:"blocks"`
	Samples  int64     `json:"samples"`
	Bytes    int64     `json:"bytes"`
	Records  int64     `json:"log_records"`
	Backups  int       `json:"backups,omitempty"`
	Damage   int64     `json:"damage"`
	Unread   int64     `json:"unread"`
	Notes    int64     `json:"notes"`
	Seconds  float64   `json:"seconds"`
	Findings []finding `json:"findings"`

	ofBackups bool
}

func (f *verifyFlags) run(ctx context.Context, out io.Writer) (err error) {
	began := now()
	report := verifyReport{Findings: []finding{}}
	m := newMeter("verify", f.quiet)
	say := func(x finding) {
		report.Findings = append(report.Findings, x)
		if !f.asJSON && !(f.quiet && x.Kind == "note") {
			_, _ = fmt.Fprintln(out, x)
		}
	}
	st, err := f.open(ctx, false)
	if errors.Is(err, columnar.ErrCorrupt) {
		return f.unopened(ctx, &report, out, began, err, say)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := f.names(ctx, st); err != nil && !errors.Is(err, columnar.ErrCorrupt) {
		return err
	}
	got, err := store.Verify(ctx, store.VerifyOptions{
		Bucket: st.Bucket, Catalog: st.Catalog, Workers: f.workers, Plan: m.plan, Read: m.add,
	}, func(x store.Finding) { say(shown(x, f.seriesNames[x.Series])) })
	m.finish()
	if err != nil {
		return fmt.Errorf("verify: not everything was read: %w", err)
	}
	report.Snapshot, report.Segments, report.Blocks, report.Samples, report.Bytes = got.Snapshot, got.Segments, got.Blocks, got.Samples, got.Bytes
	report.Damage, report.Unread, report.Notes = got.Damage, got.Unread, got.Notes
	if err := report.log(ctx, st.Catalog, st.Place.LogDir(), say); err != nil {
		return err
	}
	return report.end(out, f.asJSON, began)
}

// unopened reports a catalog that is too damaged to be opened, and verifies the log.
func (f *verifyFlags) unopened(ctx context.Context, r *verifyReport, out io.Writer, began int64, err error, say func(finding)) error {
	r.Damage++
	say(finding{Kind: "damage", What: err.Error()})
	place, err := f.resolve()
	if err != nil {
		return err
	}
	if err := r.log(ctx, nil, place.LogDir(), say); err != nil {
		return err
	}
	return r.end(out, f.asJSON, began)
}

// end writes the end of the report and returns what the process ends with.
func (r *verifyReport) end(out io.Writer, asJSON bool, began int64) error {
	r.Sound, r.Seconds = r.Damage+r.Unread == 0, float64(now()-began)/1e6
	if err := r.write(out, asJSON); err != nil {
		return err
	}
	switch {
	case r.Damage > 0:
		return exitCode(exitDamaged)
	case r.Unread > 0:
		return exitCode(exitError)
	}
	return nil
}

// names learns the names of the series.
func (f *verifyFlags) names(ctx context.Context, st *trellis.Storage) error {
	series, err := st.Catalog.Series(ctx)
	f.seriesNames = make(map[int64]string, len(series))
	for i := range series {
		f.seriesNames[series[i].ID] = series[i].Name
	}
	return err
}

// shown returns a finding as it is shown.
func shown(x store.Finding, name string) finding {
	s := finding{Kind: "damage", Segment: x.Segment, Series: x.Series, Name: name, What: x.Err.Error()}
	switch {
	case x.Note:
		s.Kind = "note"
	case x.Unread:
		s.Kind = "unread"
	}
	if x.InBlock {
		block := x.Block
		s.Block = &block
	}
	return s
}

// String returns the finding as a line.
func (x finding) String() string {
	text := x.Kind + ": "
	if x.Segment == "" && x.Backup != "" {
		text += "manifest " + x.Backup + ": "
	}
	if x.outside {
		text += "object " + x.Segment + ": "
	} else if x.Segment != "" {
		text += "segment " + x.Segment + ": "
	}
	if x.Series != 0 {
		text += fmt.Sprintf("series %d (%s): ", x.Series, x.Name)
	}
	if x.Block != nil {
		text += fmt.Sprintf("block %d: ", *x.Block)
	}
	return tables.Printable(text + x.What)
}

// log verifies the write-ahead log in a directory, if there is one, by itself where there
// is no catalog.
func (r *verifyReport) log(ctx context.Context, catalog meta.Catalog, dir string, say func(finding)) error {
	if _, err := os.Stat(dir); dir == "" || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	v, err := store.VerifyLog(ctx, catalog, dir)
	r.Records = v.Records
	note := func(format string, args ...any) {
		r.Notes++
		say(finding{Kind: "note", What: fmt.Sprintf("write-ahead log %s: ", dir) + fmt.Sprintf(format, args...)})
	}
	switch {
	case errors.Is(err, columnar.ErrCorrupt), errors.Is(err, meta.ErrNotFound), errors.Is(err, store.ErrBehind):
		r.Damage++
		say(finding{Kind: "damage", What: err.Error()})
		return nil
	case err != nil:
		return fmt.Errorf("verify: %w", err)
	}
	if v.DamagedMarks > 0 {
		note("%d of the 4 copies of its marker are damaged; the others say the same, and the next start writes all anew", v.DamagedMarks)
	}
	switch {
	case v.Torn > 0 && v.Unmarked:
		note("%d bytes at its end are no whole record, and it has no marker, because an earlier release wrote it: they were cut off by a crash before they were acknowledged, or they are damaged", v.Torn)
	case v.Torn > 0:
		note("%d bytes at its end are no whole record: they are being written, or a crash cut them off before they were acknowledged", v.Torn)
	}
	return nil
}

// andCatalog says what to do about a damaged catalog, where it is.
func (r *verifyReport) andCatalog() string {
	for _, x := range r.Findings {
		if x.Kind == "damage" && strings.HasPrefix(x.What, "catalog") {
			return ", and rebuild the catalog with trellis repair"
		}
	}
	return ""
}

// write writes the end of the report, or all of it as JSON.
func (r *verifyReport) write(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	if r.ofBackups {
		return r.backups(out)
	}
	verdict := "sound"
	switch {
	case r.Damage > 0:
		verdict = humanize.Comma(r.Damage) + " damaged or missing: restore those segments from a backup" + r.andCatalog() + "; what no line names can be read"
	case r.Unread > 0:
		verdict = humanize.Comma(r.Unread) + " could not be read: see to the bucket and try again"
	}
	_, err := fmt.Fprintf(out, "snapshot %d: %s, %s, %s, %s and %s of the log read in %.1f s: %s\n", r.Snapshot, count(r.Segments, "segment"),
		count(r.Blocks, "block"), count(r.Samples, "sample"), humanize.IBytes(uint64(r.Bytes)), count(r.Records, "record"), r.Seconds, verdict)
	return err
}
