package flight

import (
	"context"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/schema_ref"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/engine/plan"
)

// catalogName is the name of the one catalog.
const catalogName = "trellis"

// The types of tables.
const (
	typeTable  = "TABLE"
	typeView   = "VIEW" // a table that statements cannot write
	typeSystem = "SYSTEM TABLE"
)

// tableEntry is a table with its type.
type tableEntry struct {
	*plan.Table
	kind string
}

// allTables are the tables in the order of the specification: by schema, then name.
var allTables = func() []tableEntry {
	all := []tableEntry{{plan.Samples, typeTable}, {plan.Series, typeTable}, {plan.Edits, typeView}}
	for _, t := range plan.SystemTables {
		all = append(all, tableEntry{t, typeSystem})
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Schema != all[j].Schema {
			return all[i].Schema < all[j].Schema
		}
		return all[i].Name < all[j].Name
	})
	return all
}()

// inCatalog reports whether a filter by catalog lets ours through.
func inCatalog(filter *string) bool { return filter == nil || *filter == catalogName }

// like reports whether a text matches a pattern of LIKE, whose wildcards % and _
// are escaped with a backslash; a nil pattern matches all.
func like(pattern *string, text string) bool {
	return pattern == nil || likeRunes([]rune(*pattern), []rune(text))
}

func likeRunes(p, t []rune) bool {
	for len(p) > 0 {
		switch {
		case p[0] == '%':
			for i := range len(t) + 1 {
				if likeRunes(p[1:], t[i:]) {
					return true
				}
			}
			return false
		case len(t) == 0:
			return false
		case p[0] == '\\' && len(p) > 1:
			if p = p[1:]; p[0] != t[0] {
				return false
			}
		case p[0] != '_' && p[0] != t[0]:
			return false
		}
		p, t = p[1:], t[1:]
	}
	return len(t) == 0
}

// GetFlightInfoCatalogs answers for DoGetCatalogs.
func (c *commands) GetFlightInfoCatalogs(_ context.Context, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.Catalogs), nil
}

// DoGetCatalogs lists the catalog.
func (c *commands) DoGetCatalogs(context.Context) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return tableOf(schema_ref.Catalogs, [][]any{{catalogName}})
}

// GetFlightInfoSchemas answers for DoGetDBSchemas.
func (c *commands) GetFlightInfoSchemas(_ context.Context, _ flightsql.GetDBSchemas, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.DBSchemas), nil
}

// DoGetDBSchemas lists the schemas.
func (c *commands) DoGetDBSchemas(_ context.Context, cmd flightsql.GetDBSchemas) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	var rows [][]any
	last := ""
	for _, t := range allTables {
		if t.Schema != last && inCatalog(cmd.GetCatalog()) && like(cmd.GetDBSchemaFilterPattern(), t.Schema) {
			rows = append(rows, []any{catalogName, t.Schema})
		}
		last = t.Schema
	}
	return tableOf(schema_ref.DBSchemas, rows)
}

// GetFlightInfoTables answers for DoGetTables.
func (c *commands) GetFlightInfoTables(_ context.Context, cmd flightsql.GetTables, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, tablesSchema(cmd)), nil
}

func tablesSchema(cmd flightsql.GetTables) *arrow.Schema {
	if cmd.GetIncludeSchema() {
		return schema_ref.TablesWithIncludedSchema
	}
	return schema_ref.Tables
}

// DoGetTables lists tables, with their columns where they are asked for.
func (c *commands) DoGetTables(_ context.Context, cmd flightsql.GetTables) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	var rows [][]any
	for _, t := range allTables {
		if !inCatalog(cmd.GetCatalog()) || !like(cmd.GetDBSchemaFilterPattern(), t.Schema) || !like(cmd.GetTableNameFilterPattern(), t.Name) ||
			len(cmd.GetTableTypes()) > 0 && !slices.Contains(cmd.GetTableTypes(), t.kind) {
			continue
		}
		row := []any{catalogName, t.Schema, t.Name, t.kind}
		if cmd.GetIncludeSchema() {
			row = append(row, flight.SerializeSchema(t.arrow(), memory.DefaultAllocator))
		}
		rows = append(rows, row)
	}
	return tableOf(tablesSchema(cmd), rows)
}

// arrow returns the table's schema with what Flight SQL tells about columns.
func (t tableEntry) arrow() *arrow.Schema {
	fields := make([]arrow.Field, len(t.Cols))
	for i, col := range t.Cols {
		meta := flightsql.NewColumnMetadataBuilder()
		meta.CatalogName(catalogName).SchemaName(t.Schema).TableName(t.Name).TypeName(col.Type.String())
		meta.IsReadOnly(t.kind != typeTable).IsSearchable(true).IsCaseSensitive(true).IsAutoIncrement(false)
		fields[i] = arrow.Field{Name: col.Name, Type: col.Type.Arrow(), Nullable: !t.isKey(col.Name), Metadata: meta.Metadata()}
	}
	return arrow.NewSchema(fields, nil)
}

// isKey reports whether a column belongs to the table's primary key.
func (t tableEntry) isKey(column string) bool {
	return slices.ContainsFunc(primaryKeys, func(k primaryKey) bool {
		return k.table == t.Table && slices.Contains(k.columns, column)
	})
}

// GetFlightInfoTableTypes answers for DoGetTableTypes.
func (c *commands) GetFlightInfoTableTypes(_ context.Context, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.TableTypes), nil
}

// DoGetTableTypes lists the types of tables.
func (c *commands) DoGetTableTypes(context.Context) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return tableOf(schema_ref.TableTypes, [][]any{{typeSystem}, {typeTable}, {typeView}})
}
