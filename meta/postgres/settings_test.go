package postgres

import (
	"testing"
	"time"

	"github.com/trellisdb/trellis/meta/postgres/postgrestest"
)

func TestConnectionsAreSetUp(t *testing.T) {
	server := postgrestest.Start(t, "synchronous_commit=off")
	where := server.URL(server.Database(t))
	tests := []struct {
		name    string
		where   string
		options Options
		setting string
		want    string
	}{
		{"a commit is on disk when it returns, whatever the server's default", where, Options{}, "synchronous_commit", "on"},
		{"a server that waits for its standby goes on to do so", where + "&synchronous_commit=remote_apply", Options{}, "synchronous_commit", "remote_apply"},
		{"the server shows who it is", where, Options{}, "application_name", "trellis"},
		{"under the name that was given", where, Options{Application: "node 7"}, "application_name", "node 7"},
		{"what the address says counts first", where + "&application_name=mine", Options{Application: "node 7"}, "application_name", "mine"},
		{"a statement ends", where, Options{}, "statement_timeout", "30s"},
		{"a statement ends after the time that was given", where, Options{StatementTimeout: 1500 * time.Millisecond}, "statement_timeout", "1500ms"},
		{"a transaction that does nothing ends", where, Options{}, "idle_in_transaction_session_timeout", "30s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Open(t.Context(), test.where, test.options)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			var got string
			if err := c.db.pool.QueryRowContext(t.Context(), "SHOW "+test.setting).Scan(&got); err != nil || got != test.want {
				t.Errorf("%s is %s, want %s (%v)", test.setting, got, test.want, err)
			}
			if most := c.db.pool.Stats().MaxOpenConnections; most != 8 {
				t.Errorf("there may be %d connections", most)
			}
		})
	}
}
