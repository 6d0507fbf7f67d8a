package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/trellisdb/trellis/cmd/trellis/internal/render"
)

// queryFlags are the flags of query.
type queryFlags struct {
	conn     connection
	file     string
	output   string
	format   string
	params   []string
	timezone string
	maxRows  int
	timing   bool
}

func newQuery() *cobra.Command {
	f := &queryFlags{}
	cmd := &cobra.Command{
		Use:   "query [SQL]",
		Short: "Run SQL, or open a prompt",
		Long: `Runs statements on a running server, or, with --data, on a directory: those of the
argument, of a file (-f), or of standard input. Without any of them, on a terminal, it
opens a prompt, in which a statement ends with a semicolon and \? lists what else can be
said.

The answer is a table for people, or what --format says; numbers and instants in the
other formats are exact. In a table, ` + "∅" + ` is NULL.

Parameters: -p gives the values of $1, $2, ... in order; they take the types that the
statement wants. \N stands for NULL.

The exit code is 1 when a statement has failed; those after it are not run.`,
		Example: `  trellis query "SELECT count(*) FROM samples"
  trellis query -f month.sql -p plant1/temp --format csv -o month.csv
  trellis query -o year.parquet "SELECT * FROM samples WHERE series = 'plant1/temp'"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.timing = f.timing || !cmd.Flags().Changed("timing") && isTerminal(os.Stdout)
			return f.run(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.conn.addFlags(flags)
	flags.StringVarP(&f.file, "file", "f", "", "file with statements; - for standard input")
	flags.StringVarP(&f.output, "output", "o", "", "file to write the answer to")
	flags.StringVar(&f.format, "format", "", "table, csv, json, jsonl, parquet or arrow; default: by the name of -o, else table")
	flags.StringArrayVarP(&f.params, "param", "p", nil, "value of the next parameter ($1, $2, ...)")
	flags.StringVar(&f.timezone, "timezone", "", "time zone of the session, in which instants are shown; default: UTC")
	flags.IntVar(&f.maxRows, "max-rows", 1000, "rows of a table at most; 0: all")
	flags.BoolVar(&f.timing, "timing", false, "say how long each statement took; default: on a terminal")
	return cmd
}

// run finds the statements and runs them.
func (f *queryFlags) run(cmd *cobra.Command, args []string) (err error) {
	text, prompt, err := f.text(cmd, args)
	if err != nil {
		return err
	}
	format, err := f.formatOf()
	if err != nil {
		return err
	}
	if format.Binary() && f.output == "" && isTerminal(os.Stdout) {
		return fmt.Errorf("%s is not for a terminal: name a file with -o", format)
	}
	conn, err := f.conn.open(cmd.Context(), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	s := &querySession{
		conn: conn, out: cmd.OutOrStdout(), options: render.Options{Format: format, MaxRows: f.maxRows}, timing: f.timing, clock: now,
	}
	s.width()
	if s.params, err = paramBatch(f.params); err != nil {
		return err
	}
	if err := s.setZone(cmd.Context(), f.timezone); err != nil {
		return err
	}
	if prompt {
		return s.prompt(cmd.Context())
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return f.script(ctx, s, text)
}

// text returns the statements, or that there is to be a prompt.
func (f *queryFlags) text(cmd *cobra.Command, args []string) (text string, prompt bool, err error) {
	switch {
	case len(args) > 0 && f.file != "":
		return "", false, errors.New("give the statements as an argument or in a file (-f), not both")
	case len(args) > 0:
		return args[0], false, nil
	case f.file == "-" || f.file == "" && !term.IsTerminal(int(os.Stdin.Fd())):
		all, err := io.ReadAll(cmd.InOrStdin())
		return string(all), false, err
	case f.file != "":
		all, err := os.ReadFile(f.file)
		return string(all), false, err
	case f.output != "":
		return "", false, errors.New("-o needs a statement: give it as an argument or in a file (-f)")
	}
	return "", true, nil
}

// formatOf returns the format: the one that is named, or that of the output's name.
func (f *queryFlags) formatOf() (render.Format, error) {
	if f.format != "" {
		return render.ParseFormat(f.format)
	}
	switch ext := strings.ToLower(filepath.Ext(f.output)); ext {
	case ".csv", ".json", ".jsonl", ".parquet", ".arrow":
		return render.ParseFormat(ext[1:])
	case ".ndjson":
		return render.Lines, nil
	case ".pq":
		return render.Parquet, nil
	case ".feather", ".ipc":
		return render.Arrow, nil
	}
	return render.Table, nil
}

// script runs the statements of a text, up to the first that fails.
func (f *queryFlags) script(ctx context.Context, s *querySession, text string) (err error) {
	list, rest := splitStatements(text)
	if rest.text != "" {
		list = append(list, rest)
	}
	if len(list) == 0 {
		return errors.New("there is no statement to run")
	}
	if f.output != "" {
		file, created := os.Create(f.output)
		if created != nil {
			return created
		}
		s.out, s.options.Width = file, 0
		defer func() {
			closed := file.Close()
			if err != nil {
				_ = os.Remove(f.output) // half an answer is none
			}
			err = errors.Join(err, closed)
		}()
	}
	for _, st := range list {
		if err := s.run(ctx, st.text); err != nil {
			if ctx.Err() != nil {
				return exitCode(exitSignal)
			}
			if f.file != "" && f.file != "-" {
				return fmt.Errorf("%s:%d: %w", f.file, st.line, err)
			}
			return err
		}
	}
	return nil
}
