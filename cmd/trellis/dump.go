package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/wal"
)

// logDir is the directory of the write-ahead log in a data directory.
const logDir = "wal"

// segmentFlags say which segment, and how much of it.
type segmentFlags struct {
	placeFlags
	series int64
	block  int64
	values int
	full   bool

	names map[int64]string // of series, where there is a catalog
}

func newSegment() *cobra.Command {
	f := &segmentFlags{}
	cmd := &cobra.Command{Use: "segment", Short: "Look into segment files"}
	dump := &cobra.Command{
		Use:   "dump FILE",
		Short: "Write an annotated dump of a segment, and verify every byte of it",
		Long: `Writes what a segment file holds, front to back: the header, every block with its
columns, codecs and sizes, the indexes and the footer. Every checksum is verified; at
damage the dump ends with an error that says where it is.

FILE is a path, or, with --data or --bucket, the name that system.segments has for the
segment; with a catalog the names of its series are shown, too. The file is only read: a
server may be using it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), args[0], func(r *segment.Reader) error {
				if err := f.legend(cmd.OutOrStdout(), r); err != nil {
					return err
				}
				return segment.Dump(cmd.OutOrStdout(), r, segment.DumpOptions{Series: f.series, Full: f.full})
			})
		},
	}
	f.addFlags(dump)
	cmd.AddCommand(dump)
	return cmd
}

func newBlock() *cobra.Command {
	f := &segmentFlags{}
	cmd := &cobra.Command{Use: "block", Short: "Look into blocks of segment files"}
	dump := &cobra.Command{
		Use:   "dump FILE --series ID [--block NUMBER]",
		Short: "Write the codecs, sizes and first values of blocks",
		Long: `Writes the blocks of one series in a segment file: each column's codec and size,
and the first samples. Without --block it lists the blocks of the series, without
--series the series of the segment.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), args[0], func(r *segment.Reader) error {
				return f.blocks(cmd.OutOrStdout(), r, cmd.Flags().Changed("block"))
			})
		},
	}
	f.addFlags(dump)
	dump.Flags().Int64Var(&f.block, "block", 0, "number of the block on the series' grid")
	dump.Flags().IntVar(&f.values, "values", 10, "samples to show")
	cmd.AddCommand(dump)
	return cmd
}

func (f *segmentFlags) addFlags(cmd *cobra.Command) {
	f.placeFlags.addFlags(cmd.Flags(), "that FILE is the name of a segment in")
	cmd.Flags().Int64Var(&f.series, "series", 0, "id of the series; 0: all")
	cmd.Flags().BoolVar(&f.full, "full", false, "show every byte, not the first few of each field")
}

// with opens the segment and calls show.
func (f *segmentFlags) with(ctx context.Context, name string, show func(r *segment.Reader) error) (err error) {
	o, err := f.openSegment(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	r, err := segment.Open(o, o.Size(), segment.Options{Name: name})
	if err != nil {
		return damaged(err)
	}
	return damaged(show(r))
}

// openSegment opens a file, or a segment of a place.
func (f *segmentFlags) openSegment(ctx context.Context, name string) (object.Object, error) {
	p := f.place
	if p == (trellis.Place{}) {
		return openFile(name)
	}
	if p.Dir != "" || p.Catalog != "" {
		st, err := trellis.OpenPlace(ctx, p, false, now)
		if err != nil {
			return nil, err
		}
		series, err := st.Catalog.Series(ctx)
		if err != nil {
			return nil, errors.Join(err, st.Close())
		}
		f.names = make(map[int64]string, len(series))
		for i := range series {
			f.names[series[i].ID] = series[i].Name
		}
		return opened(ctx, st.Bucket, name, st.Close)
	}
	bucket, closeIt, err := openBackups(ctx, "bucket", p.Bucket, false)
	if err != nil {
		return nil, err
	}
	return opened(ctx, bucket, name, closeIt)
}

// opened opens an object of a bucket, which is closed with it.
func opened(ctx context.Context, bucket object.Bucket, name string, closeBucket func() error) (object.Object, error) {
	o, err := bucket.Open(ctx, name)
	if errors.Is(err, object.ErrNotFound) {
		err = fmt.Errorf("%w: SELECT name FROM system.segments lists the names", err)
	}
	if err != nil {
		return nil, errors.Join(err, closeBucket())
	}
	return &closing{o, closeBucket}, nil
}

// closing closes more than the object.
type closing struct {
	object.Object
	also func() error
}

// Close implements io.Closer.
func (c *closing) Close() error { return errors.Join(c.Object.Close(), c.also()) }

// localFile is a file as an object.
type localFile struct {
	*os.File
	size int64
}

// Size implements object.Object.
func (f localFile) Size() int64 { return f.size }

func openFile(path string) (object.Object, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: name a segment file in it", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return localFile{file, info.Size()}, nil
}

// legend writes the names of the segment's series, where they are known.
func (f *segmentFlags) legend(w io.Writer, r *segment.Reader) error {
	for _, s := range r.Series() {
		name, ok := f.names[s.ID]
		if !ok || f.series != 0 && f.series != s.ID {
			continue
		}
		if _, err := fmt.Fprintf(w, "# series %d is %s\n", s.ID, name); err != nil {
			return err
		}
	}
	return nil
}

// gridPeriod prints the sample period of a grid, and its phase where it has one.
func gridPeriod(g columnar.Grid) string {
	w := g.Width()
	text := plan.FormatInterval(plan.Span{Months: w.Months, Days: w.Days, Micros: w.Micros})
	if g.Calendar != nil {
		text += " in " + g.Calendar.Zone().Name()
	}
	if g.Phase != 0 {
		text += " from " + plan.FormatInterval(plan.Span{Micros: g.Phase})
	}
	return text
}

// name returns a series' name behind a space, where it is known.
func (f *segmentFlags) name(id int64) string {
	if name, ok := f.names[id]; ok {
		return " " + name
	}
	return ""
}

// damaged says what can be done about damage.
func damaged(err error) error {
	if errors.Is(err, columnar.ErrCorrupt) {
		return fmt.Errorf("%w (restore the file from a backup; the other segments are not affected)", err)
	}
	return err
}

// blocks lists series, or the blocks of a series, or shows one block.
func (f *segmentFlags) blocks(w io.Writer, r *segment.Reader, one bool) error {
	if f.series == 0 {
		for _, s := range r.Series() {
			if _, err := fmt.Fprintf(w, "series %d%s (%v): a sample every %s, %d slots a block\n", s.ID, f.name(s.ID), s.Type,
				gridPeriod(s.Grid), s.Grid.BlockLen); err != nil {
				return err
			}
		}
		return nil
	}
	x, err := r.Index(f.series)
	if err != nil {
		return err
	}
	if x == nil {
		return fmt.Errorf("segment %s: no series %d: leave --series out to see which there are", r.Name(), f.series)
	}
	if !one {
		for i := range x.Len() {
			if _, err := fmt.Fprintf(w, "block %d: %s\n", x.Block(i), plan.FormatTimestamptz(x.Series().Grid.BlockTime(x.Block(i)), nil)); err != nil {
				return err
			}
		}
		return nil
	}
	i, ok := x.Find(f.block)
	if !ok {
		return fmt.Errorf("segment %s: series %d has no block %d: leave --block out to see which there are", r.Name(), f.series, f.block)
	}
	if err := segment.DumpBlock(w, r, x, i, segment.DumpOptions{Full: f.full}); err != nil {
		return err
	}
	var b columnar.Block
	if err := r.ReadBlock(x, i, &b, columnar.AllParts); err != nil {
		return err
	}
	return f.samples(w, x.Series(), &b)
}

// samples writes the first samples of a block.
func (f *segmentFlags) samples(w io.Writer, s columnar.Series, b *columnar.Block) error {
	shown := 0
	for i := 0; i < b.Len && shown < f.values; i++ {
		if !b.Has(i) {
			continue
		}
		shown++
		value := "no value"
		if b.HasValue(i) {
			switch b.Kind {
			case columnar.Floats:
				value = plan.FormatDouble(b.Floats[i])
			case columnar.Ints:
				value = strconv.FormatInt(b.Ints[i], 10)
			default:
				value = strconv.Quote(b.Texts[i])
			}
		}
		notes := ""
		if st := b.StatusAt(i); st != columnar.StatusGood {
			notes = fmt.Sprintf("  %s (0x%08X)", st.Quality(), uint32(st))
		}
		if b.Marks != nil && b.Marks[i] != columnar.Unedited {
			notes += "  " + b.Marks[i].String()
		}
		if _, err := fmt.Fprintf(w, "%s  %s%s\n", plan.FormatTimestamptz(s.Grid.Time(b.First+int64(i)), nil), value, notes); err != nil {
			return err
		}
	}
	return nil
}

func newWAL() *cobra.Command {
	cmd := &cobra.Command{Use: "wal", Short: "Look into the write-ahead log"}
	cmd.AddCommand(&cobra.Command{
		Use:   "dump DIR",
		Short: "Write what the files of a write-ahead log hold",
		Long: `Writes the files, records and entries of the write-ahead log in a data directory, or
in the directory of the log itself. It changes nothing; a server may be using it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return dumpLog(cmd.OutOrStdout(), args[0]) },
	})
	cmd.AddCommand(newWALAccept())
	return cmd
}

// dumpLog dumps the log in a data directory, or in its own.
func dumpLog(w io.Writer, dir string) error {
	inner := filepath.Join(dir, logDir)
	if info, err := os.Stat(inner); err == nil && info.IsDir() {
		dir = inner
	}
	err := wal.Dump(w, dir)
	if err != nil && strings.Contains(err.Error(), "there is no log file") {
		return fmt.Errorf("%w: name a data directory", err)
	}
	return err
}
