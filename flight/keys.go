package flight

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/schema_ref"

	"github.com/trellisdb/trellis/engine/plan"
)

// primaryKey is a table's primary key.
type primaryKey struct {
	table   *plan.Table
	name    string
	columns []string
}

// primaryKeys are the primary keys of all tables that have one.
var primaryKeys = []primaryKey{
	{plan.Samples, "samples_pkey", []string{"series", "time"}},
	{plan.Series, "series_pkey", []string{"series"}},
}

// The one foreign key: every sample is one of a series that exists.
const foreignKey = "samples_series_fkey"

// noAction is the rule for changes of what a foreign key refers to.
const noAction = uint8(3)

// refers reports whether a reference means a table.
func refers(ref flightsql.TableRef, t *plan.Table) bool {
	return inCatalog(ref.Catalog) && (ref.DBSchema == nil || *ref.DBSchema == t.Schema) && ref.Table == t.Name
}

// GetFlightInfoPrimaryKeys answers for DoGetPrimaryKeys.
func (c *commands) GetFlightInfoPrimaryKeys(_ context.Context, _ flightsql.TableRef, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.PrimaryKeys), nil
}

// DoGetPrimaryKeys lists the columns of a table's primary key.
func (c *commands) DoGetPrimaryKeys(_ context.Context, ref flightsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	var rows [][]any
	for _, k := range primaryKeys {
		if !refers(ref, k.table) {
			continue
		}
		for i, column := range k.columns {
			rows = append(rows, []any{catalogName, k.table.Schema, k.table.Name, column, int32(i + 1), k.name})
		}
	}
	return tableOf(schema_ref.PrimaryKeys, rows)
}

// foreignKeys lists the foreign key, or nothing.
func foreignKeys(list bool) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	var rows [][]any
	if list {
		pk, fk := plan.Series, plan.Samples
		rows = [][]any{{
			catalogName, pk.Schema, pk.Name, "series", catalogName, fk.Schema, fk.Name, "series",
			int32(1), foreignKey, "series_pkey", noAction, noAction,
		}}
	}
	return tableOf(schema_ref.ImportedExportedKeysAndCrossReference, rows)
}

// GetFlightInfoExportedKeys answers for DoGetExportedKeys.
func (c *commands) GetFlightInfoExportedKeys(_ context.Context, _ flightsql.TableRef, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.ExportedKeys), nil
}

// DoGetExportedKeys lists the foreign keys that refer to a table.
func (c *commands) DoGetExportedKeys(_ context.Context, ref flightsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return foreignKeys(refers(ref, plan.Series))
}

// GetFlightInfoImportedKeys answers for DoGetImportedKeys.
func (c *commands) GetFlightInfoImportedKeys(_ context.Context, _ flightsql.TableRef, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.ImportedKeys), nil
}

// DoGetImportedKeys lists the foreign keys of a table.
func (c *commands) DoGetImportedKeys(_ context.Context, ref flightsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return foreignKeys(refers(ref, plan.Samples))
}

// GetFlightInfoCrossReference answers for DoGetCrossReference.
func (c *commands) GetFlightInfoCrossReference(_ context.Context, _ flightsql.CrossTableRef, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.CrossReference), nil
}

// DoGetCrossReference lists the foreign keys of one table that refer to another.
func (c *commands) DoGetCrossReference(_ context.Context, ref flightsql.CrossTableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return foreignKeys(refers(ref.PKRef, plan.Series) && refers(ref.FKRef, plan.Samples))
}
