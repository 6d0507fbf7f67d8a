package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/store/backup"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/wal"
)

// copyFlags say how a copy is made and told of.
type copyFlags struct {
	workers int
	asJSON  bool
	quiet   bool
}

func (f *copyFlags) addFlags(flags *pflag.FlagSet) {
	flags.IntVar(&f.workers, "workers", 4, "segments to copy at once")
	flags.BoolVar(&f.asJSON, "json", false, "write the report as JSON")
	flags.BoolVar(&f.quiet, "quiet", false, "show no progress and no notes")
}

// options returns the options of a copy whose progress m shows.
func (f *copyFlags) options(m *meter) backup.Options {
	return backup.Options{Clock: now, Workers: f.workers, Plan: m.plan, Moved: m.add}
}

// note says something to people.
func (f *copyFlags) note(format string, args ...any) {
	if !f.quiet {
		_, _ = fmt.Fprintf(os.Stderr, "note: "+format+"\n", args...)
	}
}

// report writes what was done: verb is "backed up", or the like.
func (f *copyFlags) report(out io.Writer, verb string, r *backup.Report, began int64) error {
	if f.asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	if r.Done {
		verb += " already by an earlier run, and compared now"
	}
	mended := 0
	for _, d := range r.Damaged {
		say := "damaged: object %s: %s: copied again\n"
		if mended++; !d.Mended {
			mended--
			say = "damaged: manifest %s: %s: that backup cannot be restored; take it away\n"
		}
		if _, err := fmt.Fprintf(out, say, d.Key, d.What); err != nil {
			return err
		}
	}
	again := ""
	if mended > 0 {
		again = fmt.Sprintf(" (%s damaged there, copied again)", humanize.Comma(int64(mended)))
	}
	_, err := fmt.Fprintf(out, "%s: snapshot %d, %s, %s of %s; %s copied%s, %s, in %.1f s\n", verb, r.Snapshot, count(int64(r.Series), "series"),
		count(int64(r.Segments), "segment"), humanize.IBytes(uint64(r.Bytes)), humanize.Comma(int64(r.Copied)), again, humanize.IBytes(uint64(r.Moved)), float64(now()-began)/1e6)
	if err == nil && r.Manifest != "" {
		_, err = fmt.Fprintln(out, "manifest "+r.Manifest)
	}
	return err
}

type backupFlags struct {
	placeFlags
	copyFlags
	to       string
	list     bool
	verify   bool
	quick    bool
	manifest string
}

func newBackup() *cobra.Command {
	f := &backupFlags{}
	cmd := &cobra.Command{
		Use:   "backup --data DIR --to BUCKET",
		Short: "Copy a consistent snapshot to another bucket",
		Long: `Copies the newest snapshot, all that are kept before it, all history and the catalog to
another bucket: a directory, or s3://bucket/prefix. A server may go on meanwhile; the
snapshot is kept by a pin until the backup is whole. Segments that the bucket has from
earlier backups are read and compared, and not copied again, so the second backup writes
little, and one that was cut short goes on where it ended. What is damaged there, cut or
another object is copied again, and said. With --quick an object of the right name and
size is believed and not read. Every byte is compared with its checksum on the way.

Where no server has the data directory open, its write-ahead log is recovered first, so
that everything is in the backup. Otherwise samples that are in no segment yet are not:
CALL flush() before it where they matter.

A bucket may hold backups of many databases. --list shows what it has, and --verify reads
it as trellis verify reads a database: all of it, or the backup that --manifest names.

Exit codes: 0 done; 1 there is no backup, or not everything could be read; 3 with
--verify something is damaged or missing, without it the manifest of an earlier backup.

` + placeHelp,
		Example: `  trellis backup --data /var/lib/trellis --to /mnt/backup/trellis
  trellis backup --data /var/lib/trellis --to 's3://backups/trellis?region=eu-central-1'
  trellis backup --list --to /mnt/backup/trellis
  trellis backup --verify --to /mnt/backup/trellis`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.verify && f.to == "" && len(args) == 1 {
				f.to = args[0]
				return nil
			}
			return cobra.NoArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.manifest != "" && !f.verify:
				return errors.New("--manifest says which backup to --verify, or to trellis restore")
			case f.verify:
				return f.check(cmd.Context(), cmd.OutOrStdout())
			case f.list:
				return f.show(cmd.Context(), cmd.OutOrStdout())
			}
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f.placeFlags.addFlags(cmd.Flags(), "to back up")
	f.copyFlags.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&f.to, "to", "", "bucket of backups: a directory, or s3://bucket/prefix")
	cmd.Flags().BoolVar(&f.list, "list", false, "list the backups in the bucket")
	cmd.Flags().BoolVar(&f.verify, "verify", false, "read the backups in the bucket and find damage; copy nothing")
	cmd.Flags().StringVar(&f.manifest, "manifest", "", "with --verify: which backup; default: all")
	cmd.Flags().BoolVar(&f.quick, "quick", false, "believe what is there by name and size, and do not read it")
	return cmd
}

func errNoBackups(flag string) error {
	return fmt.Errorf("where are the backups? Name a bucket with --%s: a directory, or s3://bucket/prefix", flag)
}

// openBackups opens a bucket of backups.
func openBackups(ctx context.Context, flag, where string, create bool) (object.Bucket, func() error, error) {
	if where == "" {
		return nil, nil, errNoBackups(flag)
	}
	bucket, remote, err := trellis.OpenBucket(ctx, where, create, now)
	if err != nil {
		return nil, nil, err
	}
	if remote != nil {
		return bucket, remote.Close, nil
	}
	return bucket, func() error { return nil }, nil
}

// withoutSettings returns what a bucket is called.
func withoutSettings(where string) string {
	name, _, _ := strings.Cut(where, "?")
	return name
}

func (f *backupFlags) run(ctx context.Context, out io.Writer) (err error) {
	began := now()
	if f.to == "" {
		return errNoBackups("to")
	}
	st, err := f.open(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if st.ReadOnly != nil {
		err = f.onlyRead(ctx, st)
	} else {
		err = f.flush(ctx)
	}
	if err != nil {
		return err
	}
	to, closeTo, err := openBackups(ctx, "to", f.to, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTo()) }()
	m := newMeter("backup", f.quiet)
	o := f.options(m)
	o.Quick, o.Unpinned = f.quick, st.ReadOnly != nil
	r, err := backup.Write(ctx, parts(st), to, withoutSettings(f.to), "trellis backup", o)
	m.finish()
	if err != nil {
		return err
	}
	if err := f.report(out, "backed up", &r, began); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Damaged, func(d backup.Damage) bool { return !d.Mended }) {
		return exitCode(exitDamaged)
	}
	return nil
}

// flush writes what the log has into segments, where nobody has the log open.
func (f *backupFlags) flush(ctx context.Context) error {
	p, err := f.resolve()
	if err != nil {
		return err
	}
	if info, err := os.Stat(p.LogDir()); p.Dir == "" || err != nil || !info.IsDir() {
		f.note("there is no write-ahead log here: samples that a server has in no segment yet are not in the backup (CALL flush() writes them)")
		return nil
	}
	w, err := f.write(ctx, upkeep{keep: -1})
	if inUse(err) {
		f.note("a server has the database open: samples that it has in no segment yet are not in the backup (CALL flush() writes them)")
		return nil
	}
	if err != nil {
		return err
	}
	return w.close(ctx)
}

// onlyRead says what is not in the backup of a place that can only be read.
func (f *backupFlags) onlyRead(ctx context.Context, st *trellis.Storage) error {
	f.note("the catalog %s can only be read (%v): this backs up the newest snapshot that it has, without a pin", st.Place.CatalogName(), st.ReadOnly)
	dir := st.Place.LogDir()
	if _, err := os.Stat(dir); dir == "" || err != nil {
		f.note("there is no write-ahead log here: samples that are in no segment yet are not in the backup")
		return nil
	}
	records, samples, err := onlyInLog(ctx, st, dir)
	switch {
	case err != nil:
		f.note("the write-ahead log cannot be read, and what is only in it is not in the backup: %v", err)
	case records > 0:
		f.note("%s of the write-ahead log, with %s, are in no segment and not in the backup: to have them, copy the place to a disk that can be written to and back that up", count(records, "record"), count(samples, "sample"))
	}
	return nil
}

// onlyInLog counts what the log of a place has and its segments do not.
func onlyInLog(ctx context.Context, st *trellis.Storage, dir string) (records, samples int64, err error) {
	log, err := wal.ReadID(wal.ReadOnly{}, dir)
	if err != nil || !log.Records {
		return 0, 0, err
	}
	position, err := st.Catalog.Position(ctx, log.ID)
	if err != nil {
		return 0, 0, err
	}
	_, err = wal.Verify(dir, wal.VerifyOptions{ID: log.ID, Start: position, Record: func(record []byte, end uint64) error {
		if end <= position {
			return ctx.Err()
		}
		records++
		return wal.Entries(record, func(e *wal.Entry) error {
			samples += int64(len(e.Slots))
			return ctx.Err()
		})
	}})
	return records, samples, err
}

// show lists backups.
func (f *backupFlags) show(ctx context.Context, out io.Writer) (err error) {
	bucket, closeIt, err := openBackups(ctx, "to", f.to, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeIt()) }()
	list, err := backup.List(ctx, bucket)
	if err != nil {
		return err
	}
	if f.asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(out, "there is no backup in "+withoutSettings(f.to))
	}
	for _, b := range list {
		_, err = fmt.Fprintf(out, "%s  snapshot %d of database %s  %s\n", time.UnixMicro(b.Taken).UTC().Format(time.DateTime), b.Snapshot, b.Database, b.Name)
	}
	return err
}
