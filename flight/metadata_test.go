package flight

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"

	"github.com/trellisdb/trellis/engine/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// wantGolden compares a text with a file in testdata.
func wantGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s has changed (go test -update writes it anew); it is now:\n%s", file, got)
	}
}

// answers runs commands for metadata and returns their answers as text.
type answers struct {
	*fixture
	c   *flightsql.Client
	out strings.Builder
}

func (a *answers) ask(title string, ask func(context.Context, ...grpc.CallOption) (*flight.FlightInfo, error)) {
	a.t.Helper()
	info, err := ask(a.t.Context())
	if err != nil {
		a.t.Fatalf("%s: %v", title, err)
	}
	told, err := flight.DeserializeSchema(info.GetSchema(), memory.DefaultAllocator)
	if err != nil {
		a.t.Fatalf("%s: %v", title, err)
	}
	reader, err := a.c.DoGet(a.t.Context(), info.GetEndpoint()[0].GetTicket())
	if err != nil {
		a.t.Fatalf("%s: %v", title, err)
	}
	if !reader.Schema().Equal(told) {
		a.t.Errorf("%s: the FlightInfo tells another schema than the answer has", title)
	}
	rows, err := drain(reader)
	if err != nil {
		a.t.Fatalf("%s: %v", title, err)
	}
	fmt.Fprintf(&a.out, "-- %s\n", title)
	for _, row := range rows {
		fmt.Fprintln(&a.out, row)
	}
}

func TestTablesAreListed(t *testing.T) {
	f := start(t, nil)
	a := &answers{fixture: f, c: f.client()}
	a.ask("catalogs", a.c.GetCatalogs)
	schemas := func(catalog, pattern *string) func(context.Context, ...grpc.CallOption) (*flight.FlightInfo, error) {
		return func(ctx context.Context, opts ...grpc.CallOption) (*flight.FlightInfo, error) {
			return a.c.GetDBSchemas(ctx, &flightsql.GetDBSchemasOpts{Catalog: catalog, DbSchemaFilterPattern: pattern}, opts...)
		}
	}
	text := func(s string) *string { return &s }
	a.ask("all schemas", schemas(nil, nil))
	a.ask("schemas like s%", schemas(text("trellis"), text("s%")))
	a.ask("schemas without a catalog", schemas(text(""), nil))
	tables := func(opts *flightsql.GetTablesOpts) func(context.Context, ...grpc.CallOption) (*flight.FlightInfo, error) {
		return func(ctx context.Context, call ...grpc.CallOption) (*flight.FlightInfo, error) {
			return a.c.GetTables(ctx, opts, call...)
		}
	}
	a.ask("all tables", tables(&flightsql.GetTablesOpts{}))
	a.ask("tables like s_mple%", tables(&flightsql.GetTablesOpts{TableNameFilterPattern: text("s_mple%")}))
	a.ask("tables of schema public and type VIEW or TABLE", tables(&flightsql.GetTablesOpts{DbSchemaFilterPattern: text("public"), TableTypes: []string{"VIEW", "TABLE"}}))
	a.ask("tables of another catalog", tables(&flightsql.GetTablesOpts{Catalog: text("other")}))
	a.ask("types of tables", a.c.GetTableTypes)
	wantGolden(t, "tables", a.out.String())
}

func TestTablesTellTheirColumns(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	info, err := c.GetTables(t.Context(), &flightsql.GetTablesOpts{IncludeSchema: true})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := c.DoGet(t.Context(), info.GetEndpoint()[0].GetTicket())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	var out strings.Builder
	for reader.Next() {
		names, schemas := reader.RecordBatch().Column(2).(*array.String), reader.RecordBatch().Column(4).(*array.Binary)
		for i := range names.Len() {
			schema, err := flight.DeserializeSchema(schemas.Value(i), memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "-- %s\n", names.Value(i))
			for _, field := range schema.Fields() {
				meta := flightsql.ColumnMetadata{Data: &field.Metadata}
				name, _ := meta.TypeName()
				fmt.Fprintf(&out, "%s: %s, nullable %t (%s)\n", field.Name, field.Type, field.Nullable, name)
			}
		}
	}
	wantGolden(t, "columns", out.String())
}

func TestKeysAreListed(t *testing.T) {
	f := start(t, nil)
	a := &answers{fixture: f, c: f.client()}
	type listKeys func(context.Context, flightsql.TableRef, ...grpc.CallOption) (*flight.FlightInfo, error)
	of := func(list listKeys, ref flightsql.TableRef) func(context.Context, ...grpc.CallOption) (*flight.FlightInfo, error) {
		return func(ctx context.Context, opts ...grpc.CallOption) (*flight.FlightInfo, error) {
			return list(ctx, ref, opts...)
		}
	}
	other := "system"
	for _, table := range []string{"samples", "series", "edits"} {
		ref := flightsql.TableRef{Table: table}
		a.ask("primary key of "+table, of(a.c.GetPrimaryKeys, ref))
		a.ask("keys that "+table+" refers to", of(a.c.GetImportedKeys, ref))
		a.ask("keys that refer to "+table, of(a.c.GetExportedKeys, ref))
	}
	a.ask("primary key of system.series, which is not there", of(a.c.GetPrimaryKeys, flightsql.TableRef{DBSchema: &other, Table: "series"}))
	samples, series := flightsql.TableRef{Table: "samples"}, flightsql.TableRef{Table: "series"}
	a.ask("from samples to series", func(ctx context.Context, opts ...grpc.CallOption) (*flight.FlightInfo, error) {
		return a.c.GetCrossReference(ctx, series, samples, opts...)
	})
	a.ask("from series to samples", func(ctx context.Context, opts ...grpc.CallOption) (*flight.FlightInfo, error) {
		return a.c.GetCrossReference(ctx, samples, series, opts...)
	})
	wantGolden(t, "keys", a.out.String())
}

func TestTypesAreListed(t *testing.T) {
	f := start(t, nil)
	a := &answers{fixture: f, c: f.client()}
	of := func(code *int32) func(context.Context, ...grpc.CallOption) (*flight.FlightInfo, error) {
		return func(ctx context.Context, opts ...grpc.CallOption) (*flight.FlightInfo, error) {
			return a.c.GetXdbcTypeInfo(ctx, code, opts...)
		}
	}
	varchar := int32(pb.XdbcDataType_XDBC_VARCHAR)
	a.ask("all types", of(nil))
	a.ask("types with the code of VARCHAR", of(&varchar))
	wantGolden(t, "types", a.out.String())

	listed := map[plan.Type]bool{}
	for _, s := range sqlTypes {
		listed[s.Type] = true
	}
	for typ := plan.Boolean; typ <= plan.JSON; typ++ {
		if !listed[typ] {
			t.Errorf("type %s is not listed", typ)
		}
	}
}

func TestSqlInfoHasAnAnswerForEveryID(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	ask := func(ids ...flightsql.SqlInfo) (order []uint32, values map[uint32]string) {
		info, err := c.GetSqlInfo(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := c.DoGet(t.Context(), info.GetEndpoint()[0].GetTicket())
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Release()
		values = map[uint32]string{}
		for reader.Next() {
			batch := reader.RecordBatch()
			for i, id := range batch.Column(0).(*array.Uint32).Uint32Values() {
				order = append(order, id)
				values[id] = batch.Column(1).ValueStr(i)
			}
		}
		if reader.Err() != nil {
			t.Fatal(reader.Err())
		}
		return order, values
	}
	order, values := ask()
	if len(order) != len(pb.SqlInfo_name) {
		t.Errorf("%d answers for %d ids", len(order), len(pb.SqlInfo_name))
	}
	var out strings.Builder
	for _, id := range order {
		value := values[id]
		if id == uint32(pb.SqlInfo_FLIGHT_SQL_SERVER_ARROW_VERSION) {
			value = strings.Replace(value, arrow.PkgVersion, "(that of the library)", 1)
		}
		fmt.Fprintf(&out, "%d %s: %s\n", id, pb.SqlInfo_name[int32(id)], value)
	}
	wantGolden(t, "sqlinfo", out.String())

	order, _ = ask(flightsql.SqlInfoKeywords, 77_777, flightsql.SqlInfoFlightSqlServerName)
	if fmt.Sprint(order) != "[0 508]" {
		t.Errorf("of the ids 508, 77777 and 0 there are answers for %v", order)
	}
	if order, _ = ask(77_777); len(order) != 0 {
		t.Errorf("for an unknown id there is an answer: %v", order)
	}
}

func TestPatternsOfLike(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"%", "", true},
		{"%", "anything", true},
		{"a%", "abc", true},
		{"%c", "abc", true},
		{"%b%", "abc", true},
		{"a_c", "abc", true},
		{"a_c", "ac", false},
		{"_", "ü", true},
		{`a\_c`, "abc", false},
		{`a\_c`, "a_c", true},
		{`100\%`, "100%", true},
		{`\`, `\`, true},
		{"ABC", "abc", false},
	}
	for _, tt := range tests {
		if got := like(&tt.pattern, tt.text); got != tt.want {
			t.Errorf("%q like %q is %t", tt.text, tt.pattern, got)
		}
	}
	if !like(nil, "anything") {
		t.Error("no pattern lets nothing through")
	}
}

func TestActionsAreListed(t *testing.T) {
	f := start(t, nil)
	stream, err := f.plain().ListActions(t.Context(), &flight.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		action, err := stream.Recv()
		if err != nil {
			break
		}
		n++
		if action.GetType() == "" || action.GetDescription() == "" {
			t.Errorf("action %v", action)
		}
	}
	if n != len(actions) {
		t.Errorf("%d actions", n)
	}
}
