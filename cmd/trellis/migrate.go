package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/store/backup"
)

type migrateFlags struct {
	copyFlags
	from, to placeFlags
}

func newMigrate() *cobra.Command {
	f := &migrateFlags{from: placeFlags{prefix: "from-"}}
	cmd := &cobra.Command{
		Use:   "migrate --from-data DIR --bucket BUCKET --catalog CATALOG",
		Short: "Move a database to a place of another kind",
		Long: `Fills an empty place with a whole database: from SQLite and a directory to PostgreSQL
and S3, back, or from any kind to any other. Nothing may write to the source
meanwhile: where a server has it, this refuses. The source stays as it is, but for its
write-ahead log, which is written into segments first.

It may be killed at any moment and called again: what the target has already is
compared and not copied again, and its catalog is filled by one transaction at the
end. Then the catalogs are compared, and the number of samples of every series.
The server is then started with the target's flags, and an empty data directory.

` + placeHelp,
		Example: `  trellis migrate --from-data ./data --bucket 's3://plant/trellis?region=eu-central-1' --catalog postgres://trellis@db/trellis
  trellis migrate --from-bucket s3://plant/trellis --from-catalog postgres://trellis@db/trellis --data ./data`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.from.addFlags(cmd.Flags(), "to read")
	f.to.addFlags(cmd.Flags(), "to fill")
	f.copyFlags.addFlags(cmd.Flags())
	return cmd
}

func (f *migrateFlags) run(ctx context.Context, out io.Writer) (err error) {
	began := now()
	source, err := f.from.resolve()
	if err != nil {
		return err
	}
	target, err := f.to.resolve()
	if err != nil {
		return err
	}
	if source.BucketName() == target.BucketName() || source.CatalogName() == target.CatalogName() {
		return errors.New("the source and the target share a bucket or a catalog: name a target that is empty")
	}
	if source.Dir == "" {
		f.note("without --from-data there is no write-ahead log to recover: what a server that did not end well has in none of the segments is left behind")
	}
	w, err := f.from.write(ctx, upkeep{keep: -1})
	if err != nil {
		return sourceError(err, source)
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if err := w.store.Flush(ctx); err != nil {
		return err
	}
	st, err := f.to.open(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	m := newMeter("migrate", f.quiet)
	r, err := backup.Move(ctx, parts(w.Storage), parts(st), f.options(m))
	m.finish()
	if err != nil {
		return targetError(err, st)
	}
	return f.report(out, "migrated", &r, began)
}

// sourceError says what to do about a source that cannot be had.
func sourceError(err error, source trellis.Place) error {
	if inUse(err) {
		return fmt.Errorf("a server has the source (%s): stop it, so that nothing is written while it is moved: %w", cmp.Or(source.Dir, source.CatalogName()), err)
	}
	return err
}
