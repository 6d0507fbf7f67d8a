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

	"github.com/ergochat/readline"

	"github.com/trellisdb/trellis/cmd/trellis/internal/render"
	"github.com/trellisdb/trellis/engine/plan"
)

const (
	firstPrompt = "trellis> "
	nextPrompt  = "     ..> "
)

const promptHelp = `A statement ends with ; and may go over several lines. Besides:
  \dt          list the tables
  \d NAME      describe a table or a series; \d lists the series
  \format F    table, csv, json, jsonl
  \timing      say how long statements take, or not
  \?           this list
  \q           leave, as Ctrl-D does
Ctrl-C cancels the statement that runs, or clears the line.`

// historyFile returns the file of the prompt's history; empty where there is no place
// for it.
func historyFile() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	dir = filepath.Join(dir, "trellis")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	return filepath.Join(dir, "history")
}

// prompt reads statements from the terminal until its end.
func (s *querySession) prompt(ctx context.Context) (err error) {
	line, err := readline.NewFromConfig(&readline.Config{
		Prompt: firstPrompt, HistoryFile: historyFile(), HistoryLimit: 1000, DisableAutoSaveHistory: true, HistorySearchFold: true,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, line.Close()) }()
	if _, err := fmt.Fprintln(s.out, `End a statement with ; – \? lists what else can be said, \q leaves.`); err != nil {
		return err
	}
	pending := ""
	for {
		if line.SetPrompt(firstPrompt); pending != "" {
			line.SetPrompt(nextPrompt)
		}
		text, err := line.ReadLine()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			pending = ""
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if command := strings.TrimSpace(text); pending == "" && strings.HasPrefix(command, `\`) {
			s.remember(line, command)
			if command == `\q` {
				return nil
			}
			s.say(s.interruptible(ctx, func(ctx context.Context) error { return s.meta(ctx, command) }))
			continue
		}
		done, rest := splitStatements(pending + text + "\n")
		for _, st := range done {
			s.remember(line, st.text+";")
			s.say(s.interruptible(ctx, func(ctx context.Context) error { return s.run(ctx, st.text) }))
		}
		if pending = ""; rest.text != "" {
			pending = rest.text + "\n"
		}
	}
}

// remember adds a statement to the history, on one line. A history that cannot be
// written is none.
func (s *querySession) remember(line *readline.Instance, text string) {
	_ = line.SaveToHistory(strings.Join(strings.Fields(text), " "))
}

// say shows an error; the prompt goes on.
func (s *querySession) say(err error) {
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
	}
}

// interruptible calls f with a context that Ctrl-C ends.
func (s *querySession) interruptible(ctx context.Context, f func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	s.width()
	s.shown = 0
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		return errors.New("cancelled")
	}
	return err
}

// meta carries out what begins with a backslash.
func (s *querySession) meta(ctx context.Context, command string) error {
	word, arg, _ := strings.Cut(command, " ")
	arg = strings.TrimSuffix(strings.TrimSpace(arg), ";")
	switch word {
	case `\?`, `\h`, `\help`:
		_, err := fmt.Fprintln(s.out, promptHelp)
		return err
	case `\timing`:
		s.timing = !s.timing
		return nil
	case `\format`:
		format, err := render.ParseFormat(arg)
		if err == nil && format.Binary() {
			err = fmt.Errorf("%s is not for a terminal: use trellis query -o", format)
		}
		if err == nil {
			s.options.Format = format
		}
		return err
	case `\dt`:
		return s.tables()
	case `\d`:
		return s.describe(ctx, arg)
	}
	return fmt.Errorf(`there is no %s: \? lists what there is`, word)
}

// allTables are the tables that can be read.
func allTables() []*plan.Table {
	return append([]*plan.Table{plan.Samples, plan.Series, plan.Edits}, plan.SystemTables...)
}

// tables lists the tables.
func (s *querySession) tables() error {
	for _, t := range allTables() {
		columns := make([]string, len(t.Cols))
		for i, c := range t.Cols {
			columns[i] = c.Name
		}
		if _, err := fmt.Fprintf(s.out, "%-18s %s\n", tableName(t), strings.Join(columns, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// tableName returns a table's name as it is written in a statement.
func tableName(t *plan.Table) string {
	if t.Schema == plan.Samples.Schema {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// describe shows the columns of a table, or the attributes of a series.
func (s *querySession) describe(ctx context.Context, name string) error {
	if name == "" {
		return s.run(ctx, "SELECT series, type, sample_t, zone, unit FROM series ORDER BY series")
	}
	for _, t := range allTables() {
		if !strings.EqualFold(name, tableName(t)) {
			continue
		}
		for _, c := range t.Cols {
			if _, err := fmt.Fprintf(s.out, "%-18s %s\n", c.Name, c.Type); err != nil {
				return err
			}
		}
		return nil
	}
	quoted := "'" + strings.ReplaceAll(name, "'", "''") + "'"
	return s.run(ctx, "SELECT * FROM series WHERE series = "+quoted)
}
