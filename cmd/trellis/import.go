package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/trellisdb/trellis/cmd/trellis/internal/importer"
	"github.com/trellisdb/trellis/columnar/zone"
)

// importFlags are the flags of import, as far as they are not the importer's options
// themselves.
type importFlags struct {
	conn connection
	opts importer.Options

	format, delimiter, decimal, thousands string
	header, suggest                       bool
	zone, series                          string
	onError, report, progress, collide    string
	codes, comment, preset                string
}

// attributeFlags are the flags that describe series to be made, with the columns of
// the table series that they set.
var attributeFlags = []struct{ flag, column, help string }{
	{"type", "type", "double, float, integer, boolean, enum or text, or auto to find double or text in the values of each series"},
	{"sample-t", "sample_t", "sample period: '1 second', 15m, '1 month' of the calendar, or auto to find it in the data"},
	{"phase", "phase", "when slots begin after a multiple of the period, such as '30 minutes'; of a calendar period, the time of day"},
	{"unit", "unit", "unit, such as degC"},
	{"interpolation", "interpolation", "linear or step"},
	{"series-zone", "zone", "zone of the place where the sensor stands; default: --zone"},
	{"label", "label", "start or end: which end of its interval a source stamps"},
	{"labels", "labels", "JSON object, such as '{\"site\": \"north\"}'"},
	{"states", "states", "JSON array with the names of an enum's states"},
	{"off-grid", "off_grid", "snap or refuse: what becomes of later samples that do not stand where a slot begins"},
	{"low", "low", "low limit"},
	{"high", "high", "high limit"},
	{"codec", "codec", "codec; default: the best for each block"},
	{"block-n", "block_n", "samples in a block; default: by the sample period"},
	{"description", "description", "description"},
}

func newImport() *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import FILE... --name NAME",
		Short: "Load CSV, TSV or Parquet files",
		Long: `Loads files (CSV, TSV or Parquet; plain, .gz or .zst; - for standard input) into a
running server, or, with --data, into a directory.

Series. --name plant1/temp loads one column of values into one series;
--name 'plant1/{column}' loads every column into a series of its own;
--name 'plant1/{tag}', or --series tag for '{tag}', takes the name from the row's
column tag. Series that do not exist are made from --type, --sample-t, --unit and so
on, which may be given for one column, as in --unit TEMP=degC, or for all.

Time. --time names one column of stamps, two (date, time of day), or three to six
(year, month, day, hour, ...). Common forms are recognized; others are described by
--time-format. Stamps without an offset are read on the clock of --zone. Where it was
set back, the order of the rows tells the first hour from the second; stamps that it
never showed are refused.

Values. An empty field is skipped. A field of --null is stored as a sample without a
value. A value of --bad-value is stored as bad, and what was written is kept as
raw_value. --quality names a column that says how good a value is; --quality-mask a
column of true and false.

Files. --suggest looks at a file and proposes the whole command. Texts are UTF-8, UTF-16
or what --encoding says; compressed by gzip, zstd or bzip2, or alone in a zip archive;
workbooks (.xlsx) and JSON lines are read, too.

States. A word in the place of a number ('Bad Input', 'I/O Timeout', 'Shutdown') is stored
as a sample without a value and with the status that it stands for; --state adds others.
Quality codes of classic OPC DA are recognized, and stored as those of OPC UA.

Edits. With --edit all that is imported becomes one edit of kind backfill, with its
--reason and --source: nobody sees any of it before the end, and where the import
fails there is nothing of it. The values that it replaced stay readable.

Grid. --sample-t auto finds the longest period, and its phase, that hits every stamp of
a series; where the stamps are on no grid it says how they are spaced, and asks. Samples
that are not on the grid of their series are counted and refused, or, with --snap, stored
in the slots that hold their times. Two samples of one import in one slot are reported
with their lines; --collide says which is kept.

Refused rows are reported with their lines; the others are stored, and the exit code
is 2. At the end there is a report.`,
		Example: `  trellis import air.csv --name 'air/{column}' --time Date,Time --zone +01:00 \
      --decimal , --bad-value -200 --type double --sample-t 1h
  trellis import tags.parquet --series tag --time ts --value value --type double --sample-t auto
  trellis import pv.csv --name pv/ac --quality-mask interpolated=uncertain:0x40900000 \
      --type double --sample-t 15m --zone UTC --dry-run`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := setPreset(cmd.Flags(), f.preset); err != nil {
				return err
			}
			opts, err := f.options(cmd.Flags(), files)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the process
			if f.suggest {
				return suggestImport(ctx, cmd, opts)
			}
			return f.run(ctx, cmd, opts)
		},
	}
	f.addFlags(cmd.Flags())
	return cmd
}

func (f *importFlags) addFlags(flags *pflag.FlagSet) {
	flags.SortFlags = false
	f.conn.addFlags(flags)
	flags.StringVar(&f.opts.Name, "name", "", "name of the series; {column} is the value column's name, {x} the row's value of column x")
	flags.StringVar(&f.series, "series", "", "column with the name of the series; the same as --name '{COLUMN}'")
	flags.StringSliceVar(&f.opts.Time.Columns, "time", nil, "column, or columns, of time; default: by name")
	flags.StringVar(&f.opts.Time.Format, "time-format", "auto", "form of the stamps: iso, unix, unix_ms, unix_us, unix_ns, excel, '%d.%m.%Y %H:%M', '02.01.2006 15:04'")
	flags.StringVar(&f.zone, "zone", "", "zone of stamps without an offset: Europe/Berlin, +01:00, UTC")
	flags.StringSliceVar(&f.opts.Values.Columns, "value", nil, "columns of values; default: all that mean nothing else")
	flags.StringSliceVar(&f.opts.Values.Text, "text", nil, "columns of text")
	flags.StringVar(&f.opts.Quality.Column, "quality", "", "column of qualities or OPC UA status codes; '{column}_q' for one beside each value column")
	flags.StringArrayVar(&f.opts.Quality.Map, "quality-map", nil, "what --quality says: 192=good; may be repeated")
	flags.StringVar(&f.codes, "quality-codes", "auto", "what the numbers of --quality are: opc-da (192, 64, 0, ...), opc-ua, map (only what --quality-map says), or auto to find it in the data")
	flags.StringArrayVar(&f.opts.Quality.Masks, "quality-mask", nil, "COLUMN=STATUS: where it is true the sample has the status, as in stale=uncertain:0x40900000")
	flags.StringArrayVar(&f.opts.Values.Bad, "bad-value", nil, "value, or text, that means bad: -200, or COLUMN=-200; may be repeated")
	flags.StringArrayVar(&f.opts.Values.States, "state", nil, "TEXT=STATUS: a text in the place of a number is a sample without a value and with that status, as in 'Shutdown=bad:0x808D0000'; those of PI, Canary, Ignition and Proficy are known; may be repeated")
	flags.StringSliceVar(&f.opts.Values.Null, "null", importer.DefaultNull, "texts that mean that there is no value")
	flags.BoolVar(&f.opts.Values.KeepEmpty, "keep-empty", false, "store a sample without a value for an empty field, too")
	for _, a := range attributeFlags {
		flags.StringArray(a.flag, nil, "of series that are made: "+a.help+"; for one column: COLUMN=...")
	}
	flags.StringVar(&f.preset, "preset", "", "settings for exports of pi, canary, ignition, proficy, wiski, entsoe or pandas; flags that are given count before them")
	flags.StringVar(&f.format, "format", "auto", "csv, tsv, json (an object in each line) or parquet; workbooks (.xlsx) are known by themselves")
	flags.StringVar(&f.delimiter, "delimiter", "auto", "sign between the fields of CSV, or tab, or blank for runs of blanks")
	flags.StringVar(&f.decimal, "decimal", ".", "decimal sign: . or ,")
	flags.StringVar(&f.thousands, "thousands", "", "sign between thousands")
	flags.IntVar(&f.opts.Text.Skip, "skip", 0, "lines before the header")
	flags.StringVar(&f.opts.Text.Encoding, "encoding", "auto", "encoding of text: "+strings.Join(importer.Encodings[1:], ", "))
	flags.StringVar(&f.comment, "comment", "", "sign that begins lines which are passed over, such as #")
	flags.BoolVar(&f.opts.Text.UnitsRow, "units-row", false, "the row below the header has the units of the columns")
	flags.IntVar(&f.opts.Text.SkipBelow, "skip-below", 0, "rows below the header, and below that of the units, that are passed over")
	flags.StringVar(&f.opts.Text.Sheet, "sheet", "", "sheet of a workbook; default: the first")
	flags.BoolVar(&f.header, "header", true, "the first row has the names of the columns; --header=false names them c1, c2, ...")
	flags.StringVar(&f.onError, "on-error", "skip", "what to do about a row that is refused: skip it, or stop")
	flags.BoolVar(&f.opts.Edit, "edit", false, "make one edit of it: seen at once at the end, or not at all, and on the trail")
	flags.StringVar(&f.opts.Reason, "reason", "", "why the edit is made")
	flags.StringVar(&f.opts.Source, "source", "", "where the data of the edit comes from")
	flags.BoolVar(&f.opts.Snap, "snap", false, "store samples off the grid in the slots that hold their times; without it they are refused")
	flags.StringVar(&f.collide, "collide", "last", "which of two samples of this import in one slot is kept: last (but one with a value), last-any, first, or refuse the others")
	flags.BoolVar(&f.suggest, "suggest", false, "look at the file and propose the whole command, with reasons; nothing is stored, and no server is needed")
	flags.BoolVar(&f.opts.DryRun, "dry-run", false, "read and check everything, store nothing")
	flags.StringVar(&f.report, "report", "text", "form of the report: text or json")
	flags.StringVar(&f.progress, "progress", "auto", "show progress: auto (on a terminal), on or off")
}

// options turns the flags into the importer's options.
func (f *importFlags) options(flags *pflag.FlagSet, files []string) (importer.Options, error) {
	o := f.opts
	o.Clock, o.Text.NoHeader = now, !f.header
	var err error
	if o.Files, err = expand(files); err != nil {
		return o, err
	}
	if !o.Edit && (o.Reason != "" || o.Source != "") {
		return o, errors.New("--reason and --source are of an edit: add --edit")
	}
	if f.series != "" {
		if o.Name != "" {
			return o, errors.New("--series COLUMN is the same as --name '{COLUMN}': give one of them")
		}
		o.Name = "{" + f.series + "}"
	}
	for flag, check := range map[string]struct {
		value string
		known []string
	}{
		"format":   {f.format, []string{"auto", "csv", "tsv", "json", "parquet"}},
		"decimal":  {f.decimal, []string{".", ","}},
		"on-error": {f.onError, []string{"skip", "stop"}},
		"report":   {f.report, []string{"text", "json"}},
		"progress": {f.progress, []string{"auto", "on", "off"}},

		"encoding":      {f.opts.Text.Encoding, importer.Encodings},
		"quality-codes": {f.codes, []string{"auto", "opc-da", "opc-ua", "map"}},
	} {
		if err := oneOf(flag, check.value, check.known); err != nil {
			return o, err
		}
	}
	if f.format != "auto" {
		o.Format = f.format
	}
	o.Stop, o.Quality.Codes = f.onError == "stop", importer.QualityCodes(f.codes)
	if o.Collide, err = importer.ParseCollide(f.collide); err != nil {
		return o, err
	}
	o.Text.Decimal = f.decimal[0]
	if err := f.signs(&o); err != nil {
		return o, err
	}
	if f.zone != "" {
		z, err := zone.Load(f.zone)
		if err != nil {
			return o, fmt.Errorf("--zone: %w", err)
		}
		o.Time.Zone = z
	}
	return o, f.attributes(flags, &o)
}

// expand finds the files of patterns such as 'dir/*.csv', in order of name.
func expand(names []string) (files []string, err error) {
	for _, name := range names {
		if _, missing := os.Stat(name); missing == nil || !strings.ContainsAny(name, "*?[") {
			files = append(files, name)
			continue
		}
		found, err := filepath.Glob(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("no file matches %s", name)
		}
		files = append(files, found...)
	}
	return files, nil
}

// oneOf checks a flag that has a few values.
func oneOf(flag, value string, known []string) error {
	for _, k := range known {
		if value == k {
			return nil
		}
	}
	return fmt.Errorf("--%s %q: use %s", flag, value, strings.Join(known, " or "))
}

// signs reads the flags that are a single sign.
func (f *importFlags) signs(o *importer.Options) error {
	switch f.delimiter {
	case "auto":
	case "tab", `\t`:
		o.Text.Delimiter = '\t'
	case "blank", "blanks", "space":
		o.Text.Delimiter = ' '
	default:
		r, n := utf8.DecodeRuneInString(f.delimiter)
		if n == 0 || n != len(f.delimiter) || r == '"' || r == '\n' || r == '\r' || r == utf8.RuneError {
			return fmt.Errorf("--delimiter %q: use one sign, or tab", f.delimiter)
		}
		o.Text.Delimiter = r
	}
	if f.comment != "" {
		r, n := utf8.DecodeRuneInString(f.comment)
		if n != len(f.comment) || r == utf8.RuneError || r == '"' {
			return fmt.Errorf("--comment %q: use one sign, such as #", f.comment)
		}
		if o.Text.Comment = r; r == o.Text.Delimiter {
			return fmt.Errorf("--comment %q is the delimiter, too", f.comment)
		}
	}
	if len(f.thousands) > 1 || f.thousands == f.decimal {
		return fmt.Errorf("--thousands %q: use one sign that is not the decimal sign", f.thousands)
	}
	if f.thousands != "" {
		o.Text.Thousands = f.thousands[0]
	}
	return nil
}

// attributes reads the flags that describe series.
func (f *importFlags) attributes(flags *pflag.FlagSet, o *importer.Options) error {
	o.Attributes = map[string]importer.ByColumn{}
	for _, a := range attributeFlags {
		given, err := flags.GetStringArray(a.flag)
		if err != nil {
			return err
		}
		by := importer.ByColumn{}
		for _, text := range given {
			// A JSON object, or an array, may have a = in it.
			column, value, found := strings.Cut(text, "=")
			if !found || strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
				column, value = "", text
			}
			if _, twice := by[column]; twice {
				return fmt.Errorf("--%s is given twice; for one column, write COLUMN=…", a.flag)
			}
			by[column] = value
		}
		if a.column == "zone" && by[""] == "" && o.Time.Zone != nil {
			by[""] = o.Time.Zone.Name()
		}
		if len(by) > 0 {
			o.Attributes[a.column] = by
		}
	}
	return nil
}

// run imports and reports.
func (f *importFlags) run(ctx context.Context, cmd *cobra.Command, o importer.Options) (err error) {
	conn, err := f.conn.open(ctx, !o.DryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	bar := newProgress(f.progress, o.Files, o.Clock)
	o.Progress = bar.show
	report, err := importer.Run(ctx, conn, o)
	bar.finish()
	if report.Rows > 0 || report.Refused() > 0 {
		if printed := printReport(cmd.OutOrStdout(), report, f.report == "json"); printed != nil {
			return errors.Join(err, printed)
		}
	}
	switch {
	case ctx.Err() != nil && o.Edit:
		return errors.Join(errors.New("the import was interrupted: nothing of the edit is stored"), unless(err, context.Canceled))
	case ctx.Err() != nil:
		return errors.Join(errors.New("the import was interrupted: what the report says is stored"), unless(err, context.Canceled))
	case err != nil:
		return err
	case report.Refused() > 0:
		return exitCode(exitRefused)
	}
	return nil
}

// unless returns an error, nil where it is another.
func unless(err, other error) error {
	if errors.Is(err, other) {
		return nil
	}
	return err
}

// isTerminal reports whether people read what is written to a file.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
