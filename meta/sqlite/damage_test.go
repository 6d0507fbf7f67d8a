package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/meta/metatest"
)

func TestDamage(t *testing.T) {
	metatest.RunDamage(t, open, func(t *testing.T, dir string) *sql.DB {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "catalog.db")+"?_pragma=busy_timeout(10000)")
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func TestATableThatWasMadeOtherwiseIsFound(t *testing.T) {
	for statement, say := range map[string]string{
		"DROP INDEX segments_retired":                      "index segments_retired: corrupt data: it is missing",
		"CREATE TABLE mine (a)":                            "table mine: corrupt data: no catalog has it",
		"ALTER TABLE pins ADD COLUMN mine TEXT":            "table pins: corrupt data: it was made otherwise",
		"CREATE INDEX mine ON edits (who)":                 "index mine: corrupt data: no catalog has it",
		"INSERT INTO pins VALUES ('a', 77, '', 0, 0)":      "table pins: corrupt data: row 0 refers to one that is not in snapshots",
		"DROP TABLE garbage":                               "table garbage: corrupt data: it is missing",
		"CREATE VIEW mine AS SELECT 1":                     "view mine: corrupt data: no catalog has it",
		"ALTER TABLE series RENAME COLUMN unit TO einheit": "table series: corrupt data: it was made otherwise",
	} {
		t.Run(statement, func(t *testing.T) {
			dir := t.TempDir()
			c := open(t, dir)
			defer func() { _ = c.Close() }()
			execute(t, filepath.Join(dir, "catalog.db"), statement)
			var found []string
			if _, err := c.Integrity(t.Context(), func(err error) { found = append(found, err.Error()) }); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(found, "\n"), say) {
				t.Errorf("said is %q", found)
			}
		})
	}
}
