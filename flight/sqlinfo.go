package flight

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/schema_ref"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
)

// bits returns a bit mask with some bits set.
func bits[T ~int32](numbers ...T) int32 {
	mask := int32(0)
	for _, n := range numbers {
		mask |= 1 << n
	}
	return mask
}

// unlimited is the answer to what is largest where there is no limit, or none that
// is known.
const unlimited = int64(0)

// sqlInfo is what the server says of itself: an answer for every id of the
// specification.
func sqlInfo(version string, maxMessage int) map[pb.SqlInfo]any {
	info := map[pb.SqlInfo]any{
		pb.SqlInfo_FLIGHT_SQL_SERVER_NAME:                          "Trellis",
		pb.SqlInfo_FLIGHT_SQL_SERVER_VERSION:                       version,
		pb.SqlInfo_FLIGHT_SQL_SERVER_ARROW_VERSION:                 arrow.PkgVersion,
		pb.SqlInfo_FLIGHT_SQL_SERVER_READ_ONLY:                     false,
		pb.SqlInfo_FLIGHT_SQL_SERVER_SQL:                           true,
		pb.SqlInfo_FLIGHT_SQL_SERVER_SUBSTRAIT:                     false,
		pb.SqlInfo_FLIGHT_SQL_SERVER_SUBSTRAIT_MIN_VERSION:         nil,
		pb.SqlInfo_FLIGHT_SQL_SERVER_SUBSTRAIT_MAX_VERSION:         nil,
		pb.SqlInfo_FLIGHT_SQL_SERVER_TRANSACTION:                   int32(pb.SqlSupportedTransaction_SQL_SUPPORTED_TRANSACTION_NONE),
		pb.SqlInfo_FLIGHT_SQL_SERVER_CANCEL:                        true,
		pb.SqlInfo_FLIGHT_SQL_SERVER_BULK_INGESTION:                true,
		pb.SqlInfo_FLIGHT_SQL_SERVER_INGEST_TRANSACTIONS_SUPPORTED: false,
		pb.SqlInfo_FLIGHT_SQL_SERVER_STATEMENT_TIMEOUT:             int32(0), // handles do not expire
		pb.SqlInfo_FLIGHT_SQL_SERVER_TRANSACTION_TIMEOUT:           int32(0),
	}
	maps.Copy(info, syntaxInfo())
	maps.Copy(info, limitInfo(maxMessage))
	maps.Copy(info, transactionInfo())
	return info
}

// syntaxInfo tells which SQL the server speaks.
func syntaxInfo() map[pb.SqlInfo]any {
	functions := functionsByKind()
	return map[pb.SqlInfo]any{
		pb.SqlInfo_SQL_DDL_CATALOG:                                false,
		pb.SqlInfo_SQL_DDL_SCHEMA:                                 false,
		pb.SqlInfo_SQL_DDL_TABLE:                                  false,
		pb.SqlInfo_SQL_IDENTIFIER_CASE:                            int32(pb.SqlSupportedCaseSensitivity_SQL_CASE_SENSITIVITY_LOWERCASE),
		pb.SqlInfo_SQL_IDENTIFIER_QUOTE_CHAR:                      `"`,
		pb.SqlInfo_SQL_QUOTED_IDENTIFIER_CASE:                     int32(pb.SqlSupportedCaseSensitivity_SQL_CASE_SENSITIVITY_UNKNOWN), // the specification has no word for sensitive
		pb.SqlInfo_SQL_ALL_TABLES_ARE_SELECTABLE:                  true,
		pb.SqlInfo_SQL_NULL_ORDERING:                              int32(pb.SqlNullOrdering_SQL_NULLS_SORTED_HIGH),
		pb.SqlInfo_SQL_KEYWORDS:                                   keywords,
		pb.SqlInfo_SQL_NUMERIC_FUNCTIONS:                          functions[numericFunction],
		pb.SqlInfo_SQL_STRING_FUNCTIONS:                           functions[stringFunction],
		pb.SqlInfo_SQL_SYSTEM_FUNCTIONS:                           functions[systemFunction],
		pb.SqlInfo_SQL_DATETIME_FUNCTIONS:                         functions[datetimeFunction],
		pb.SqlInfo_SQL_SEARCH_STRING_ESCAPE:                       `\`,
		pb.SqlInfo_SQL_EXTRA_NAME_CHARACTERS:                      "$",
		pb.SqlInfo_SQL_SUPPORTS_COLUMN_ALIASING:                   true,
		pb.SqlInfo_SQL_NULL_PLUS_NULL_IS_NULL:                     true,
		pb.SqlInfo_SQL_SUPPORTS_CONVERT:                           conversions(),
		pb.SqlInfo_SQL_SUPPORTS_TABLE_CORRELATION_NAMES:           true,
		pb.SqlInfo_SQL_SUPPORTS_DIFFERENT_TABLE_CORRELATION_NAMES: false, // an alias may be a table's name
		pb.SqlInfo_SQL_SUPPORTS_EXPRESSIONS_IN_ORDER_BY:           true,
		pb.SqlInfo_SQL_SUPPORTS_ORDER_BY_UNRELATED:                true,
		pb.SqlInfo_SQL_SUPPORTED_GROUP_BY:                         bits(pb.SqlSupportedGroupBy_SQL_GROUP_BY_UNRELATED, pb.SqlSupportedGroupBy_SQL_GROUP_BY_BEYOND_SELECT),
		pb.SqlInfo_SQL_SUPPORTS_LIKE_ESCAPE_CLAUSE:                true,
		pb.SqlInfo_SQL_SUPPORTS_NON_NULLABLE_COLUMNS:              true,
		pb.SqlInfo_SQL_SUPPORTED_GRAMMAR:                          bits(pb.SupportedSqlGrammar_SQL_MINIMUM_GRAMMAR),
		pb.SqlInfo_SQL_ANSI92_SUPPORTED_LEVEL:                     int32(0), // not all of the entry level: no CREATE TABLE
		pb.SqlInfo_SQL_SUPPORTS_INTEGRITY_ENHANCEMENT_FACILITY:    false,
		pb.SqlInfo_SQL_OUTER_JOINS_SUPPORT_LEVEL:                  int32(pb.SqlOuterJoinsSupportLevel_SQL_FULL_OUTER_JOINS),
		pb.SqlInfo_SQL_SCHEMA_TERM:                                "schema",
		pb.SqlInfo_SQL_PROCEDURE_TERM:                             "function",
		pb.SqlInfo_SQL_CATALOG_TERM:                               "database",
		pb.SqlInfo_SQL_CATALOG_AT_START:                           true,
		pb.SqlInfo_SQL_SCHEMAS_SUPPORTED_ACTIONS:                  int32(0),
		pb.SqlInfo_SQL_CATALOGS_SUPPORTED_ACTIONS:                 int32(0),
		pb.SqlInfo_SQL_SUPPORTED_POSITIONED_COMMANDS:              int32(0),
		pb.SqlInfo_SQL_SELECT_FOR_UPDATE_SUPPORTED:                false,
		pb.SqlInfo_SQL_STORED_PROCEDURES_SUPPORTED:                false,
		pb.SqlInfo_SQL_SUPPORTED_SUBQUERIES: bits(pb.SqlSupportedSubqueries_SQL_SUBQUERIES_IN_COMPARISONS,
			pb.SqlSupportedSubqueries_SQL_SUBQUERIES_IN_EXISTS, pb.SqlSupportedSubqueries_SQL_SUBQUERIES_IN_INS),
		pb.SqlInfo_SQL_CORRELATED_SUBQUERIES_SUPPORTED: false,
		pb.SqlInfo_SQL_SUPPORTED_UNIONS:                bits(pb.SqlSupportedUnions_SQL_UNION, pb.SqlSupportedUnions_SQL_UNION_ALL),
	}
}

// limitInfo tells what is largest.
func limitInfo(maxMessage int) map[pb.SqlInfo]any {
	const nameLen = int64(63) // as PostgreSQL's
	return map[pb.SqlInfo]any{
		pb.SqlInfo_SQL_MAX_BINARY_LITERAL_LENGTH:   unlimited,
		pb.SqlInfo_SQL_MAX_CHAR_LITERAL_LENGTH:     unlimited,
		pb.SqlInfo_SQL_MAX_COLUMN_NAME_LENGTH:      nameLen,
		pb.SqlInfo_SQL_MAX_COLUMNS_IN_GROUP_BY:     unlimited,
		pb.SqlInfo_SQL_MAX_COLUMNS_IN_INDEX:        unlimited,
		pb.SqlInfo_SQL_MAX_COLUMNS_IN_ORDER_BY:     unlimited,
		pb.SqlInfo_SQL_MAX_COLUMNS_IN_SELECT:       unlimited,
		pb.SqlInfo_SQL_MAX_COLUMNS_IN_TABLE:        unlimited,
		pb.SqlInfo_SQL_MAX_CONNECTIONS:             unlimited,
		pb.SqlInfo_SQL_MAX_CURSOR_NAME_LENGTH:      nameLen,
		pb.SqlInfo_SQL_MAX_INDEX_LENGTH:            unlimited,
		pb.SqlInfo_SQL_DB_SCHEMA_NAME_LENGTH:       nameLen,
		pb.SqlInfo_SQL_MAX_PROCEDURE_NAME_LENGTH:   nameLen,
		pb.SqlInfo_SQL_MAX_CATALOG_NAME_LENGTH:     nameLen,
		pb.SqlInfo_SQL_MAX_ROW_SIZE:                unlimited,
		pb.SqlInfo_SQL_MAX_ROW_SIZE_INCLUDES_BLOBS: true,
		pb.SqlInfo_SQL_MAX_STATEMENT_LENGTH:        int64(maxMessage),
		pb.SqlInfo_SQL_MAX_STATEMENTS:              unlimited,
		pb.SqlInfo_SQL_MAX_TABLE_NAME_LENGTH:       nameLen,
		pb.SqlInfo_SQL_MAX_TABLES_IN_SELECT:        unlimited,
		pb.SqlInfo_SQL_MAX_USERNAME_LENGTH:         unlimited,
	}
}

// transactionInfo tells of transactions, of which there are none, and of results.
func transactionInfo() map[pb.SqlInfo]any {
	readOnly := bits(pb.SqlSupportedResultSetConcurrency_SQL_RESULT_SET_CONCURRENCY_READ_ONLY)
	return map[pb.SqlInfo]any{
		pb.SqlInfo_SQL_DEFAULT_TRANSACTION_ISOLATION:                             int32(pb.SqlTransactionIsolationLevel_SQL_TRANSACTION_NONE),
		pb.SqlInfo_SQL_TRANSACTIONS_SUPPORTED:                                    false,
		pb.SqlInfo_SQL_SUPPORTED_TRANSACTIONS_ISOLATION_LEVELS:                   bits(pb.SqlTransactionIsolationLevel_SQL_TRANSACTION_NONE),
		pb.SqlInfo_SQL_DATA_DEFINITION_CAUSES_TRANSACTION_COMMIT:                 false,
		pb.SqlInfo_SQL_DATA_DEFINITIONS_IN_TRANSACTIONS_IGNORED:                  false,
		pb.SqlInfo_SQL_SUPPORTED_RESULT_SET_TYPES:                                bits(pb.SqlSupportedResultSetType_SQL_RESULT_SET_TYPE_FORWARD_ONLY),
		pb.SqlInfo_SQL_SUPPORTED_CONCURRENCIES_FOR_RESULT_SET_UNSPECIFIED:        int32(0),
		pb.SqlInfo_SQL_SUPPORTED_CONCURRENCIES_FOR_RESULT_SET_FORWARD_ONLY:       readOnly,
		pb.SqlInfo_SQL_SUPPORTED_CONCURRENCIES_FOR_RESULT_SET_SCROLL_SENSITIVE:   int32(0),
		pb.SqlInfo_SQL_SUPPORTED_CONCURRENCIES_FOR_RESULT_SET_SCROLL_INSENSITIVE: int32(0),
		pb.SqlInfo_SQL_BATCH_UPDATES_SUPPORTED:                                   true,
		pb.SqlInfo_SQL_SAVEPOINTS_SUPPORTED:                                      false,
		pb.SqlInfo_SQL_NAMED_PARAMETERS_SUPPORTED:                                false,
		pb.SqlInfo_SQL_LOCATORS_UPDATE_COPY:                                      false,
		pb.SqlInfo_SQL_STORED_FUNCTIONS_USING_CALL_SYNTAX_SUPPORTED:              false,
	}
}

// GetFlightInfoSqlInfo answers for DoGetSqlInfo.
func (c *commands) GetFlightInfoSqlInfo(_ context.Context, _ flightsql.GetSqlInfo, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.SqlInfo), nil
}

// DoGetSqlInfo tells about the server, in order of the ids; ids that it does not know
// are left out, for clients ask for what later versions of the specification have.
func (c *commands) DoGetSqlInfo(_ context.Context, cmd flightsql.GetSqlInfo) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	info := sqlInfo(c.server.opts.Engine.Version(), c.server.opts.MaxMessage)
	var rows [][]any
	for _, id := range slices.Sorted(maps.Keys(info)) {
		if wanted := cmd.GetInfo(); len(wanted) == 0 || slices.Contains(wanted, uint32(id)) {
			rows = append(rows, []any{uint32(id), infoValue{info[id]}})
		}
	}
	return tableOf(schema_ref.SqlInfo, rows)
}

// infoValue is a value of the union of SqlInfo; nil is a text that is NULL.
type infoValue struct{ any }

// appendInfo adds a value to the union of SqlInfo.
func appendInfo(b *array.DenseUnionBuilder, value any) error {
	v, ok := value.(infoValue)
	if !ok {
		return fmt.Errorf("a %T where an answer of SqlInfo belongs", value)
	}
	code := arrow.UnionTypeCode(0)
	switch v.any.(type) {
	case nil, string:
	case bool:
		code = 1
	case int64:
		code = 2
	case int32:
		code = 3
	case []string:
		code = 4
	case map[int32][]int32:
		code = 5
	default:
		return fmt.Errorf("SqlInfo has no values of type %T", v.any)
	}
	b.Append(code)
	return appendValue(b.Child(int(code)), v.any)
}

// appendPairs adds the entries of a map, in order of the keys.
func appendPairs(b *array.MapBuilder, value any) error {
	m, ok := value.(map[int32][]int32)
	if !ok {
		return fmt.Errorf("a %T where a map belongs", value)
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if err := appendValue(b.KeyBuilder(), k); err != nil {
			return err
		}
		if err := appendValue(b.ItemBuilder(), m[k]); err != nil {
			return err
		}
	}
	return nil
}
