package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/store/backup"
)

// check reads the backups in the bucket.
func (f *backupFlags) check(ctx context.Context, out io.Writer) (err error) {
	began := now()
	bucket, closeIt, err := openBackups(ctx, "to", f.to, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeIt()) }()
	o := backup.VerifyOptions{Workers: f.workers}
	if f.manifest != "" {
		o.Manifests = []string{f.manifest}
	}
	dir, err := os.MkdirTemp("", "trellis-verify-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n := 0
	o.Catalog = func(ctx context.Context) (meta.Catalog, error) {
		n++
		return sqlite.Open(ctx, filepath.Join(dir, fmt.Sprintf("%d.sqlite", n)))
	}
	m := newMeter("verify", f.quiet)
	o.Plan, o.Read = m.plan, m.add
	report := verifyReport{Findings: []finding{}, ofBackups: true}
	got, err := backup.Verify(ctx, bucket, o, func(x backup.Finding) {
		s := shown(x.Finding, x.Name)
		s.Backup, s.outside = x.Manifest, x.Manifest == ""
		report.Findings = append(report.Findings, s)
		if !f.asJSON && !(f.quiet && s.Kind == "note") {
			_, _ = fmt.Fprintln(out, s)
		}
	})
	m.finish()
	if err != nil {
		return fmt.Errorf("not everything was read: %w", err)
	}
	if got.Manifests == 0 && got.Damage+got.Unread == 0 {
		return fmt.Errorf("there is no backup in %s", withoutSettings(f.to))
	}
	report.Snapshot, report.Segments, report.Blocks, report.Samples, report.Bytes = got.Snapshot, got.Segments, got.Blocks, got.Samples, got.Bytes
	report.Damage, report.Unread, report.Notes = got.Damage, got.Unread, got.Notes
	report.Backups = got.Manifests
	return report.end(out, f.asJSON, began)
}

// backups writes the end of a report on backups.
func (r *verifyReport) backups(out io.Writer) error {
	verdict := "sound"
	switch {
	case r.Damage > 0:
		verdict = humanize.Comma(r.Damage) + " damaged or missing: the next trellis backup copies again what the database still has"
	case r.Unread > 0:
		verdict = humanize.Comma(r.Unread) + " could not be read: see to the bucket and try again"
	}
	_, err := fmt.Fprintf(out, "%s: %s, %s, %s and %s read in %.1f s: %s\n", count(int64(r.Backups), "backup"), count(r.Segments, "segment"),
		count(r.Blocks, "block"), count(r.Samples, "sample"), humanize.IBytes(uint64(r.Bytes)), r.Seconds, verdict)
	return err
}
