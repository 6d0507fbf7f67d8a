package flight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"

	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
)

// sink is where the batches of a stream go.
type sink interface {
	// write takes in one batch, all of it or nothing.
	write(ctx context.Context, batch arrow.RecordBatch) error
	// counts says what has been taken in.
	counts() putCounts
	// finish is called when the client has ended the stream properly. It returns what
	// the client is told then, nil for nothing.
	finish(ctx context.Context) (any, error)
	// close gives up what was not finished.
	close() error
}

// putCounts are the counts of a PutResult of plain Flight, as JSON in its metadata.
type putCounts struct {
	Rows     int64 `json:"rows"`                   // rows of all batches so far
	Samples  int64 `json:"samples,omitempty"`      // samples made of them
	Empty    int64 `json:"empty,omitempty"`        // of these, samples without a value
	Created  int64 `json:"created"`                // series created
	Moved    int64 `json:"moved,omitempty"`        // samples off the grid, moved to where their slots begin
	MaxShift int64 `json:"max_shift_us,omitempty"` // the farthest that one was moved
	Collided int64 `json:"collided,omitempty"`     // samples of which a later one of the same batch took the slot
	Staged   bool  `json:"staged,omitempty"`       // none of this is visible or durable yet: it is part of an edit
}

// editResult is the last PutResult of an edit, as JSON in its metadata. An edit that
// changed nothing has no id.
type editResult struct {
	Edit     int64 `json:"edit,omitempty"`
	Snapshot int64 `json:"snapshot,omitempty"` // that it made
	Inserted int64 `json:"inserted"`
	Replaced int64 `json:"replaced"`
}

// DoPutCommandStatementIngest takes batches in for the table samples or series and
// returns how many rows have become durable, also where it ends with an error.
func (c *commands) DoPutCommandStatementIngest(ctx context.Context, cmd flightsql.StatementIngest, reader flight.MessageReader) (rows int64, err error) {
	to, err := c.server.ingestSink(ctx, cmd)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	err = eachBatch(reader, func(n int, batch arrow.RecordBatch) error {
		return inBatch(to.write(ctx, batch), n)
	})
	if err == nil {
		_, err = to.finish(ctx)
	}
	if c := to.counts(); !c.Staged {
		return c.Rows, err
	}
	return 0, err
}

// putPath takes batches in for the table that a path names, and sends the counts
// after each.
func (s *Server) putPath(in *checkedPut, path []string, options []byte) (err error) {
	ctx := in.Context()
	if len(path) != 1 {
		return plan.Errorf(0, plan.CodeInvalidValue, "the descriptor's path has %d parts: send one, samples or series", len(path))
	}
	set := map[string]string{}
	if len(options) > 0 {
		var err error
		if set, err = textMap("the metadata of the first message", string(options)); err != nil {
			return err
		}
	}
	to, err := s.newSink(ctx, path[0], set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	reader, err := newReader(in)
	if err != nil {
		return err
	}
	defer reader.Release()
	err = eachBatch(reader, func(n int, batch arrow.RecordBatch) error {
		if err := to.write(ctx, batch); err != nil {
			return inBatch(err, n)
		}
		return in.answer(to.counts())
	})
	if err != nil {
		return err
	}
	last, err := to.finish(ctx)
	if err != nil || last == nil {
		return err
	}
	return in.answer(last)
}

// answer sends a PutResult with JSON in its metadata.
func (p *checkedPut) answer(what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return p.Send(&flight.PutResult{AppMetadata: text})
}

// ingestSink returns the sink of a command for bulk ingestion.
func (s *Server) ingestSink(ctx context.Context, cmd flightsql.StatementIngest) (sink, error) {
	if err := noTransaction(cmd); err != nil {
		return nil, err
	}
	if c := cmd.GetCatalog(); c != "" && c != catalogName {
		return nil, plan.Errorf(0, plan.CodeUndefObject, "there is no catalog %q, only %s", c, catalogName)
	}
	if n := cmd.GetSchema(); n != "" && n != plan.Samples.Schema {
		return nil, plan.Errorf(0, plan.CodeReadOnly, "nothing can be written to schema %q, only to %s", n, plan.Samples.Schema)
	}
	if cmd.GetTemporary() {
		return nil, plan.Errorf(0, plan.CodeNotSupported, "there are no temporary tables")
	}
	options := cmd.GetTableDefinitionOptions()
	switch options.GetIfExists() {
	case pb.CommandStatementIngest_TableDefinitionOptions_TABLE_EXISTS_OPTION_FAIL:
		return nil, plan.Errorf(0, plan.CodeUnique, "table %q exists already", cmd.GetTable()).WithHint("append to it (mode append)")
	case pb.CommandStatementIngest_TableDefinitionOptions_TABLE_EXISTS_OPTION_REPLACE:
		return nil, plan.Errorf(0, plan.CodeNotSupported, "table %q cannot be replaced", cmd.GetTable()).WithHint("append to it (mode append)")
	}
	return s.newSink(ctx, cmd.GetTable(), cmd.GetOptions())
}

// newSink returns the sink of a table. Options of the call's headers count where
// the command does not say otherwise.
func (s *Server) newSink(ctx context.Context, table string, set map[string]string) (sink, error) {
	c := callOf(ctx)
	all := maps.Clone(c.ingest)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, set)
	session, err := s.newSession(c.user, c.settings)
	if err != nil {
		return nil, err
	}
	edit, err := editOptions(session, all)
	if err != nil {
		return nil, err
	}
	opts, err := ingestOptions(all)
	if err != nil {
		return nil, err
	}
	switch table {
	case plan.Samples.Name:
		if edit {
			b, err := s.opts.Engine.NewBackfill(ctx, session, opts)
			return &editSink{backfill: b}, err
		}
		return &sampleSink{s.opts.Engine.NewIngest(session, opts)}, nil
	case plan.Series.Name:
		if edit {
			return nil, plan.Errorf(0, plan.CodeInvalidValue, "an edit is of samples, not of series")
		}
		return &seriesSink{server: s, session: session, renamed: opts.Renamed}, nil
	}
	return nil, plan.Errorf(0, plan.CodeUndefTable, "there is no table %q that batches can be written to", table).
		WithHint("the tables are samples and series")
}

// ingestOptions reads the options of an ingest:
//
//	zone      the clock of time stamps without a zone; else the session's
//	template  attributes of the series that are made where a name is unknown, as a
//	          JSON object; without it, unknown series are refused
//	off_grid  snap (as it is without it): a sample off its series' grid goes to the slot
//	          that holds its time, and is counted; refuse: its batch is refused
//	columns   names of the batch's columns and of those that are meant, as a JSON
//	          object such as {"tag": "series"}
//
// Those of an edit have been taken out: see editOptions.
func ingestOptions(set map[string]string) (opts ingest.Options, err error) {
	for name, value := range set {
		switch name {
		case "zone":
			if opts.Zone, err = plan.LoadZone(0, value); err != nil {
				return opts, err
			}
		case "template":
			attributes, err := textMap("option template", value)
			if err != nil {
				return opts, err
			}
			if opts.Template, err = engine.Template(attributes); err != nil {
				return opts, err
			}
		case "off_grid":
			if opts.OffGrid, err = ingest.ParseOffGrid(value); err != nil {
				return opts, err
			}
		case "columns":
			if opts.Renamed, err = textMap("option columns", value); err != nil {
				return opts, err
			}
		default:
			return opts, plan.Errorf(0, plan.CodeInvalidValue, "there is no option %q", name).WithHint("the options are zone, template, columns, off_grid, edit, reason and source")
		}
	}
	return opts, nil
}

// textMap reads a JSON object; values that are no texts stay as JSON.
func textMap(what, object string) (map[string]string, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &raw); err != nil {
		return nil, plan.Errorf(0, plan.CodeInvalidText, "%s is not a JSON object: %v", what, err)
	}
	out := make(map[string]string, len(raw))
	for k, v := range raw {
		var text string
		if json.Unmarshal(v, &text) != nil {
			text = string(v)
		}
		out[k] = text
	}
	return out, nil
}

// sampleSink writes samples.
type sampleSink struct{ ingest *engine.Ingest }

func (s *sampleSink) write(ctx context.Context, batch arrow.RecordBatch) error {
	return s.ingest.Write(ctx, batch)
}

func (s *sampleSink) counts() putCounts {
	c := s.ingest.Counts()
	return countsOf(c)
}

// countsOf are the counts of a stream as the client is told them.
func countsOf(c ingest.Counts) putCounts {
	return putCounts{
		Rows: c.Rows, Samples: c.Samples, Empty: c.Empty, Created: c.Created,
		Moved: c.Moved, MaxShift: c.MaxShift, Collided: c.Collided,
	}
}

// finish has nothing to do: every batch is durable.
func (s *sampleSink) finish(context.Context) (any, error) { return nil, nil }

func (s *sampleSink) close() error { return nil }

// seriesSink creates a series for each row, with an INSERT of each batch.
type seriesSink struct {
	server  *Server
	session *engine.Session
	renamed map[string]string
	rows    int64
}

// maxSeriesParams is how many values one INSERT may have: the engine numbers them.
const maxSeriesParams = 1 << 15

func (s *seriesSink) write(ctx context.Context, batch arrow.RecordBatch) error {
	rows := int(batch.NumRows())
	if rows == 0 {
		return nil
	}
	if n := int64(rows) * batch.NumCols(); n > maxSeriesParams {
		return plan.Errorf(0, plan.CodeTooMany, "the batch has %d values, more than %d", n, maxSeriesParams).WithHint("send smaller batches")
	}
	var params []plan.Literal
	for i := range rows {
		row, err := engine.ParamsFrom(batch, i)
		if err != nil {
			return within(err, fmt.Sprintf("row %d", i+1))
		}
		params = append(params, row...)
	}
	prepared, err := s.server.opts.Engine.Prepare(ctx, s.session, s.insert(batch.Schema(), rows))
	if err != nil {
		return withoutPlace(err)
	}
	n, err := s.server.opts.Engine.Exec(ctx, s.session, prepared, params)
	s.rows += n
	return withoutPlace(err)
}

// insert returns the INSERT of a batch.
func (s *seriesSink) insert(schema *arrow.Schema, rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO series (")
	for i, f := range schema.Fields() {
		name := f.Name
		if as, ok := s.renamed[name]; ok {
			name = as
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + strings.ReplaceAll(name, `"`, `""`) + `"`)
	}
	b.WriteString(") VALUES ")
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(")
		for i := range schema.NumFields() {
			if i > 0 {
				b.WriteString(", ")
			}
			n++
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(")")
	}
	return b.String()
}

func (s *seriesSink) counts() putCounts { return putCounts{Rows: s.rows, Created: s.rows} }

func (s *seriesSink) finish(context.Context) (any, error) { return nil, nil }

func (s *seriesSink) close() error { return nil }

// withoutPlace takes the position out of a mistake, for the client has not seen the
// statement that it is in.
func withoutPlace(err error) error {
	var user *plan.Error
	if !errors.As(err, &user) {
		return err
	}
	with := *user
	with.Pos = 0
	return &with
}
